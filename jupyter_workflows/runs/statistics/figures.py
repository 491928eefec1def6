"""From listed runs and facts of closed ones to the figures of a dashboard: a pure reduction.

A run whose history was looked at stands for `weight` runs of its workflow and status; where all histories were looked
at, every weight is 1 and every figure is exact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from ...schema import Run, RunStatus, StepKind
from ...schema.dashboards import (
    Basis,
    CauseFigures,
    Dashboard,
    DashboardFilter,
    Percentiles,
    Period,
    Place,
    StepFigures,
    TimeSpent,
    WorkflowFigures,
)
from ..listing import Filter
from .approvals import approval_figures
from .facts import RunFacts
from .headlines import headlines
from .listed import Listing, closed_runs
from .periods import Periods
from .quantiles import percentiles
from .recovery import Share, recovery_of
from .sampling import Stratum

# How a run ends that has got over what it met; one that continued as new goes on with it behind.
RECOVERED: tuple[RunStatus, ...] = ("completed", "continued_as_new")
SHOWN_WORKFLOWS = 50
SHOWN_STEPS = 200
SHOWN_CAUSES = 50


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was looked up for a dashboard.

    Args:
        at: When.
        question: Which runs it is about.
        target: The recovery rate that is aimed at.
        listing: The runs.
        strata: The draw of closed runs.
        facts: What is known of closed runs, by Temporal's run id.
        periods: How time is cut.
        totals: Runs by state as the server counts them, where not all are listed.
        read: Histories that were fetched.
        unreadable: Histories that could not be had.
    """

    at: datetime
    question: Filter
    target: float
    listing: Listing
    strata: Sequence[Stratum]
    facts: Mapping[str, RunFacts]
    periods: Periods
    totals: Mapping[RunStatus, int] | None = None
    read: int = 0
    unreadable: int = 0


class Known(NamedTuple):
    """A closed run with its facts, and how many runs it stands for."""

    run: Run
    facts: RunFacts
    weight: float

    @property
    def recovered(self) -> bool:
        """Whether it met a failure and got over it."""
        return self.facts.met_failure and self.run.status in RECOVERED


def build(collected: Collected) -> Dashboard:
    """The figures."""
    listing, runs = collected.listing, [each.run for each in collected.listing.runs]
    known = list(known_runs(collected.strata, collected.facts))
    counted: Mapping[RunStatus, int] = Counter(run.status for run in runs)
    closed = closed_runs(listing.runs)
    made = Dashboard(
        at=collected.at,
        wanted=filter_of(collected.question),
        counts=dict(collected.totals if collected.totals is not None else counted),
        period_seconds=collected.periods.length.total_seconds(),
        periods=periods(collected.periods, runs, known),
        workflows=workflows(runs, known)[:SHOWN_WORKFLOWS],
        steps=steps(known)[:SHOWN_STEPS],
        spent=spent(known)[:SHOWN_WORKFLOWS],
        causes=causes(known)[:SHOWN_CAUSES],
        approvals=approval_figures(listing.runs),
        recovery=recovery_of(shares(collected.strata, collected.facts), collected.target),
        basis=Basis(
            runs=listing.total,
            listed=len(runs),
            closed=len(closed),
            histories=len(known),
            read=collected.read,
            unreadable=collected.unreadable,
        ),
        known_workflows=sorted({run.workflow for run in runs})[:SHOWN_WORKFLOWS],
    )
    return made.model_copy(update={"headlines": headlines(made)})


def filter_of(question: Filter) -> DashboardFilter:
    """The filter as it travels."""
    status = [question.status] if isinstance(question.status, str) else question.status
    seconds = question.since.total_seconds() if isinstance(question.since, timedelta) else None
    return DashboardFilter.model_validate(
        {
            "workflow": question.workflow,
            "status": list(status) if status is not None else None,
            "notebook": question.notebook,
            "since": question.since if isinstance(question.since, datetime) else None,
            "since_seconds": seconds,
        }
    )


def known_runs(drawn: Iterable[Stratum], facts: Mapping[str, RunFacts]) -> Iterator[Known]:
    """The closed runs of which facts are known."""
    for stratum in drawn:
        found = [run for run in stratum.drawn if run.run_id in facts]
        for run in found:
            yield Known(run, facts[run.run_id], stratum.weight(len(found)))


def shares(drawn: Iterable[Stratum], facts: Mapping[str, RunFacts]) -> Iterator[Share]:
    """For each stratum, how many of its runs met a failure."""
    for stratum in drawn:
        found = [facts[run.run_id] for run in stratum.drawn if run.run_id in facts]
        if found:
            met = sum(each.met_failure for each in found)
            yield Share(stratum.size, len(found), met, recovered=stratum.drawn[0].status in RECOVERED)


def took(run: Run) -> float | None:
    """Seconds from start to end; None while it is open."""
    return (run.closed_at - run.started_at).total_seconds() if run.closed_at else None


def tidy(number: float) -> float:
    """A weighted count without the noise of its sums."""
    return round(number, 3)


def summary(values: Iterable[tuple[float, float]]) -> Percentiles:
    """Percentiles of weighted durations."""
    found = list(values)
    p50, p90, p99, longest = percentiles(found, (0.5, 0.9, 0.99, 1.0))
    return Percentiles(count=round(sum(weight for _, weight in found)), p50=p50, p90=p90, p99=p99, longest=longest)


def periods(cut: Periods, runs: Sequence[Run], known: Sequence[Known]) -> list[Period]:
    """Runs by the period in which they started."""
    counted: dict[datetime, Counter[RunStatus]] = defaultdict(Counter)
    met: Counter[datetime] = Counter()
    recovered: Counter[datetime] = Counter()
    for run in runs:
        counted[cut.start_of(run.started_at)][run.status] += 1
    for each in known:
        if each.facts.met_failure:
            start = cut.start_of(each.run.started_at)
            met[start] += each.weight  # pyright: ignore[reportArgumentType] - a sum of weights
            recovered[start] += each.weight * each.recovered  # pyright: ignore[reportArgumentType]
    return [
        Period(
            start=start,
            counts=cut.counts.get(start) or dict(counted[start]),
            met_failure=tidy(met[start]),
            recovered=tidy(recovered[start]),
        )
        for start in cut.starts
    ]


def workflows(runs: Sequence[Run], known: Sequence[Known]) -> list[WorkflowFigures]:
    """Runs by workflow, the most frequent first."""
    counted: dict[str, Counter[RunStatus]] = defaultdict(Counter)
    durations: dict[str, list[tuple[float, float]]] = defaultdict(list)
    met: dict[str, float] = defaultdict(float)
    recovered: dict[str, float] = defaultdict(float)
    for run in runs:
        counted[run.workflow][run.status] += 1
        seconds = took(run)
        if seconds is not None:
            durations[run.workflow].append((seconds, 1.0))
    for each in known:
        if each.facts.met_failure:
            met[each.run.workflow] += each.weight
            recovered[each.run.workflow] += each.weight * each.recovered
    made = [
        WorkflowFigures(
            name=name,
            counts=dict(states),
            duration=summary(durations[name]),
            met_failure=tidy(met[name]),
            recovered=tidy(recovered[name]),
        )
        for name, states in counted.items()
    ]
    return sorted(made, key=lambda each: (-sum(each.counts.values()), each.name))


@dataclass
class StepTotals:
    """The steps of one name in one workflow, while they are added up."""

    count: float = 0
    failed: float = 0
    retried: float = 0
    queue: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    ran: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])


def steps(known: Iterable[Known]) -> list[StepFigures]:
    """Steps by workflow and name, those that took the most time in all first."""
    totals: dict[tuple[str, str, StepKind], StepTotals] = defaultdict(StepTotals)
    for each in known:
        for step in each.facts.steps:
            sums = totals[each.run.workflow, step.name, step.kind]
            sums.count += each.weight * step.times
            sums.failed += each.weight * step.failed
            sums.retried += each.weight * step.retried
            # A sample of durations stands for all of the run's steps of this name.
            share = each.weight * step.times
            sums.queue += [(value, share / len(step.queue_seconds)) for value in step.queue_seconds]
            sums.ran += [(value, share / len(step.run_seconds)) for value in step.run_seconds]
    made = [
        StepFigures(
            workflow=workflow,
            name=name,
            kind=kind,
            count=tidy(sums.count),
            failed=tidy(sums.failed),
            retried=tidy(sums.retried),
            queue=summary(sums.queue),
            duration=summary(sums.ran),
        )
        for (workflow, name, kind), sums in totals.items()
    ]
    return sorted(made, key=lambda each: (-(each.duration.p50 or 0) * each.count, each.workflow, each.name))


def spent(known: Iterable[Known]) -> list[TimeSpent]:
    """Where the time of closed runs went, by workflow; the longest in all first."""
    totals: dict[str, dict[Place, float]] = defaultdict(lambda: defaultdict(float))
    for each in known:
        for place, seconds in each.facts.spent.items():
            totals[each.run.workflow][place] += each.weight * seconds
    made = [
        TimeSpent(workflow=name, seconds={place: tidy(value) for place, value in seconds.items()})
        for name, seconds in totals.items()
    ]
    return sorted(made, key=lambda each: (-sum(each.seconds.values()), each.workflow))


@dataclass
class CauseTotals:
    """Failures of one class in one step, while they are added up."""

    retries: float = 0
    failures: float = 0
    runs: float = 0
    recovered: float = 0
    newest: Run | None = None


def causes(known: Iterable[Known]) -> list[CauseFigures]:
    """Why steps and runs failed: what ended runs first, then what was retried most."""
    totals: dict[tuple[str, str, str], CauseTotals] = defaultdict(CauseTotals)
    for each in known:
        for cause in each.facts.causes:
            sums = totals[each.run.workflow, cause.step, cause.error]
            sums.retries += each.weight * cause.retries
            sums.failures += each.weight * cause.failures
            sums.runs += each.weight
            sums.recovered += each.weight * each.recovered
            if sums.newest is None or each.run.started_at > sums.newest.started_at:
                sums.newest = each.run
    made = [
        CauseFigures(
            workflow=workflow,
            step=step,
            error=error,
            retries=tidy(sums.retries),
            failures=tidy(sums.failures),
            runs=tidy(sums.runs),
            recovered=tidy(sums.recovered),
            workflow_id=sums.newest.id if sums.newest else "",
            run_id=sums.newest.run_id if sums.newest else "",
        )
        for (workflow, step, error), sums in totals.items()
    ]
    lost = {id(each): each.runs - each.recovered for each in made}
    return sorted(made, key=lambda each: (-lost[id(each)], -each.retries, each.workflow, each.step, each.error))
