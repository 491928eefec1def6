"""Which right each subcommand needs, where a file gives people their roles.

A command runs as the local user, with that user's access to Temporal: who can read the keys and reach the server can do
without our commands what they refuse. They refuse it all the same, so that nobody does by mistake what is not theirs.
"""

from __future__ import annotations

from ..errors import NotPermitted
from ..local.server import NAMESPACE
from ..runs.access import person_of
from ..security.rights import (
    ANSWER,
    DECIDE,
    MANAGE,
    SEE_APPROVALS,
    SEE_RUNS,
    SEE_STATUS,
    SEE_VALUES,
    SEE_WORKFLOWS,
    START_RUNS,
    START_RUNTIME,
    STOP_RUNS,
    Right,
)
from ..security.workspaces import WorkspacesFile
from ..session import Session

# What stands here with None is about files on this machine only: no workspace is asked.
NEEDED: dict[str, Right | None] = {
    "up": START_RUNTIME,
    "down": START_RUNTIME,
    "status": SEE_STATUS,
    "workspace": SEE_STATUS,
    "keys": SEE_STATUS,
    "encryption": MANAGE,
    "start": START_RUNS,
    "runs": SEE_RUNS,
    "dashboard": SEE_RUNS,
    "show": SEE_RUNS,
    "inbox": SEE_APPROVALS,
    "approve": DECIDE,
    "reject": DECIDE,
    "delegate": DECIDE,
    "ask": DECIDE,
    "answer": ANSWER,
    "cancel": STOP_RUNS,
    "terminate": STOP_RUNS,
    "resume": START_RUNS,
    "fork": START_RUNS,
    "compare": SEE_RUNS,
    "audit": SEE_VALUES,
    "deployments": START_RUNTIME,
    "rollback": STOP_RUNS,
    "signal": STOP_RUNS,
    "query": SEE_RUNS,
    "replay": SEE_VALUES,
    "history": SEE_VALUES,
    "durable": START_RUNS,
    "bundle": None,
    "lint": None,
    "export": SEE_WORKFLOWS,
    "worker": START_RUNTIME,
    "publish": START_RUNS,
    "unpublish": START_RUNS,
    "published": SEE_WORKFLOWS,
    "tokens": MANAGE,
    "gateway": START_RUNTIME,
    "schedule": START_RUNS,
    "schedules": SEE_RUNS,
}


def check(session: Session, subcommand: str, reviewer: str | None = None) -> None:
    """Refuses a subcommand that no role of the local user gives.

    Args:
        session: Whose home and connection it is.
        subcommand: What was asked for; one that is not in the table is for admins.
        reviewer: In whose name it is to be done, where that was said.

    Raises:
        NotPermitted: No role gives it, or it was to be done in somebody else's name.
        WorkspacesInvalid: The file of roles can't be used.
    """
    right = NEEDED.get(subcommand, MANAGE)
    file = WorkspacesFile.of_home(session.home.data)
    workspaces = file.read()
    if workspaces is None or right is None:
        return
    person = person_of(None, file)
    workspaces.check(person, session.settings.namespace if session.settings else NAMESPACE, right)
    if reviewer and reviewer.casefold() != person.name.casefold():
        raise NotPermitted(
            f"you are {person.name[:80]} here and can't act as {reviewer[:80]}: {workspaces.path} gives people their "
            "roles, so everybody acts for themselves"
        )
