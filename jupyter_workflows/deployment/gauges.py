"""What a deployed worker tells of its queue beside what it does itself: how much is open, waits, and is stuck.

It asks the server, so each worker of a queue tells the same: a dashboard takes the largest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from ..errors import JupyterWorkflowsError
from ..runs.access import RunAccess
from ..runs.listing import Filter, count_runs, fetch_infos, memo_payloads, open_approvals
from ..runs.statistics.collecting import Question, Statistics
from ..runs.values import Values
from ..telemetry import metrics

log = logging.getLogger("jupyter_workflows.deployment")

SECONDS = 10.0
# Of the looks, each so manieth reads the histories of runs that have closed since.
RECOVERY_EVERY = 4
WINDOW = timedelta(days=1)
MOST_RUNS = 1_000
MOST_HISTORIES = 200
MOST_APPROVALS = 1_000
KINDS = {"runs": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, "steps": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY}


class Gauges:
    """Looks again and again.

    Args:
        client: The connected client.
        queue: The task queue.
        workflows: The workflows that are served.
    """

    def __init__(self, client: Client, queue: str, workflows: Sequence[str]) -> None:
        self.access = RunAccess.of(client)
        self.queue = queue
        self.open = f"TaskQueue = '{queue}' AND ExecutionStatus = 'Running'"
        self.statistics = {
            workflow: Statistics(
                self.access,
                Question(wanted=Filter(workflow=workflow, since=WINDOW), limit=MOST_RUNS, histories=MOST_HISTORIES),
            )
            for workflow in workflows
        }

    async def follow(self) -> None:
        """Tells until it is cancelled; a look that fails is made up for by the next."""
        if metrics.meter() is None:
            return
        looks = 0
        while True:
            try:
                await self.look()
                if looks % RECOVERY_EVERY == 0:
                    await self.recovery()
            except (JupyterWorkflowsError, RPCError) as error:
                log.warning("the queue could not be looked at: %s", error)
            looks += 1
            await asyncio.sleep(SECONDS)

    async def look(self) -> None:
        """How much is open, waits and is stuck."""
        metrics.record(metrics.RUNS_OPEN, await count_runs(self.access, self.open))
        stuck = f"{self.open} AND TemporalReportedProblems IS NOT NULL"
        # Servers before 1.30 don't know the attribute: then nothing is told of stuck runs.
        with contextlib.suppress(JupyterWorkflowsError):
            metrics.record(metrics.RUNS_STUCK, await count_runs(self.access, stuck))
        await self.approvals()
        for word, kind in KINDS.items():
            request = DescribeTaskQueueRequest(
                namespace=self.access.client.namespace,
                task_queue=TaskQueue(name=self.queue),
                task_queue_type=kind,
                report_stats=True,
            )
            answer = await self.access.client.workflow_service.describe_task_queue(request)
            metrics.record(metrics.BACKLOG, answer.stats.approximate_backlog_count, type=word)

    async def approvals(self) -> None:
        """Who waits, and for how long."""
        infos = await fetch_infos(self.access, f"{self.open} AND JwOpenApprovals > 0", MOST_APPROVALS)
        values = Values(self.access.client.data_converter)
        await values.prepare(payload for info in infos for payload in memo_payloads(info))
        waiting = [approval for info in infos for approval in open_approvals(info, values)]
        metrics.record(metrics.APPROVALS_WAITING, len(waiting))
        oldest = min((approval.opened_at for approval in waiting), default=None)
        age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
        metrics.record(metrics.APPROVAL_AGE, max(0.0, age))

    async def recovery(self) -> None:
        """Of the runs that met a failure, how many completed."""
        for workflow, statistics in self.statistics.items():
            found = (await statistics.look()).recovery
            metrics.record(metrics.RECOVERY_RATE, 1.0 if found.rate is None else found.rate, workflow=workflow)
