"""The checker must see what it is there to see."""

from __future__ import annotations

import pytest

from chaos.effects import Entry
from chaos.histories import Told
from chaos.verdicts import Outcome, judge


def entry(what: str, attempt: int, at: float) -> Entry:
    return Entry(at=at, what=what, run="run-1", step="crunch-1", attempt=attempt, pid=1)


DONE = Told(status="completed", result=4, completed={"crunch-1": (2, 20.0)})
KILLED_ONCE = [entry("start", 1, 10.0), entry("start", 2, 12.0), entry("effect", 2, 19.0)]


def verdict(told: Told | None, log: list[Entry], *, outage: bool = False) -> tuple[int, int, int]:
    outcome = Outcome()
    judge(outcome, {"run-1": told}, {"run-1": 4}, log, outage=outage)
    return outcome.lost, outcome.repeated, outcome.unrecorded


def test_interrupted_step_that_ran_again_is_no_problem():
    assert verdict(DONE, KILLED_ONCE) == (0, 0, 0)


@pytest.mark.parametrize(
    "told",
    [
        None,
        Told(status="running"),
        Told(status="failed", failure="WorkerDied"),
        Told(status="completed", result=5, completed=DONE.completed),
    ],
)
def test_run_that_is_unknown_or_open_or_failed_or_wrong_is_lost(told: Told | None):
    assert verdict(told, KILLED_ONCE)[0] == 1


@pytest.mark.parametrize(
    "more",
    [
        [entry("start", 3, 19.5)],
        [entry("start", 2, 21.0)],
        [entry("effect", 2, 19.5)],
        [entry("effect", 1, 11.0)],
    ],
    ids=["a further attempt", "a start after its end", "a second effect", "the effect of an interrupted attempt"],
)
def test_step_that_was_done_twice_counts_as_run_again(more: list[Entry]):
    assert verdict(DONE, KILLED_ONCE + more)[1] == 1


def test_completed_step_without_any_effect_is_seen():
    assert verdict(DONE, KILLED_ONCE[:2])[1] == 1


def test_effect_that_could_not_be_recorded_is_counted_by_itself_in_an_outage():
    assert verdict(DONE, [*KILLED_ONCE, entry("effect", 1, 11.0)], outage=True) == (0, 0, 1)
    assert verdict(DONE, [*KILLED_ONCE, entry("start", 3, 19.5)], outage=True) == (0, 1, 0)


def test_percentile_is_the_nearest_rank():
    outcome = Outcome(recoveries=[float(number) for number in range(1, 21)])
    assert (outcome.percentile(0.5), outcome.percentile(0.95)) == (10.0, 19.0)
    assert Outcome().percentile(0.5) is None
