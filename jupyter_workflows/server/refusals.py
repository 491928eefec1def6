"""What is refused to whom, as a line in the Jupyter server's log: by role, a decision that does not count, elsewhere.

    jupyter-workflows refused {"who": "eve", "from": "10.0.0.7", "what": "POST api/runs/C-17/cancel", "workspace": ...

One line each, whatever the request holds: JSON in ASCII, with control characters and what is invisible escaped, and cut
where it is long. No value of a workflow, no body, no parameter after the path, and no key of the environment is in it.
"""

from __future__ import annotations

import json
from typing import Any, cast

from tornado import web

from ..errors import ApprovalRefused, CallerRefused, JupyterWorkflowsError, NotPermitted, WorkspacesInvalid
from ..live.messages import AskAct, AskDecision, Asked
from ..runs.untrusted import one_line
from ..security.secrets import redacted
from .identity import reviewer_here

REFUSALS = (NotPermitted, ApprovalRefused, CallerRefused, WorkspacesInvalid)
LONGEST = 500
FORBIDDEN = 403


def is_refusal(error: BaseException | None) -> bool:
    """Whether an error means that somebody may not do what they asked."""
    return isinstance(error, REFUSALS) or (isinstance(error, web.HTTPError) and error.status_code == FORBIDDEN)


def tell_refusal(handler: Any, why: object, what: str = "") -> None:
    """Puts a refusal on record; from any thread.

    Args:
        handler: Whose request it was.
        why: The reason, as the user is told it.
        what: What was asked; by default the request itself.
    """
    said = {
        "who": who_asks(handler),
        "from": handler.request.remote_ip,
        "what": what or f"{handler.request.method} {path_of(handler)}",
        "workspace": workspace_of(handler),
        "why": why,
    }
    line = json.dumps({name: one_line(redacted(str(value)), LONGEST) for name, value in said.items()})
    handler.log.warning("jupyter-workflows refused %s", line)


def who_asks(handler: Any) -> str:
    """The name of whoever asks; empty for somebody who did not sign in."""
    try:
        return reviewer_here(handler) if handler.current_user else ""
    except RuntimeError:
        # Nobody was asked for yet.
        return ""


def path_of(handler: Any) -> str:
    """The path of a request, below the server's base and ours; a ticket in it is a secret."""
    path: str = handler.request.path
    ticket = cast("dict[str, str]", handler.path_kwargs or {}).get("ticket")
    path = path.replace(ticket, "[ticket]") if ticket else path
    return path.partition("/jupyter-workflows/")[2] or path


def workspace_of(handler: Any) -> str:
    """What the workspace of this server is called; the namespace where no file names it."""
    service = handler.settings["jupyter_workflows"]
    namespace = ""
    try:
        namespace = service.hub.backend.namespace
        found = service.workspaces.read()
    except JupyterWorkflowsError:
        return namespace
    workspace = found.workspaces.get(namespace) if found else None
    return workspace.name if workspace else namespace


def words_of(asked: Asked) -> str:
    """What a message of a page asks, without a value."""
    if isinstance(asked, AskAct):
        return f"{asked.act.type} {asked.topic} {asked.approval}"
    if isinstance(asked, AskDecision):
        return f"{asked.verdict} {asked.topic} {asked.approval}"
    return f"{asked.type} {asked.topic}"


class TellsRefusals:
    """A handler whose refusals are lines in the log; stands first among the bases."""

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A refusal in a line; the rest as the handler does it."""
        if is_refusal(value):
            tell_refusal(self, getattr(value, "log_message", None) or str(value))
        else:
            super().log_exception(typ, value, tb)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
