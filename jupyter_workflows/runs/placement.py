"""Whose workers run what is started: those of who starts it, or those that the workspace names."""

from __future__ import annotations

from ..errors import WorkerUnavailable
from .access import RunAccess
from .pollers import read_pollers_of_queue
from .untrusted import one_line


def workspace_queue(access: RunAccess) -> str | None:
    """The task queue of the workspace's workers; None where it names none.

    Raises:
        WorkspacesInvalid: The file can't be used.
    """
    workspace = access.workspace
    return workspace.queue if workspace else None


async def served_queue(access: RunAccess) -> str | None:
    """The task queue of the workspace's workers, where one of them asks for work; None where it names none.

    Cost: two calls, where it names one.

    Raises:
        WorkerUnavailable: None does: a run would wait, and nobody would know for what.
        WorkspacesInvalid: The file can't be used.
        ConnectionFailed: The server is out of reach.
    """
    workspace = access.workspace
    if workspace is None or workspace.queue is None or access.workspaces is None:
        return None
    pollers = await read_pollers_of_queue(access.client, workspace.queue)
    if pollers.live:
        return workspace.queue
    queue = one_line(workspace.queue, 80)
    when = f" (the last did so at {pollers.last_seen:%Y-%m-%d %H:%M:%S} UTC)" if pollers.last_seen else ""
    raise WorkerUnavailable(
        f"runs of workspace {one_line(workspace.name, 80)} are for the workers of the task queue {queue}, as "
        f"{access.workspaces.path} says, and none of them asks for work{when}: start one there, an exported package's "
        f"with JUPYTER_WORKFLOWS_TASK_QUEUE={queue} or `jupyter workflows worker PATH --queue {queue}`, or name "
        "another queue for this run: --queue QUEUE, options(queue=...)"
    )
