"""The topic `status`: the Temporal server, and the worker hosts of this machine."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import JupyterWorkflowsError
from ..live.messages import ConnectionState, WorkerState
from ..live.topics import PolledTopic, Tell
from ..local import runtime as local_runtime
from ..local.status import HostStatus, RuntimeStatus
from ..runs.budgets import BudgetWatch
from ..schema.budgets import WorkspaceBudget
from .backend import Backend


class StatusTopic(PolledTopic):
    """The connection and the worker hosts; looking starts nothing."""

    def __init__(self, backend: Backend, budgets: BudgetWatch, tell: Tell, **polled: Any) -> None:
        super().__init__("status", tell, **polled)
        self.backend = backend
        self.budgets = budgets

    async def look(self) -> Any:
        """How it is now."""
        return await connection_state(self.backend, self.budgets)

    def state(self) -> ConnectionState:
        """All of it."""
        return self.known.model_copy(update={"number": self.number})


async def connection_state(backend: Backend, watch: BudgetWatch) -> ConnectionState:
    """The connection, the worker hosts and what is used of the workspace's budgets, as they are now."""
    found = await asyncio.to_thread(local_runtime.status, backend.home)
    problems = [problem for problem in (backend.problem, *found.problems) if problem]
    access = backend.access
    workspace, budgets = None, list[WorkspaceBudget]()
    if access is not None and backend.state == "connected":
        try:
            workspace, budgets = await watch.look(access)
        except JupyterWorkflowsError as error:
            problems.append(str(error))
    embedded = backend.embedded
    return ConnectionState(
        number=0,
        state=backend.state,
        embedded=embedded,
        can_start=backend.may_start,
        address=access.address if access else found.address if embedded else None,
        namespace=access.client.namespace if access else found.namespace if embedded else None,
        server_version=backend.server_version,
        home=str(backend.home.data),
        progress=backend.progress,
        workers=workers_of(found),
        problems=list(dict.fromkeys(problems)),
        workspace=workspace.name if workspace else None,
        budgets=budgets,
    )


def workers_of(status: RuntimeStatus) -> list[WorkerState]:
    """The worker hosts as a view shows them; nothing in it changes by the mere passing of time."""
    return [
        WorkerState(
            key=host.key,
            notebook=host.notebook,
            cwd=host.cwd,
            python=host.python,
            pid=host.pid,
            bundles=host.bundles,
            open_runs=host.open_runs,
            leases=host.leases,
            restarts=host.restarts,
            health=health_of(host),
            error=host.error,
        )
        for host in status.hosts
    ]


def health_of(host: HostStatus) -> Any:
    """How a worker host is, in a word."""
    if host.error:
        return "failing"
    return "up" if host.pid and host.open_runs is not None else "starting"
