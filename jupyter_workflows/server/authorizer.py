"""Keeps kernels, terminals and files of a shared Jupyter server to those who write workflows.

    c.ServerApp.authorizer_class = "jupyter_workflows.server.authorizer.RolesAuthorizer"

Who can run code as the server's account can read its signing key, so roles would be worth nothing where everybody may.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer, User

from ..errors import JupyterWorkflowsError
from .identity import person_here
from .refusals import tell_refusal

OURS = "jupyter-workflows:"
WRITERS = frozenset({"author", "admin"})
# What a page of JupyterLab needs to be shown at all; none of it runs code or gives a file.
SHOWN = frozenset({"api", "config", "csp", "events", "kernels", "kernelspecs", "sessions", "settings", "terminals"})


class RolesAuthorizer(Authorizer):
    """Lets authors and admins of the workspace do everything else in Jupyter, and the others look at its pages.

    What is ours is asked of the roles one by one, whichever authorizer there is. Without a file of roles it allows
    everything, as Jupyter's default does.
    """

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Whether the user of a request has a right."""
        del user
        if resource.startswith(OURS):
            return True
        service = handler.settings["jupyter_workflows"]
        try:
            workspaces = service.workspaces.read()
            if workspaces is None:
                return True
            roles = workspaces.roles_of(person_here(handler), service.hub.backend.namespace)
        except JupyterWorkflowsError as error:
            self.log.warning("jupyter-workflows: %s", error)
            return False
        if WRITERS & roles or (roles and action == "read" and resource in SHOWN):
            return True
        has = ", ".join(sorted(roles)) or "nobody"
        tell_refusal(handler, f"no author or admin here, but {has}: no right to {action} {resource}")
        return False
