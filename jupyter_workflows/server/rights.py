"""Which right each request needs: an action on a resource, as Jupyter's authorizers know them.

An `Authorizer` is asked `is_authorized(handler, user, action, resource)`; the default one allows every user everything.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NamedTuple

from ..live.messages import (
    AskAct,
    AskCancel,
    AskDecision,
    Asked,
    AskFork,
    AskForks,
    AskOpen,
    AskResume,
    AskRollBack,
    AskStart,
)
from .topic_names import PlainName, WorkflowName, read_topic


class Right(NamedTuple):
    """An action on a resource."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


STREAM = Right("read", "jupyter-workflows:stream")
SEE_STATUS = Right("read", "jupyter-workflows:runtime")
START_RUNTIME = Right("execute", "jupyter-workflows:runtime")
SEE_RUNS = Right("read", "jupyter-workflows:runs")
STOP_RUNS = Right("write", "jupyter-workflows:runs")
SEE_APPROVALS = Right("read", "jupyter-workflows:approvals")
DECIDE = Right("write", "jupyter-workflows:approvals")
SEE_WORKFLOWS = Right("read", "jupyter-workflows:workflows")
START_RUNS = Right("execute", "jupyter-workflows:workflows")
SEE_VALUES = Right("read", "jupyter-workflows:values")
RIGHTS = (
    STREAM, SEE_STATUS, START_RUNTIME, SEE_RUNS, STOP_RUNS, SEE_APPROVALS, DECIDE, SEE_WORKFLOWS, START_RUNS,
    SEE_VALUES,
)  # fmt: skip


def right_to(asked: Asked) -> Right:
    """The right that a message of a page needs.

    Raises:
        JupyterWorkflowsError: It is about nothing there is.
    """
    match asked:
        case AskDecision() | AskAct():
            return DECIDE
        case AskCancel() | AskRollBack():
            return STOP_RUNS
        case AskStart() | AskResume() | AskFork():
            return START_RUNS
        case AskOpen() | AskForks():
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


async def allowed(handler: Any, right: Right) -> bool:
    """Whether the user of a request has a right."""
    answer: bool | Awaitable[bool] = handler.authorizer.is_authorized(handler, handler.current_user, *right)
    return answer if isinstance(answer, bool) else await answer
