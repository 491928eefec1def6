"""While a click is answered, threads take turns more often; afterwards as before."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from jupyter_workflows.widgets.turns import BRISK_SECONDS, BriskTurns


@pytest.fixture(autouse=True)
def usual() -> Iterator[float]:
    before = sys.getswitchinterval()
    yield before
    sys.setswitchinterval(before)


def test_turns_are_brisk_from_the_first_answer_to_the_last(usual: float):
    turns = BriskTurns()
    turns.begin()
    turns.begin()
    turns.end()
    assert sys.getswitchinterval() == pytest.approx(BRISK_SECONDS, abs=2e-6)
    turns.end()
    assert sys.getswitchinterval() == pytest.approx(usual, abs=2e-6)


def test_an_interval_that_somebody_else_set_stays():
    turns = BriskTurns()
    turns.begin()
    sys.setswitchinterval(0.02)
    turns.end()
    assert sys.getswitchinterval() == pytest.approx(0.02, abs=2e-6)


def test_a_shorter_interval_is_not_made_longer():
    sys.setswitchinterval(0.0001)
    turns = BriskTurns()
    turns.begin()
    assert sys.getswitchinterval() == pytest.approx(0.0001, abs=2e-6)
    turns.end()
    assert sys.getswitchinterval() == pytest.approx(0.0001, abs=2e-6)
