"""A dashboard of real runs says what their full histories say, computed the plain way."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import WorkflowFailed
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.client import list_runs
from jupyter_workflows.runs.listing import Filter
from jupyter_workflows.runs.reading import RunReader, Snapshot
from jupyter_workflows.runs.statistics import collecting
from jupyter_workflows.runs.statistics.collecting import Question, Statistics
from jupyter_workflows.schema import dashboards

from .conftest import Engine, eventually

NOTEBOOK = "statistics.ipynb"
WANTED = Filter(notebook=NOTEBOOK)


def ended(run: Any) -> None:
    with pytest.raises(WorkflowFailed):
        run.result(timeout=30)


def start_all(scenes: Engine) -> None:
    """Runs that retry, fail, ask, time out, have children, continue, are cancelled and terminated."""

    def start(name: str, *args: Any) -> Any:
        return scenes.start(name, *args, notebook=NOTEBOOK)

    everything = start("everything", 3)
    everything.signal("word", "news")
    everything.wait_for("approval", timeout=30)
    everything.approve(reviewer="ada", form={"reason": "good"}, value={"title": "News", "tags": []})
    everything.result(timeout=30)
    for _ in range(2):
        ended(start("times_out"))
    ended(start("recovers"))
    ended(start("breaks", 7))
    start("counts_down", 2).result(timeout=30)
    start("asks_briefly", "reject").result(timeout=30)
    three = start("asks_three_at_once")
    three.wait_for("approval", timeout=30)
    three.approve("human_approval-1", reviewer="ada")
    three.reject("human_approval-2", reviewer="bob")
    cancelled = start("works_long", 60.0)
    eventually(lambda: cancelled.steps() and cancelled.steps()[0].status == "running")
    cancelled.cancel()
    ended(cancelled)
    terminated = start("bounded")
    terminated.terminate("enough")
    ended(terminated)


def all_records(access: RunAccess) -> list[schema.Run]:
    return list_runs(access.client, notebook=NOTEBOOK, limit=1_000).records


@pytest.fixture(scope="module")
def snapshots(scenes: Engine) -> list[Snapshot]:
    """All runs in full, one by one, once visibility knows how each has ended."""
    start_all(scenes)
    access = scenes.access

    def settled() -> bool:
        records = all_records(access)
        return len(records) == 13 and sum(record.status == "running" for record in records) == 1

    eventually(settled, 30)

    async def read(run: schema.Run) -> Snapshot:
        return await RunReader(access, run.id, run.run_id, pinned=True).snapshot()

    return [loop_thread().run(read(run), timeout=30) for run in all_records(access)]


def look(statistics: Statistics) -> dashboards.Dashboard:
    return loop_thread().run(statistics.look(), timeout=60)


@pytest.fixture(scope="module")
def dashboard(scenes: Engine, snapshots: list[Snapshot]) -> dashboards.Dashboard:
    return look(Statistics(scenes.access, Question(wanted=WANTED)))


def nearest_rank(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def met_failure(snapshot: Snapshot) -> bool:
    tried_again = any(step.kind == "activity" and step.attempt > 1 for step in snapshot.steps)
    failed = any(step.status in ("failed", "timed_out") and step.kind != "approval" for step in snapshot.steps)
    return tried_again or failed or snapshot.run.status in ("failed", "timed_out")


def closed(snapshots: list[Snapshot]) -> list[Snapshot]:
    return [each for each in snapshots if each.run.closed_at]


def test_counts_are_those_of_the_histories(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    assert dashboard.counts == Counter(each.run.status for each in snapshots)
    assert set(dashboard.counts) == {"running", "completed", "failed", "cancelled", "terminated", "continued_as_new"}
    by_workflow = {each.name: each.counts for each in dashboard.workflows}
    names = {each.run.workflow for each in snapshots}
    assert by_workflow == {
        name: Counter(each.run.status for each in snapshots if each.run.workflow == name) for name in names
    }
    in_periods: Counter[str] = Counter()
    for period in dashboard.periods:
        in_periods.update(period.counts)
    assert in_periods == dashboard.counts


def test_recovery_is_that_of_the_histories(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    met = [each for each in closed(snapshots) if met_failure(each)]
    recovered = [each for each in met if each.run.status == "completed"]
    assert len(recovered) == 1, "`everything` retried and completed"
    found = dashboard.recovery
    assert (found.met_failure, found.recovered) == (len(met), len(recovered))
    assert found.rate == pytest.approx(len(recovered) / len(met))
    assert (found.low, found.target) == (None, 0.95)
    assert sum(period.met_failure for period in dashboard.periods) == len(met)


def test_durations_of_workflows_are_those_of_the_histories(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    for each in dashboard.workflows:
        ended = [one.run for one in closed(snapshots) if one.run.workflow == each.name]
        took = [(run.closed_at - run.started_at).total_seconds() for run in ended if run.closed_at]
        assert each.duration.count == len(took)
        if took:
            assert each.duration.p50 == pytest.approx(nearest_rank(took, 0.5), abs=0.005)
            assert each.duration.p90 == pytest.approx(nearest_rank(took, 0.9), abs=0.005)


def test_steps_are_those_of_the_histories(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    steps = [(each.run.workflow, step) for each in closed(snapshots) for step in each.steps if step.kind != "signal"]
    assert {(each.workflow, each.name) for each in dashboard.steps} == {(name, step.name) for name, step in steps}
    for each in dashboard.steps:
        same = [step for name, step in steps if (name, step.name) == (each.workflow, each.name)]
        assert each.count == len(same)
        if each.kind == "activity":
            assert each.retried == sum(max(0, step.attempt - 1) for step in same)
            assert each.failed == sum(step.status in ("failed", "timed_out") for step in same)
        ran = [
            (step.finished_at - step.started_at).total_seconds()
            for step in same
            if step.started_at is not None and step.finished_at is not None
        ]
        assert each.duration.count in (len(ran), len(same))
        if ran and len(ran) == len(same):
            assert each.duration.p50 == pytest.approx(nearest_rank(ran, 0.5), abs=0.002)
            assert each.duration.longest == pytest.approx(max(ran), abs=0.002)


def test_time_spent_adds_up_to_the_durations(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    for each in dashboard.spent:
        ended = [one.run for one in closed(snapshots) if one.run.workflow == each.workflow]
        took = sum((run.closed_at - run.started_at).total_seconds() for run in ended if run.closed_at)
        assert sum(each.seconds.values()) == pytest.approx(took, abs=0.05)
    everything = next(each.seconds for each in dashboard.spent if each.workflow == "everything")
    assert {"run", "retry", "people", "child", "timer"} <= set(everything)


def test_causes_name_step_class_and_words(dashboard: dashboards.Dashboard):
    found = {(each.workflow, each.step, each.error): each for each in dashboard.causes}
    retried = found["everything", "flaky", "ConnectionError"]
    assert (retried.retries, retried.failures, retried.runs, retried.recovered) == (2, 0, 1, 1)
    assert retried.example == "attempt 2 got no answer"
    slow = found["times_out", "too_slow", "TimeoutError (attempt took too long)"]
    assert (slow.retries, slow.failures, slow.runs, slow.recovered) == (2, 2, 2, 0)
    own = found["breaks", "", "IndexError"]
    assert (own.failures, own.example) == (1, "list index out of range")
    assert found["recovers", "too_slow", "TimeoutError (attempt took too long)"].failures == 1


def test_approvals_are_those_of_the_runs(dashboard: dashboards.Dashboard, snapshots: list[Snapshot]):
    asked = [step.approval for each in snapshots for step in each.steps if step.approval]
    found = dashboard.approvals
    states = Counter(approval.status for approval in asked)
    assert (found.approved, found.rejected, found.timed_out) == (
        states["approved"],
        states["rejected"],
        states["timed_out"],
    )
    assert found.waiting_count == states["open"] == 1
    assert [each.message for each in found.waiting] == ["Document 3?"]
    took = [(each.decided_at - each.opened_at).total_seconds() for each in asked if each.by and each.decided_at]
    assert found.decision.p50 == pytest.approx(nearest_rank(took, 0.5), abs=0.002)
    by_reviewer = {each.assignee: (each.waiting, each.decided, each.timed_out) for each in found.reviewers}
    assert by_reviewer == {None: (1, 1, 1), "ada": (0, 1, 0), "bob": (0, 1, 0)}


def test_what_was_learnt_is_not_read_again(scenes: Engine, dashboard: dashboards.Dashboard):
    again = look(Statistics(scenes.access, Question(wanted=WANTED)))
    assert again.basis.read == 0, "what closed histories told is kept on disk"
    assert (again.steps, again.causes, again.recovery) == (dashboard.steps, dashboard.causes, dashboard.recovery)


def test_the_next_look_lists_only_what_is_new(scenes: Engine):
    statistics = Statistics(scenes.access, Question(wanted=Filter(notebook="news.ipynb")))
    assert look(statistics).counts == {}
    waiting = scenes.start("asks_twice", notebook="news.ipynb")
    waiting.wait_for("approval", timeout=30)
    eventually(lambda: look(statistics).approvals.waiting_count == 1)
    assert set(look(statistics).counts) == {"running"}
    for _ in range(2):
        scenes.start("buy", {"item": "pen"}, notebook="news.ipynb").result(timeout=30)
    eventually(lambda: look(statistics).counts == {"running": 1, "completed": 2})
    waiting.terminate("enough")
    eventually(lambda: look(statistics).counts == {"terminated": 1, "completed": 2})
    assert look(statistics).approvals.waiting_count == 0
    # As if retention had deleted one on the server: a deletion there takes its time.
    ledger = statistics.ledger
    ledger.closed["gone"] = next(iter(ledger.closed.values()))
    assert look(statistics).counts == {"terminated": 1, "completed": 2}


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(notebook=NOTEBOOK, workflow="times_out"), 2),
        (Filter(notebook=NOTEBOOK, status=["failed", "cancelled"]), 5),
        (Filter(notebook=NOTEBOOK, since=timedelta(0)), 0),
        (Filter(notebook=NOTEBOOK, since=timedelta(hours=2)), 13),
        (Filter(notebook="no such notebook"), 0),
    ],
    ids=["workflow", "status", "since now", "since", "none"],
)
def test_filters(scenes: Engine, dashboard: dashboards.Dashboard, wanted: Filter, count: int):
    found = look(Statistics(scenes.access, Question(wanted=wanted)))
    assert sum(found.counts.values()) == found.basis.runs == count
    assert found.basis.exact


def test_more_runs_than_are_listed_are_counted(scenes: Engine, dashboard: dashboards.Dashboard):
    found = look(Statistics(scenes.access, Question(wanted=WANTED, limit=5)))
    assert (found.basis.runs, found.basis.listed) == (13, 5)
    assert found.counts == dashboard.counts
    assert sum(sum(period.counts.values()) for period in found.periods) <= 13


def test_what_patience_does_not_reach_comes_with_the_next_look(
    scenes: Engine, dashboard: dashboards.Dashboard, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(collecting, "BATCH", 5)
    without_cache = RunAccess(scenes.client)
    statistics = Statistics(without_cache, Question(wanted=WANTED, patience=timedelta(0)))
    seen = [look(statistics).basis for _ in range(4)]
    assert [(basis.read, basis.histories) for basis in seen] == [(5, 5), (5, 10), (2, 12), (0, 12)]
    assert not seen[0].exact
    assert seen[-1].exact
