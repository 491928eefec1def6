"""Rate limits: no window ever holds more calls than allowed, whoever makes them."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows import RateLimit
from jupyter_workflows.plugin.limits import Limits, next_slot, reserved

LIMIT = RateLimit(calls=3, per=timedelta(seconds=2))


def reserve(directory: str) -> list[float]:
    return [Limits(Path(directory)).reserve(LIMIT, "crm") for _ in range(5)]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 5))
def test_no_window_holds_more_than_allowed(gaps: list[float], calls: int) -> None:
    limit = RateLimit(calls=calls, per=timedelta(seconds=2))
    now, slots = 0.0, list[float]()
    for gap in gaps:
        now += gap
        slots.append(next_slot(slots[-calls:], limit, now))
        assert slots[-1] >= now
    assert slots == sorted(slots)
    assert all(later - earlier >= 2 - 1e-9 for earlier, later in zip(slots, slots[calls:], strict=False))


def test_processes_share_a_limit(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        slots = sorted(slot for taken in pool.map(reserve, [str(tmp_path)] * 3) for slot in taken)
    assert len(slots) == 15
    assert all(later - earlier >= 2 - 1e-6 for earlier, later in zip(slots, slots[3:], strict=False))


def test_a_clock_set_back_does_not_block_for_ever() -> None:
    _, content = reserved(b"", LIMIT, 1e9)
    assert reserved(content, LIMIT, 100.0)[0] == 100.0


def test_a_half_written_file_is_no_obstacle() -> None:
    assert reserved(b"\x00" * 13, LIMIT, 100.0)[0] >= 100.0
