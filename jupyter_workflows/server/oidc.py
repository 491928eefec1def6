"""Signs people in by tokens of OpenID Connect, such as a proxy in front of the Jupyter server sends for them.

    c.ServerApp.identity_provider_class = "jupyter_workflows.server.oidc.OidcIdentityProvider"

Each request carries `Authorization: Bearer <token>`; the issuers that count are those of the file of workspaces.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jupyter_server.auth import IdentityProvider, User
from traitlets import Unicode

from ..errors import JupyterWorkflowsError
from ..local.paths import Home
from ..runs.untrusted import one_line
from ..security.oidc import Verifier
from ..security.workspaces import Issuer, WorkspacesFile

SCHEME = "bearer "


@dataclass
class GroupUser(User):
    """A user, and the groups that the issuer says they are in."""

    groups: list[str] = field(default_factory=list[str])


class OidcIdentityProvider(IdentityProvider):
    """Knows whoever an issuer of the file of workspaces has signed in; the server has no token or password."""

    workspaces_file = Unicode(
        "", help="The file of workspaces; by default what JUPYTER_WORKFLOWS_WORKSPACES names, else that of the home."
    ).tag(config=True)

    @cached_property
    def workspaces(self) -> WorkspacesFile:
        """Where the issuers are named."""
        return WorkspacesFile.of_home(Home.locate().data, self.workspaces_file)

    def verifier(self) -> Verifier:
        """What verifies tokens; a new one when the issuers have changed.

        Raises:
            WorkspacesInvalid: The file can't be used.
        """
        found = self.workspaces.read()
        issuers = dict(found.issuers) if found else {}
        known: tuple[dict[str, Issuer], Verifier] | None = getattr(self, "_verifier", None)
        if known is None or known[0] != issuers:
            known = (issuers, Verifier(issuers))
            self._verifier = known
        return known[1]

    async def get_user(self, handler: Any) -> User | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Whom the token of a request is about; nobody where it does not count, and the log says why."""
        known = getattr(handler, "_jupyter_current_user", None)
        if known:
            return known
        header: str = handler.request.headers.get("Authorization", "")
        if not header.lower().startswith(SCHEME):
            return None
        try:
            person = await asyncio.to_thread(self.verifier().person, header[len(SCHEME) :].strip())
        except JupyterWorkflowsError as error:
            self.log.warning("jupyter-workflows: nobody is signed in: %s", one_line(error, 500))
            return None
        # A proxy adds the token to whatever a browser sends: such a request has to show that it is of our own pages.
        handler._token_authenticated = not {"Origin", "Cookie", "Sec-Fetch-Site"} & set(handler.request.headers)
        return GroupUser(username=person.name, groups=sorted(person.groups))
