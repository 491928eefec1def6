"""One run as it is now and as it changes: history and `describe`, merged into snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.service import RPCError

from ..authoring.starter import FORK_MEMO
from ..errors import JupyterWorkflowsError
from ..plugin.ancestry import fork_mark
from ..schema import Approval, Effect, Failure, Manifest, Rollback, Run, Step, Token, Usage
from .access import Patience, RunAccess, in_our_words
from .effects import effects_of, left, read_rollback
from .failures import payloads_of, read_failure
from .history import Closing, Reduction
from .listing import memo_payloads, open_approvals, read_run
from .steps import Known, build_step, forked_of
from .values import Values

# What happens to an activity is not in history while it runs: soon after news, then now and then, it is looked up.
SOON_SECONDS = 0.02
QUICK_SECONDS = 0.1
CALM_SECONDS = 0.5
IDLE_SECONDS = 5.0
# Looks at open activities before a watcher calms down: three seconds of quick ones.
QUICK_LOOKS = 30
# Of all readers of a process together: each look costs the server some milliseconds, and what happens comes later
# where it is busy with them.
LOOKS_PER_SECOND = 40


@dataclass(frozen=True)
class Snapshot:
    """A run with its steps at one moment; `written` holds the ends of the texts that steps write, from heartbeats."""

    run: Run
    steps: list[Step]
    arguments: list[Any] = field(default_factory=list[Any])
    result: Any = None
    failure: Failure | None = None
    reason: str = ""
    stuck: Failure | None = None
    manifest: Manifest | None = None
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    written: list[Token] = field(default_factory=list[Token])
    rollback: Rollback | None = None
    effects: list[Effect] = field(default_factory=list[Effect])

    @property
    def usage(self) -> Usage:
        """What the model calls of all steps took."""
        return sum((step.usage for step in self.steps if step.usage), Usage())

    @property
    def open_approvals(self) -> list[Approval]:
        """The approvals that wait for a decision."""
        return [step.approval for step in self.steps if step.approval and step.status == "waiting"]


class RunReader:
    """Reads one run; what was read once is not read again.

    The reader follows a run over continue-as-new, workflow retries and resets: Temporal gives them one first run
    id. A later, separate run with the same workflow id is not followed.

    Args:
        access: What to read with.
        workflow_id: The run's id.
        run_id: Temporal's id of the execution; the newest one by default.
        pinned: Stay with exactly that execution.
        bare: Leave out what steps were given and gave; `step` gives one with all of it.
    """

    followed: ClassVar[int] = 0

    def __init__(
        self, access: RunAccess, workflow_id: str, run_id: str = "", *, pinned: bool = False, bare: bool = False
    ) -> None:
        self.access = access
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.pinned = pinned
        self.bare = bare
        self.first_run_id = ""
        self.info: WorkflowExecutionInfo | None = None
        self.manifests: dict[str, Manifest | None] = {}
        self.begin(run_id)

    def begin(self, run_id: str) -> None:
        """Turns to an execution; nothing of it has been read yet."""
        self.run_id = run_id
        self.reduction = Reduction(self.workflow_id, run_id)
        self.values = Values(self.access.client.data_converter)

    async def describe(self) -> DescribeWorkflowExecutionResponse:
        """What the server says about the execution the chain has reached; one call in the usual case.

        Raises:
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach.
        """
        answer = await self.describe_execution(self.run_id if self.pinned else "")
        info = answer.workflow_execution_info
        if self.run_id and info.execution.run_id != self.run_id:
            own = None
            if not self.first_run_id:
                own = await self.describe_execution(self.run_id)
                self.first_run_id = own.workflow_execution_info.first_run_id
            if info.first_run_id != self.first_run_id:
                answer = own or await self.describe_execution(self.run_id)
                info = answer.workflow_execution_info
        if info.execution.run_id != self.run_id:
            self.begin(info.execution.run_id)
        self.first_run_id = info.first_run_id
        self.info = info
        return answer

    async def describe_execution(self, run_id: str) -> DescribeWorkflowExecutionResponse:
        """Temporal's description of one execution; without a run id of the newest."""
        request = DescribeWorkflowExecutionRequest(
            namespace=self.access.client.namespace,
            execution=WorkflowExecution(workflow_id=self.workflow_id, run_id=run_id),
        )
        with in_our_words(self.access, self.workflow_id):
            return await self.access.client.workflow_service.describe_workflow_execution(request, retry=True)

    async def run(self) -> Run:
        """The run as a list shows it."""
        info = (await self.describe()).workflow_execution_info
        return read_run(info)

    async def approvals(self) -> list[Approval]:
        """The approvals that wait for a decision."""
        info = (await self.describe()).workflow_execution_info
        return open_approvals(info, await self.memo_values(info))

    async def memo_values(self, info: WorkflowExecutionInfo) -> Values:
        """What a run's memo says, readable."""
        values = Values(self.access.client.data_converter)
        await values.prepare(memo_payloads(info))
        return values

    async def snapshot(self, *, fetch_stored: bool = False) -> Snapshot:
        """The run and its steps now.

        Args:
            fetch_stored: Whether values stored outside of history are fetched; for showing they are not.
        """
        if fetch_stored and not self.values.fetch_stored:
            self.begin(self.run_id)
        self.values.fetch_stored = fetch_stored
        described = asyncio.ensure_future(self.describe())
        try:
            if self.run_id and self.reduction.closing is None:
                await self.read_new_events(self.reduction)
        except BaseException:
            described.cancel()
            with contextlib.suppress(JupyterWorkflowsError, asyncio.CancelledError):
                await described
            raise
        answer = await described
        if self.reduction.closing is None:
            # What describe no longer calls open must not look open.
            if self.reduction.last_event_id < answer.workflow_execution_info.history_length:
                await self.read_new_events(self.reduction)
            self.reduction.observe(answer.pending_activities)
        self.reduction.described_anew = False
        return await self.build(answer.workflow_execution_info)

    async def build(self, info: WorkflowExecutionInfo) -> Snapshot:
        """The snapshot of what has been read."""
        reduction, values = self.reduction, self.values
        closing = reduction.closing
        values.forget(reduction.outdated)
        reduction.outdated.clear()
        if reduction.kept_steps is not None:
            await values.prepare([reduction.kept_steps], fetch_stored=True)
            reduction.take_kept_steps(values)
        await values.prepare([*reduction.payloads(bare=self.bare), *reduction.arguments])
        await values.prepare(closing.payloads() if closing else ())
        if reduction.stuck is not None:
            await values.prepare(payloads_of(reduction.stuck))
        if self.bare and (reduction.resumed or FORK_MEMO in info.memo.fields):
            await values.note(payload for draft in reduction.drafts if not draft.built for payload in draft.results[:1])
        run = read_run(info)
        if closing is not None:
            run = run.model_copy(update={"status": closing.status, "closed_at": closing.at, "open_approvals": 0})
        if reduction.resumed is not None:
            run = run.model_copy(update={"resumed": reduction.resumed})
        if FORK_MEMO in info.memo.fields:
            run = run.model_copy(update={"forked": forked_of(await fork_mark(self.access.client, info))})
        manifest = self.manifest(run.bundle)
        steps = reduction.steps(values, manifest, bare=self.bare)
        rollback = read_rollback(values(reduction.rollback)) if reduction.rollback is not None else None
        effects = effects_of(steps, rollback) if reduction.has_effects or rollback else []
        snapshot = Snapshot(
            run=run,
            steps=steps,
            rollback=rollback,
            effects=effects,
            arguments=[values(payload) for payload in reduction.arguments],
            result=values(closing.results[0]) if closing and closing.results else None,
            failure=read_failure(closing.failure, values) if closing and closing.failure is not None else None,
            reason=closing.reason if closing else "",
            stuck=read_failure(reduction.stuck, values) if reduction.stuck is not None else None,
            manifest=manifest,
            written=reduction.written(values),
        )
        if closing is None or not left(effects) or (rollback and rollback.of_run):
            return snapshot
        from .rollback import undoing

        return replace(snapshot, effects=(await undoing(self.access, snapshot)).effects)

    async def step(self, step_id: str) -> Step | None:
        """A step with all that was given and came out, of what was read; None where it is not among that."""
        draft = next((draft for draft in self.reduction.drafts if draft.built and draft.id == step_id), None)
        if draft is None or not self.bare:
            return draft and draft.built
        manifest = self.manifest(read_run(self.info).bundle) if self.info else None
        await self.values.prepare(draft.payloads())
        return build_step(draft, self.values, Known.of(manifest))

    def manifest(self, digest: str | None) -> Manifest | None:
        """The manifest of a bundle, where it is at hand."""
        if digest is None:
            return None
        if digest not in self.manifests:
            self.manifests[digest] = self.access.manifest_of(digest)
        return self.manifests[digest]

    async def read_new_events(self, reduction: Reduction) -> None:
        """Applies the events that are new: a first time from the start, later from the newest backwards."""
        if not reduction.last_event_id:
            await self.read_all_events(reduction)
            return
        for event in await self.new_events(reduction):
            reduction.apply(event)

    async def read_all_events(self, reduction: Reduction) -> None:
        """Applies the whole history; a page is applied while the next one is on its way."""
        page = asyncio.ensure_future(self.history_page(reduction.run_id, b""))
        try:
            while True:
                answer = await page
                if answer.next_page_token:
                    page = asyncio.ensure_future(self.history_page(reduction.run_id, answer.next_page_token))
                    # Lets the request out before the events are applied.
                    await asyncio.sleep(0)
                for event in answer.history.events:
                    reduction.apply(event)
                if not answer.next_page_token:
                    return
        finally:
            page.cancel()

    async def new_events(self, reduction: Reduction) -> list[HistoryEvent]:
        """The events after the last one applied, oldest first."""
        newest_first: list[HistoryEvent] = []
        token = b""
        while True:
            request = GetWorkflowExecutionHistoryReverseRequest(
                namespace=self.access.client.namespace,
                execution=WorkflowExecution(workflow_id=self.workflow_id, run_id=reduction.run_id),
                next_page_token=token,
                maximum_page_size=32 if not newest_first else 0,
            )
            with in_our_words(self.access, self.workflow_id):
                answer = await self.access.client.workflow_service.get_workflow_execution_history_reverse(
                    request, retry=True
                )
            newest_first.extend(answer.history.events)
            token = answer.next_page_token
            known = newest_first and newest_first[-1].event_id <= reduction.last_event_id + 1
            if known or not token:
                return newest_first[::-1]

    async def history_page(
        self, run_id: str, token: bytes, *, wait: bool = False, only_end: bool = False
    ) -> GetWorkflowExecutionHistoryResponse:
        """One page of history; with `wait` it waits for about 20 seconds for new events."""
        kind = (
            HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
            if only_end
            else HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT
        )
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self.access.client.namespace,
            execution=WorkflowExecution(workflow_id=self.workflow_id, run_id=run_id),
            next_page_token=token,
            wait_new_event=wait,
            history_event_filter_type=kind,
            skip_archival=wait,
        )
        patience = Patience()
        while True:
            try:
                return await self.access.client.workflow_service.get_workflow_execution_history(request, retry=True)
            except RPCError as error:
                with in_our_words(self.access, self.workflow_id):
                    if not wait:
                        raise
                    await patience.after(error)

    async def ending(self) -> Closing:
        """Waits, without limit, for the end of the chain of executions, and gives it."""
        await self.describe()
        while True:
            closing = await self.execution_ending()
            if closing.next_run_id:
                self.begin(closing.next_run_id)
                continue
            ended = self.run_id
            if closing.status != "completed" and not self.pinned:
                await self.describe()
            if self.run_id == ended:
                return closing

    async def execution_ending(self) -> Closing:
        """Waits for the end of this one execution."""
        token = b""
        while True:
            answer = await self.history_page(self.run_id, token, wait=True, only_end=True)
            for event in answer.history.events:
                # A reduction of its own: this reader's may lack the events before.
                last = Reduction(self.workflow_id)
                last.apply(event)
                if last.closing is not None:
                    return last.closing
            token = answer.next_page_token

    async def changes(self) -> AsyncIterator[Snapshot]:
        """The run now and after every change, until it ends."""
        yield await self.snapshot()
        while True:
            async for snapshot in self.execution_changes():
                yield snapshot
            ended = self.run_id
            closing = self.reduction.closing
            if closing is not None and closing.next_run_id:
                self.begin(closing.next_run_id)
            elif not self.pinned:
                await self.describe()
            if self.run_id == ended:
                return
            yield await self.snapshot()

    async def execution_changes(self) -> AsyncIterator[Snapshot]:
        """Every change of this one execution until it ends."""
        if self.reduction.closing is not None:
            return
        RunReader.followed += 1
        page = asyncio.ensure_future(self.history_page(self.run_id, b"", wait=True))
        quiet, due = 0, time.monotonic() + self.patience(SOON_SECONDS)
        try:
            while self.reduction.closing is None:
                await asyncio.wait({page}, timeout=max(0.0, due - time.monotonic()))
                if page.done():
                    answer = page.result()
                    if answer.next_page_token:
                        page = asyncio.ensure_future(self.history_page(self.run_id, answer.next_page_token, wait=True))
                    if self.take(answer) and not self.reduction.described_anew and self.info is not None:
                        quiet, due = 0, min(due, time.monotonic() + self.patience(SOON_SECONDS))
                        if not self.lacks_end(self.info):
                            yield await self.build(self.info)
                if not page.done() and time.monotonic() < due and not self.reduction.described_anew:
                    continue
                changed = self.reduction.described_anew
                self.reduction.described_anew = False
                changed |= await self.look()
                quiet = 0 if changed else quiet + 1
                due = time.monotonic() + self.patience(QUICK_SECONDS if quiet < QUICK_LOOKS else CALM_SECONDS)
                if changed and self.info is not None and not self.lacks_end(self.info):
                    yield await self.build(self.info)
        finally:
            RunReader.followed -= 1
            page.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await page

    def take(self, page: GetWorkflowExecutionHistoryResponse) -> bool:
        """Applies a page's events; whether some are new."""
        before = self.reduction.last_event_id
        for event in page.history.events:
            self.reduction.apply(event)
        return self.reduction.last_event_id > before

    def lacks_end(self, info: WorkflowExecutionInfo) -> bool:
        """Whether the execution has ended and the event that tells its result is still on its way."""
        return info.HasField("close_time") and self.reduction.closing is None

    async def look(self) -> bool:
        """Takes in what `describe` knows of open activities; whether it changed anything."""
        answer = await self.describe_execution(self.run_id)
        self.info = answer.workflow_execution_info
        return self.reduction.observe(answer.pending_activities)

    def patience(self, seconds: float) -> float:
        """How long to wait for events before looking at open activities again; the more runs, the longer."""
        if not self.reduction.open_activities():
            return IDLE_SECONDS
        return max(seconds, RunReader.followed / LOOKS_PER_SECOND)
