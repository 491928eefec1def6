"""What the runs of a namespace spent on models this month, as the memos in Temporal's list of runs say it.

There is no second book: what is counted is what the runs have on record, whichever worker served them. So runs count
as long as Temporal keeps them, which `retention` tells.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client

from ..authoring.spending import SPENT_MEMO
from ..schema.budgets import Spent, SpentByRun

PAGE = 1_000
# What was spent elsewhere is noticed so late; what this worker spends, at once.
LOOK_SECONDS = 2.0
# A large namespace is looked through at most a twentieth of the time.
SHARE = 20
# Temporal's list may be a little behind.
LATE = timedelta(minutes=1)


class Books:
    """Counts what the runs of a client's namespace spent.

    Args:
        client: A connected client.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._turn = asyncio.Lock()
        self._month = ""
        self._runs: dict[str, tuple[bytes, dict[str, Spent]]] = {}
        self._looked_until: datetime | None = None
        self._again = 0.0

    async def spent(self, now: datetime) -> dict[str, Spent]:
        """What was spent this month, by day as `2026-11-26`; at most two seconds old.

        Args:
            now: The time, in UTC.
        """
        async with self._turn:
            if f"{now:%Y-%m}" != self._month:
                self._month, self._runs, self._looked_until, self._again = f"{now:%Y-%m}", {}, None, 0.0
            if time.monotonic() >= self._again:
                began = time.monotonic()
                await self._look(now)
                took = time.monotonic() - began
                self._again = began + max(LOOK_SECONDS, SHARE * took)
        days: dict[str, Spent] = {}
        for _, by_day in self._runs.values():
            for day, spent in by_day.items():
                if day.startswith(self._month):
                    days[day] = days.get(day, Spent()) + spent
        return days

    async def _look(self, now: datetime) -> None:
        begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        since = max(begin, self._looked_until - LATE) if self._looked_until else begin
        query = f"CloseTime >= '{since:%Y-%m-%dT%H:%M:%S}Z' OR ExecutionStatus = 'Running'"
        token = b""
        while True:
            request = ListWorkflowExecutionsRequest(
                namespace=self.client.namespace, query=query, page_size=PAGE, next_page_token=token
            )
            answer = await self.client.workflow_service.list_workflow_executions(request, retry=True)
            for info in answer.executions:
                await self._enter(info)
            token = answer.next_page_token
            if not token:
                break
        self._looked_until = now

    async def _enter(self, info: WorkflowExecutionInfo) -> None:
        run_id = info.execution.run_id
        if SPENT_MEMO not in info.memo.fields:
            return
        payload = info.memo.fields[SPENT_MEMO]
        if run_id in self._runs and self._runs[run_id][0] == payload.data:
            return
        told = await self._read(payload)
        self._runs[run_id] = payload.data, told.days if told is not None and told.run_id == run_id else {}

    async def spent_by(self, workflow_id: str, run_id: str) -> Spent:
        """What a run has spent by itself."""
        request = DescribeWorkflowExecutionRequest(
            namespace=self.client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        )
        answer = await self.client.workflow_service.describe_workflow_execution(request, retry=True)
        fields = answer.workflow_execution_info.memo.fields
        told = await self._read(fields[SPENT_MEMO]) if SPENT_MEMO in fields else None
        return told.total if told else Spent()

    async def retention(self) -> timedelta:
        """How long Temporal keeps closed runs."""
        request = DescribeNamespaceRequest(namespace=self.client.namespace)
        answer = await self.client.workflow_service.describe_namespace(request, retry=True)
        return answer.config.workflow_execution_retention_ttl.ToTimedelta()

    async def _read(self, payload: Payload) -> SpentByRun | None:
        """What a memo says; None where it makes no sense, or its key is gone."""
        try:
            (value,) = await self.client.data_converter.decode([payload])
            return SpentByRun.model_validate(value)
        except Exception:  # noqa: BLE001 - whoever reaches Temporal can write a memo
            return None


def utc_now() -> datetime:
    """The time in UTC, by which days and months are counted."""
    return datetime.now(UTC)
