"""Row 1: the worker host dies inside a busy step."""

from __future__ import annotations

import time

from ..processes import kill
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

OPEN_RUNS = 3
STEPS = 12


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Kill the process that holds the busy steps, again and again, while runs are started and watched."""
    kernel = stage.kernel()
    for number in range(count):
        stage.sleep(0.2, 3.0)
        hit = stage.moment(OPEN_RUNS, lambda: stage.keep_busy(kernel, OPEN_RUNS, STEPS))
        since = time.time()
        kill(*{entry.pid for entry in hit})
        if number % 3 == 0:
            stage.right_status(kernel, hit[0].run, outcome)
        outcome.recoveries.append(stage.retried(hit, since))
    stage.conclude(outcome)


ROW = Row("1", "`kill -9` of the worker host inside busy steps of three runs", 60, 1000, play, limit_seconds=2.0)
