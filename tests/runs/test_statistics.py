"""Statistics of runs, piece by piece: percentiles, where time goes, facts of histories, the draw, recovery, periods."""

from __future__ import annotations

import math
import random
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows import schema
from jupyter_workflows.runs.statistics.approvals import approval_figures
from jupyter_workflows.runs.statistics.facts import CauseFacts, RunFacts, StepFacts, facts_of
from jupyter_workflows.runs.statistics.history_cache import HistoryCache
from jupyter_workflows.runs.statistics.listed import Listed
from jupyter_workflows.runs.statistics.periods import MOST_PERIODS, periods_of
from jupyter_workflows.runs.statistics.quantiles import KEPT_VALUES, percentiles, spread
from jupyter_workflows.runs.statistics.recovery import Share, recovery_of
from jupyter_workflows.runs.statistics.sampling import strata
from jupyter_workflows.runs.statistics.spans import PLACES, Span, spent
from jupyter_workflows.runs.values import plain

from .test_history import recorded

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SHARES = st.floats(0, 1)
SECONDS = st.floats(0, 1e6, allow_nan=False)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(st.lists(st.tuples(SECONDS, st.integers(1, 5)), min_size=1, max_size=30), SHARES)
def test_a_weight_counts_like_so_many_values(weighted: list[tuple[float, int]], share: float):
    repeated = sorted(value for value, weight in weighted for _ in range(weight))
    # Nearest rank, the plain way.
    naive = repeated[max(0, math.ceil(share * len(repeated) - 1e-9) - 1)]
    assert percentiles([(value, float(weight)) for value, weight in weighted], [share]) == [naive]


def test_no_values_have_no_percentile():
    assert percentiles([], (0.5, 1.0)) == [None, None]


@given(st.lists(SECONDS, min_size=1, max_size=500))
def test_spread_keeps_the_ends_and_at_most_so_many(values: list[float]):
    kept = spread(values)
    assert len(kept) == min(len(values), KEPT_VALUES)
    assert (kept[0], kept[-1]) == (min(values), max(values))
    assert set(kept) <= set(values)


SPANS = st.builds(
    lambda place, begin, length: Span(place, float(begin), float(begin + length)),
    st.sampled_from(PLACES[:-1]),
    st.integers(-3, 23),
    st.integers(0, 12),
)


@given(st.lists(SPANS, max_size=12))
def test_time_spent_is_what_counting_each_second_gives(spans: list[Span]):
    naive = dict.fromkeys(PLACES, 0.0)
    for second in range(20):
        open_now = {span.place for span in spans if span.begin <= second < span.end}
        naive[next((place for place in PLACES if place in open_now), "other")] += 1
    assert spent(spans, 0, 20) == {place: seconds for place, seconds in naive.items() if seconds}


FACTS = {
    "everything": ("completed", [CauseFacts("flaky", "ConnectionError", 2, 0)]),
    "timed_out_step": (
        "failed",
        [CauseFacts("too_slow", "TimeoutError (attempt took too long)", 1, 1)],
    ),
    "cancelled": ("cancelled", []),
    "terminated": ("terminated", []),
    "approval_timed_out": ("completed", []),
    "continued_as_new": ("continued_as_new", []),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts_of_recorded_histories(name: str):
    workflow_id, events = recorded(name)
    facts = facts_of(events, plain, workflow_id)
    assert facts is not None
    assert (facts.status, facts.causes) == FACTS[name]
    whole = (events[-1].event_time.ToDatetime() - events[0].event_time.ToDatetime()).total_seconds()
    assert sum(facts.spent.values()) == pytest.approx(whole, abs=1e-4)
    assert RunFacts.read(facts.text()) == facts


def test_an_open_run_has_no_facts():
    workflow_id, events = recorded("waiting")
    assert facts_of(events, plain, workflow_id) is None


def test_a_timer_that_bounds_an_approval_is_no_step():
    workflow_id, events = recorded("approval_timed_out")
    facts = facts_of(events, plain, workflow_id)
    assert facts is not None
    assert [(step.name, step.kind, step.times) for step in facts.steps] == [("human_approval", "approval", 1)]
    assert facts.spent["people"] == pytest.approx(0.2, abs=0.2)


def listed(number: int, **changes: Any) -> Listed:
    transitions = changes.pop("transitions", 6)
    known: dict[str, Any] = {
        "id": f"review-{number}",
        "run_id": f"r{number}",
        "workflow": "review",
        "status": "completed",
        "started_at": at(number),
        "closed_at": at(number + 60),
        "history_events": 23,
    }
    return Listed(schema.Run(**known | changes), transitions=transitions)


def test_all_are_drawn_where_there_are_no_more():
    runs = [listed(number, status=random.choice(["completed", "failed"])) for number in range(200)]
    drawn = strata(runs, 200)
    assert sum(len(each.drawn) for each in drawn) == 200
    assert all(each.weight(len(each.drawn)) == 1 for each in drawn)


def test_what_may_have_failed_is_drawn_first():
    retried = {f"r{number}" for number in range(0, 10_000, 50)}
    runs = [
        listed(
            number,
            transitions=8 if f"r{number}" in retried else 6,
            status="failed" if number % 100 == 7 else "completed",
        )
        for number in range(10_000)
    ]
    drawn = strata(runs, 1_000)
    looked_at = {run.run_id: run for each in drawn for run in each.drawn}
    assert retried <= set(looked_at)
    assert sum(run.status == "failed" for run in looked_at.values()) == 100
    assert len(looked_at) == 1_000
    assert sum(each.size for each in drawn) == 10_000


def test_the_draw_of_more_runs_keeps_the_one_of_fewer():
    few, many = ([listed(number) for number in range(count)] for count in (2_000, 2_100))
    first, second = ({run.run_id for each in strata(runs, 500) for run in each.drawn} for runs in (few, many))
    assert len(first & second) > 450


def test_recovery_is_exact_where_all_are_known():
    found = recovery_of([Share(90, 90, 9, recovered=True), Share(3, 3, 3, recovered=False)], 0.9)
    assert (found.met_failure, found.recovered, found.rate) == (12, 9, 0.75)
    assert (found.low, found.high) == (None, None)


def test_recovery_has_no_rate_without_a_failure():
    assert recovery_of([Share(90, 90, 0, recovered=True)], 0.9).rate is None
    assert recovery_of([], 0.9).rate is None


def test_the_interval_of_a_draw_holds_the_true_rate():
    """2,000 runs of which 5 % failed and 10 % recovered, drawn 400 times by 300: at least 92 % of intervals hold."""
    chance = random.Random(7)
    completed = [number < 200 for number in range(1_900)]
    held = 0
    for _ in range(400):
        met = sum(chance.sample(completed, 285))
        found = recovery_of([Share(1_900, 285, met, recovered=True), Share(100, 15, 15, recovered=False)], 0.9)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 200 / 300 <= found.high
    assert held / 400 > 0.92


@given(st.integers(1, 20 * 365 * 86_400), st.none() | st.integers(1, 400 * 86_400))
def test_periods_reach_from_the_first_run_to_now(age: int, since: int | None):
    run = listed(0).run
    now = run.started_at + timedelta(seconds=age)
    cut = periods_of([run], timedelta(seconds=since) if since else None, now)
    assert cut.starts[-1] <= now < cut.starts[-1] + cut.length
    assert all(later - earlier == cut.length for earlier, later in zip(cut.starts, cut.starts[1:], strict=False))
    if age < 3 * 365 * 86_400:
        assert cut.start_of(run.started_at) in cut.starts
        assert len(cut.starts) <= MOST_PERIODS + 1


def approval(number: int, **changes: Any) -> schema.Approval:
    known: dict[str, Any] = {"id": f"human_approval-{number}", "message": "Pay?", "opened_at": at(number)}
    return schema.Approval(**known | changes, content_hash="h")


def test_approvals_by_who_is_asked():
    asked = [
        approval(1, assignee="ada"),
        approval(2, assignee="ada", status="approved", decided_at=at(12)),
        approval(3, assignee="ada", status="rejected", decided_at=at(33)),
        approval(4, status="timed_out", decided_at=at(9)),
    ]
    closed = [approval(5, assignee="bob")]
    running = listed(1, status="running", closed_at=None)
    found = approval_figures([Listed(running.run, asked), Listed(listed(2, status="terminated").run, closed)])
    assert (found.waiting_count, found.approved, found.rejected, found.timed_out) == (1, 1, 1, 1)
    assert [(each.approval, each.assignee) for each in found.waiting] == [("human_approval-1", "ada")]
    assert (found.decision.p50, found.decision.longest) == (10, 30)
    reviewers = [(each.assignee, each.waiting, each.decided, each.timed_out) for each in found.reviewers]
    assert reviewers == [("ada", 1, 2, 0), (None, 0, 0, 1)]


KEPT = RunFacts("completed", {"run": 1.5}, [StepFacts("score", "activity", 2, 0, 1, [0.1], [1.0, 2.0])], [])


def test_cache_gives_back_what_it_was_given(tmp_path: Path):
    cache = HistoryCache(tmp_path / "cache")
    assert cache.find(["a"]) == {}
    cache.keep({"a": KEPT})
    assert HistoryCache(tmp_path / "cache").find([*(f"x{number}" for number in range(2_000)), "a"]) == {"a": KEPT}
    assert stat.S_IMODE((tmp_path / "cache" / "closed-runs.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database" * 100, b""], ids=["garbage", "empty"])
def test_a_broken_cache_is_made_anew(tmp_path: Path, content: bytes):
    (tmp_path / "closed-runs.sqlite").write_bytes(content)
    cache = HistoryCache(tmp_path)
    assert cache.find(["a"]) == {}
    cache.keep({"a": KEPT})
    assert cache.find(["a"]) == {"a": KEPT}


def test_a_cache_of_another_version_is_emptied(tmp_path: Path):
    HistoryCache(tmp_path).keep({"a": KEPT})
    file = sqlite3.connect(tmp_path / "closed-runs.sqlite")
    file.execute("PRAGMA user_version = 999")
    file.close()
    assert HistoryCache(tmp_path).find(["a"]) == {}


def test_a_cache_that_can_not_be_written_is_no_obstacle(tmp_path: Path):
    (tmp_path / "cache").write_text("a file where the directory should be")
    cache = HistoryCache(tmp_path / "cache")
    cache.keep({"a": KEPT})
    assert cache.find(["a"]) == {}


@pytest.mark.parametrize("text", ["[]", "{}", "1", "null", '["completed",{},[[1]],[]]', "\x00"])
def test_what_are_no_facts_is_refused(text: str):
    with pytest.raises(ValueError, match=r"facts|Expecting|unpack"):
        RunFacts.read(text)
