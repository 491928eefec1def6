"""Runs as visibility has them, kept from one look to the next: a closed run does not change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest
from temporalio.service import RPCError

from ...schema import Approval, Run, RunStatus
from ..access import RunAccess, in_our_words
from ..listing import QUERY_STATUS, Filter, memo_payloads, read_approvals, read_run
from ..values import Values

# The server gives no more at once.
PAGE = 1_000
# A run may show in visibility a little after it has closed; what comes later still is found by the count.
OVERLAP = timedelta(seconds=10)
RELIST_SECONDS = 600.0


@dataclass(frozen=True)
class Listed:
    """A run as visibility has it.

    Args:
        run: The run.
        approvals: The approvals in its memo, decided ones too.
        transitions: How often its state has changed; 0 while it is open.
    """

    run: Run
    approvals: Sequence[Approval] = ()
    transitions: int = 0


@dataclass(frozen=True)
class Listing:
    """The runs that fit.

    Args:
        runs: The newest of them, at most as many as were asked for.
        total: How many there are; exact, also where not all are listed.
    """

    runs: Sequence[Listed]
    total: int

    @property
    def whole(self) -> bool:
        """Whether all runs are listed."""
        return len(self.runs) >= self.total


class Ledger:
    """Looks runs up: all of them the first time, afterwards those that are open or have closed since.

    Args:
        access: What is asked.
        wanted: Which runs.
        limit: At most so many.
    """

    def __init__(self, access: RunAccess, wanted: Filter, limit: int) -> None:
        self.access = access
        self.wanted = wanted
        self.limit = limit
        self.closed: dict[str, Listed] = {}
        self.open: dict[str, Listed] = {}
        self.newest_close: datetime | None = None
        self.truncated = False
        self.relist_at = 0.0

    async def look(self) -> Listing:
        """The runs now.

        Raises:
            ConnectionFailed: The server is out of reach.
        """
        if self.newest_close is None or time.monotonic() > self.relist_at:
            await self.list_all()
        else:
            await self.list_news(self.newest_close)
            if not self.truncated and await self.counted() != len(self.closed) + len(self.open):
                # Runs that retention has deleted, or that came between two questions.
                await self.list_all()
        self.forget_the_old()
        runs = sorted([*self.closed.values(), *self.open.values()], key=lambda each: each.run.started_at, reverse=True)
        total = await self.counted() if self.truncated else len(runs)
        return Listing(runs, max(total, len(runs)))

    async def list_all(self) -> None:
        """Lists everything anew."""
        self.closed.clear()
        self.open.clear()
        self.truncated = await self.take(self.wanted.query, self.limit)
        self.relist_at = time.monotonic() + RELIST_SECONDS

    async def list_news(self, since: datetime) -> None:
        """Lists what is open, and what has closed since."""
        self.open.clear()
        if fits_status(self.wanted, "running"):
            await self.take(joined(self.wanted.query, "ExecutionStatus = 'Running'"), self.limit)
        closed = f"CloseTime >= '{since - OVERLAP:%Y-%m-%dT%H:%M:%S.%f}Z'"
        await self.take(joined(self.wanted.query, closed), self.limit)

    async def take(self, query: str, limit: int) -> bool:
        """Takes in the runs of a query; whether there are more than `limit`."""
        infos, more = await listed(self.access, query, limit, self.wanted.fits)
        values = Values(self.access.client.data_converter)
        await values.prepare(payload for info in infos for payload in memo_payloads(info))
        for info in infos:
            run = read_run(info)
            approvals = read_approvals(info, values) if info.memo.fields else ()
            entry = Listed(run, approvals, info.state_transition_count)
            if run.status == "running":
                if run.run_id not in self.closed:
                    self.open[run.run_id] = entry
                continue
            self.closed[run.run_id] = entry
            self.open.pop(run.run_id, None)
            if run.closed_at is not None and (self.newest_close is None or run.closed_at > self.newest_close):
                self.newest_close = run.closed_at
        return more

    def forget_the_old(self) -> None:
        """Lets go of runs that started too long ago by now."""
        if isinstance(self.wanted.since, timedelta):
            oldest = datetime.now(UTC) - self.wanted.since
            for runs in (self.closed, self.open):
                for run_id in [run_id for run_id, each in runs.items() if each.run.started_at < oldest]:
                    del runs[run_id]

    async def counted(self) -> int:
        """How many runs the server counts."""
        return sum((await counts(self.access, self.wanted)).values())


async def listed(
    access: RunAccess, query: str, limit: int, fits: Callable[[WorkflowExecutionInfo], bool]
) -> tuple[list[WorkflowExecutionInfo], bool]:
    """Up to `limit` runs of a query, and whether there are more."""
    found: list[WorkflowExecutionInfo] = []
    token = b""
    while True:
        request = ListWorkflowExecutionsRequest(
            namespace=access.client.namespace, query=query, page_size=min(PAGE, limit), next_page_token=token
        )
        with in_our_words(access):
            try:
                answer = await access.client.workflow_service.list_workflow_executions(request, retry=True)
            except RPCError as error:
                if "invalid search attribute: Jw" in error.message:
                    # A namespace that lacks our search attributes has never had a run of ours.
                    return [], False
                raise
        found.extend(info for info in answer.executions if fits(info))
        token = answer.next_page_token
        if not token or len(found) >= limit:
            return found[:limit], bool(token) or len(found) > limit


async def counts(access: RunAccess, wanted: Filter, *conditions: str) -> dict[RunStatus, int]:
    """How many runs there are in each state: one call, whatever their number."""
    query = f"{joined(wanted.query, *conditions)} GROUP BY ExecutionStatus"
    request = CountWorkflowExecutionsRequest(namespace=access.client.namespace, query=query.strip())
    with in_our_words(access):
        try:
            answer = await access.client.workflow_service.count_workflow_executions(request, retry=True)
        except RPCError as error:
            if "invalid search attribute: Jw" in error.message:
                return {}
            raise
    words: dict[str, RunStatus] = {query_word: status for status, query_word in STATUS_WORDS.items()}
    found: dict[RunStatus, int] = {}
    for group in answer.groups:
        status = words.get(group.group_values[0].data.decode().strip('"'), "running")
        found[status] = found.get(status, 0) + group.count
    return found


STATUS_WORDS: dict[RunStatus, str] = {status: QUERY_STATUS[status] for status in QUERY_STATUS}  # pyright: ignore[reportAssignmentType]


def fits_status(wanted: Filter, status: RunStatus) -> bool:
    """Whether a filter lets runs in this state through."""
    if wanted.status is None:
        return True
    return status == wanted.status if isinstance(wanted.status, str) else status in wanted.status


def joined(*conditions: str) -> str:
    """The conditions as one."""
    return " AND ".join(condition for condition in conditions if condition)


def closed_runs(listing: Iterable[Listed]) -> list[Listed]:
    """The closed ones."""
    return [each for each in listing if each.run.status != "running"]
