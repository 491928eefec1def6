"""Who may do what: the rights there are, the roles of a workspace, and the one question that everything asks.

A right is an action on a resource, in the words of Jupyter's authorizers. The Jupyter server, the gateway of published
workflows and the commands ask `allowed`; `docs/reference/roles.md` shows the same as a table, which a test compares.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple


class Right(NamedTuple):
    """An action on a resource."""

    action: str
    resource: str

    @property
    def brief(self) -> str:
        """`write approvals`, as views are told it."""
        return f"{self.action} {self.resource.removeprefix('jupyter-workflows:')}"

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


STREAM = Right("read", "jupyter-workflows:stream")
SEE_STATUS = Right("read", "jupyter-workflows:runtime")
START_RUNTIME = Right("execute", "jupyter-workflows:runtime")
SEE_RUNS = Right("read", "jupyter-workflows:runs")
STOP_RUNS = Right("write", "jupyter-workflows:runs")
SEE_APPROVALS = Right("read", "jupyter-workflows:approvals")
DECIDE = Right("write", "jupyter-workflows:approvals")
ANSWER = Right("write", "jupyter-workflows:questions")
SEE_WORKFLOWS = Right("read", "jupyter-workflows:workflows")
START_RUNS = Right("execute", "jupyter-workflows:workflows")
EXPORT = Right("write", "jupyter-workflows:workflows")
CALL = Right("execute", "jupyter-workflows:published")
SEE_VALUES = Right("read", "jupyter-workflows:values")
MANAGE = Right("write", "jupyter-workflows:workspace")
RIGHTS = (
    STREAM, SEE_STATUS, START_RUNTIME, SEE_RUNS, STOP_RUNS, SEE_APPROVALS, DECIDE, ANSWER, SEE_WORKFLOWS, START_RUNS,
    EXPORT, CALL, SEE_VALUES, MANAGE,
)  # fmt: skip

Role = Literal["viewer", "author", "operator", "reviewer", "admin"]
READING = frozenset({STREAM, SEE_STATUS, SEE_RUNS, SEE_APPROVALS, SEE_WORKFLOWS})
GRANTS: Mapping[Role, frozenset[Right]] = {
    "viewer": READING,
    "author": READING | {START_RUNTIME, STOP_RUNS, ANSWER, START_RUNS, EXPORT, CALL, SEE_VALUES},
    "operator": READING | {START_RUNTIME, STOP_RUNS, CALL},
    "reviewer": READING | {DECIDE},
    "admin": frozenset(RIGHTS),
}
ROLES: tuple[Role, ...] = tuple(GRANTS)


def allowed(roles: Collection[str], right: Right) -> bool:
    """Whether any of some roles gives a right; an admin has every one, also those of extensions.

    Args:
        roles: The roles of a person in a workspace.
        right: What the person wants to do.
    """
    return any(role == "admin" or right in GRANTS.get(role, ()) for role in roles)  # pyright: ignore[reportArgumentType, reportCallIssue]


def roles_with(right: Right) -> tuple[Role, ...]:
    """The roles that give a right."""
    return tuple(role for role in ROLES if allowed((role,), right))
