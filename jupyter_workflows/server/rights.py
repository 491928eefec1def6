"""Which right each request needs, and whether its user has it.

Two are asked, and both have to agree: the Jupyter server's `Authorizer`, as `is_authorized(handler, user, action,
resource)`, whose default allows every user everything; and the roles of the workspace, where there is a file of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from tornado import web

from ..errors import JupyterWorkflowsError
from ..live.messages import (
    AskAct,
    AskCancel,
    AskCompare,
    AskDecision,
    Asked,
    AskFork,
    AskForks,
    AskOpen,
    AskResume,
    AskRollBack,
    AskStart,
    Reply,
)
from ..security.rights import (
    ANSWER,
    DECIDE,
    RIGHTS,
    SEE_APPROVALS,
    SEE_RUNS,
    SEE_STATUS,
    SEE_WORKFLOWS,
    START_RUNS,
    STOP_RUNS,
    Right,
)
from .hub import Viewer
from .identity import person_here
from .topic_names import PlainName, WorkflowName, read_topic


def right_to(asked: Asked) -> Right:
    """The right that a message of a page needs.

    Raises:
        JupyterWorkflowsError: It is about nothing there is.
    """
    match asked:
        case AskAct(act=Reply()):
            return ANSWER
        case AskDecision() | AskAct():
            return DECIDE
        case AskCancel() | AskRollBack():
            return STOP_RUNS
        case AskStart() | AskResume() | AskFork():
            return START_RUNS
        case AskOpen() | AskForks() | AskCompare():
            return SEE_RUNS
        case _:
            return right_to_see(asked.topic)


def right_to_see(topic: str) -> Right:
    """The right that following a topic needs.

    Raises:
        JupyterWorkflowsError: There is none of this name.
    """
    meant = read_topic(topic)
    if isinstance(meant, PlainName):
        return SEE_STATUS if meant.name == "status" else SEE_APPROVALS
    return SEE_WORKFLOWS if isinstance(meant, WorkflowName) else SEE_RUNS


def check_role(handler: Any, right: Right) -> None:
    """Refuses what no role of a request's user gives.

    Raises:
        NotPermitted: No role does; says which would.
        WorkspacesInvalid: The file of roles can't be used.
    """
    service = handler.settings["jupyter_workflows"]
    workspaces = service.workspaces.read()
    if workspaces is not None:
        workspaces.check(person_here(handler), service.hub.backend.namespace, right)


async def refusal(handler: Any, right: Right) -> str | None:
    """Why the user of a request has no right, as a sentence; None where they have it."""
    answer: bool | Awaitable[bool] = handler.authorizer.is_authorized(handler, handler.current_user, *right)
    if not (answer if isinstance(answer, bool) else await answer):
        return f"{person_here(handler).name} has no right to {right}"
    try:
        check_role(handler, right)
    except JupyterWorkflowsError as error:
        return str(error)
    return None


async def viewer_here(handler: Any) -> Viewer:
    """The user of a request, and all they may.

    Raises:
        WorkspacesInvalid: The file of roles can't be used.
    """
    may = frozenset([right for right in RIGHTS if await refusal(handler, right) is None])
    return Viewer(person_here(handler), None if len(may) == len(RIGHTS) else may)


def in_role(right: Right, *, by_page: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A method of a handler for those whom a role gives a right; stands below `@authorized`.

    Args:
        right: What it takes.
        by_page: Whether the handler shows its errors as Jupyter does, and not in our shape.
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                check_role(self, right)
            except JupyterWorkflowsError as error:
                raise web.HTTPError(403, str(error)) if by_page else error from None
            return method(self, *args, **kwargs)

        return checked

    return decorate
