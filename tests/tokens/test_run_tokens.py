"""What a step writes reaches code, in order and whole."""

from __future__ import annotations

from pathlib import Path

from .conftest import Writers, joined


def test_pieces_come_in_order_while_the_step_runs(writers: Writers, until: Path):
    pieces = [f"token {number} " for number in range(200)]
    run = writers.start("writer", pieces, 0.002, str(until))
    seen = []
    for token in run.tokens():
        assert run is not None
        seen.append(token)
        if joined(seen) == "".join(pieces) and not until.exists():
            assert run.status == "running"
            until.touch()
    assert joined(seen) == "".join(pieces)
    assert seen[-1].done
    assert len(seen) > 20, "they came one after the other, not all at the end"
    assert run.result(timeout=60) == "".join(pieces)
