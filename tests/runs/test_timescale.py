"""The time line: monotonous, folded where nothing works, labelled without overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows.runs.timescale import timescale

from . import snapshots as made


def test_a_wait_of_days_leaves_room_for_seconds_of_work() -> None:
    waits = made.step("human_approval-1", 8, 8, 190_000, kind="approval", approval=made.approval())
    steps = [made.step("a-1", 0, 0, 8), waits, made.step("b-1", 190_000, 190_000, 190_002)]
    scale = timescale(steps, made.at(0), made.at(190_002))
    (fold,) = scale.folds
    assert 189_990 < fold.seconds < 190_000
    assert scale.position(made.at(8)) > 60
    assert scale.position(made.at(190_002)) - scale.position(made.at(190_000)) > 10
    assert [label for _, label in scale.ticks()] == ["0", "⋯ 2 d ⋯", "2 d 4 h"]


def test_short_pauses_are_not_folded() -> None:
    steps = [made.step("a-1", 0, 0, 1), made.step("b-1", 2, 2, 3)]
    scale = timescale(steps, made.at(0), made.at(3))
    assert scale.folds == []
    assert abs(scale.position(made.at(1.5)) - 50) < 0.01
    assert [label for _, label in scale.ticks()] == ["0", "0.8 s", "1.5 s", "2.2 s", "3.0 s"]


def test_a_run_that_only_waits_is_one_fold() -> None:
    waits = made.step("sleep-1", 0, 0, status="waiting", kind="timer")
    scale = timescale([waits], made.at(0), made.at(86_400))
    assert scale.position(made.at(86_400)) == 100


spans = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)), max_size=12)


@given(spans, st.lists(st.floats(-10, 2e6), min_size=2, max_size=10), st.sampled_from(["activity", "timer"]))
def test_positions_keep_the_order_and_stay_on_the_line(
    parts: list[tuple[float, float]], moments: list[float], kind: str
) -> None:
    steps = [
        made.step(f"s-{number}", begin, begin, begin + length, kind=kind)  # pyright: ignore[reportArgumentType]
        for number, (begin, length) in enumerate(parts)
    ]
    end = max((begin + length for begin, length in parts), default=0.0)
    scale = timescale(steps, made.at(0), made.at(end))
    positions = [scale.position(made.at(moment)) for moment in sorted(moments)]
    assert positions == sorted(positions)
    assert all(-1e-6 <= position <= 100 + 1e-6 for position in positions)
    ticks = [position for position, _ in scale.ticks()]
    assert ticks == sorted(ticks)
