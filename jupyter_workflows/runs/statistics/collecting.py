"""Looks up what a dashboard needs: runs from visibility, facts from the histories of a bounded draw of closed ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, zip_longest
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest

from ...errors import JupyterWorkflowsError
from ...schema import Failure, Run
from ...schema.dashboards import CauseFigures, Dashboard
from ..access import RunAccess, in_our_words
from ..failures import payloads_of, read_failure
from ..listing import Filter
from ..untrusted import one_line
from ..values import Values
from . import HISTORIES, RUNS, TARGET
from .facts import RunFacts, error_of, facts_of, summaries
from .figures import Collected, build
from .history_cache import HistoryCache
from .listed import Ledger, closed_runs, counts
from .periods import Periods, periods_of
from .sampling import strata

AT_ONCE = 16
BATCH = 160
EXAMPLES = 8
EXAMPLE_LENGTH = 300
COUNTED_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a dashboard is asked.

    Args:
        wanted: Which runs it is about.
        limit: The newest so many are listed; beyond, runs are counted only.
        histories: The histories of about so many closed runs are looked at.
        target: The recovery rate that is aimed at.
        patience: How long histories may be fetched; what is not there by then comes with the next look.
    """

    wanted: Filter = field(default_factory=Filter)
    limit: int = RUNS
    histories: int = HISTORIES
    target: float = TARGET
    patience: timedelta = timedelta(minutes=2)

    def __post_init__(self) -> None:
        """Refuses numbers that make no sense.

        Raises:
            JupyterWorkflowsError: One of them does not.
        """
        if not 0 <= self.target <= 1:
            raise JupyterWorkflowsError(f"target={self.target!r} is no rate: give a number from 0 to 1, such as 0.95")
        for name in ("limit", "histories"):
            if getattr(self, name) < 1:
                raise JupyterWorkflowsError(f"{name}={getattr(self, name)!r} is too small: give 1 or more")


class Statistics:
    """Answers one question as often as it is asked; what was learnt about closed runs is not asked for again.

    Args:
        access: What is asked.
        question: What is wanted.
    """

    def __init__(self, access: RunAccess, question: Question) -> None:
        self.access = access
        self.question = question
        self.ledger = Ledger(access, question.wanted, question.limit)
        self.cache = HistoryCache(access.cache)
        self.facts: dict[str, RunFacts] = {}
        self.examples: dict[tuple[str, str], str] = {}
        self.unreadable: set[str] = set()

    async def look(self) -> Dashboard:
        """How runs do now.

        Raises:
            ConnectionFailed: The server is out of reach.
        """
        began = time.perf_counter()
        listing = await self.ledger.look()
        closed = closed_runs(listing.runs)
        drawn = strata(closed, self.question.histories)
        wanted = in_turn([stratum.drawn for stratum in drawn])
        read = await self.learn(wanted)
        now = datetime.now(UTC)
        periods = periods_of([each.run for each in listing.runs], self.question.wanted.since, now)
        if not listing.whole:
            await self.count_periods(periods)
        collected = Collected(
            at=now,
            question=self.question.wanted,
            target=self.question.target,
            listing=listing,
            strata=drawn,
            facts=self.facts,
            periods=periods,
            totals=None if listing.whole else await counts(self.access, self.question.wanted),
            read=read,
            unreadable=sum(run.run_id in self.unreadable for run in wanted),
        )
        made = build(collected)
        causes = await self.with_examples(made.causes)
        basis = made.basis.model_copy(update={"seconds": round(time.perf_counter() - began, 3)})
        return made.model_copy(update={"causes": causes, "basis": basis})

    async def learn(self, runs: Sequence[Run]) -> int:
        """Makes the facts of these runs known, as far as patience goes; how many had to be fetched."""
        unknown = [run for run in runs if run.run_id not in self.facts and run.run_id not in self.unreadable]
        found = await asyncio.to_thread(self.cache.find, [run.run_id for run in unknown])
        self.facts |= found
        unknown = [run for run in unknown if run.run_id not in found]
        until = time.monotonic() + self.question.patience.total_seconds()
        read = 0
        # Whole batches, so that short histories are not preferred to long ones when time is over.
        for start in range(0, len(unknown), BATCH):
            news = await self.fetch(unknown[start : start + BATCH])
            await asyncio.to_thread(self.cache.keep, news)
            self.facts |= news
            read += len(news)
            if time.monotonic() > until:
                break
        return read

    async def fetch(self, runs: Sequence[Run]) -> dict[str, RunFacts]:
        """The facts of these runs, from their histories."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(run: Run) -> RunFacts | None:
            async with gate:
                try:
                    return await self.facts_from_history(run)
                except JupyterWorkflowsError:
                    return None

        answers = await asyncio.gather(*map(one, runs))
        self.unreadable |= {run.run_id for run, facts in zip(runs, answers, strict=True) if facts is None}
        return {run.run_id: facts for run, facts in zip(runs, answers, strict=True) if facts is not None}

    async def facts_from_history(self, run: Run) -> RunFacts | None:
        """The facts of one run; None where its history says that it is open."""
        events = await self.history(run)
        values = Values(self.access.client.data_converter)
        await values.prepare(summaries(events))
        return facts_of(events, values, run.id)

    async def history(self, run: Run) -> list[HistoryEvent]:
        """All events of a run."""
        events: list[HistoryEvent] = []
        token = b""
        while True:
            request = GetWorkflowExecutionHistoryRequest(
                namespace=self.access.client.namespace,
                execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
                next_page_token=token,
            )
            with in_our_words(self.access, run.id):
                answer = await self.access.client.workflow_service.get_workflow_execution_history(request, retry=True)
            events.extend(answer.history.events)
            token = answer.next_page_token
            if not token:
                return events

    async def count_periods(self, periods: Periods) -> None:
        """Has the server count the runs of each period: not all are listed."""
        gate = asyncio.Semaphore(COUNTED_AT_ONCE)

        async def one(start: datetime) -> None:
            async with gate:
                end = start + periods.length
                conditions = f"StartTime >= '{start:%Y-%m-%dT%H:%M:%S}Z' AND StartTime < '{end:%Y-%m-%dT%H:%M:%S}Z'"
                periods.counts[start] = await counts(self.access, self.question.wanted, conditions)

        await asyncio.gather(*map(one, periods.starts))

    async def with_examples(self, causes: Sequence[CauseFigures]) -> list[CauseFigures]:
        """The causes, the first few with the words of the newest run that met them."""
        shown = [await self.with_example(cause) for cause in causes[:EXAMPLES]]
        return [*shown, *causes[EXAMPLES:]]

    async def with_example(self, cause: CauseFigures) -> CauseFigures:
        """A cause with the words of its newest run; messages may be encrypted and are never kept on disk."""
        key = cause.run_id, f"{cause.step}/{cause.error}"
        if key not in self.examples:
            try:
                run = Run.model_construct(id=cause.workflow_id, run_id=cause.run_id)
                self.examples[key] = await self.message(await self.history(run), cause.error)
            except JupyterWorkflowsError:
                return cause
        return cause.model_copy(update={"example": self.examples[key]})

    async def message(self, events: Sequence[HistoryEvent], error: str) -> str:
        """What the last failure of a class in a history said; empty where it said nothing."""
        for event in reversed(events):
            for proto in failures_in(event):
                if error_of(proto) == error:
                    values = Values(self.access.client.data_converter)
                    await values.prepare(payloads_of(proto))
                    return one_line(innermost(read_failure(proto, values), error).message, EXAMPLE_LENGTH)
        return ""


def failures_in(event: HistoryEvent) -> Iterator[FailureProto]:
    """The failures that an event tells of."""
    name = event.WhichOneof("attributes")
    if name is None:
        return
    attributes: Any = getattr(event, name)
    for field_name in ("failure", "last_failure"):
        if field_name in attributes.DESCRIPTOR.fields_by_name and attributes.HasField(field_name):
            yield getattr(attributes, field_name)


def innermost(failure: Failure, error: str) -> Failure:
    """The failure of this class in the chain, below what a child run or step wraps around it."""
    current = failure
    while current.cause is not None and not error.startswith(current.type):
        current = current.cause
    return current


def in_turn(groups: Sequence[Sequence[Run]]) -> list[Run]:
    """One run of each group after the other, so that a part of them is a part of each."""
    return [run for run in chain.from_iterable(zip_longest(*groups)) if run is not None]
