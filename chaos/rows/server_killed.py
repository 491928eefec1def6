"""Row 2: the Temporal server dies."""

from __future__ import annotations

import time

from ..processes import kill, of_role
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

OPEN_RUNS = 3
STEPS = 12
LONGEST_SECONDS = 0.6


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Kill the server while steps are busy; back means that each run has begun its next step."""
    kernel = stage.kernel()
    for number in range(count):
        stage.sleep(0.2, 3.0)
        hit = stage.moment(OPEN_RUNS, lambda: stage.keep_busy(kernel, OPEN_RUNS, STEPS, LONGEST_SECONDS))
        since = time.time()
        kill(*of_role(stage.home.data, "server"))
        if number % 3 == 0:
            stage.right_status(kernel, hit[0].run, outcome)
        outcome.recoveries.append(stage.advanced(hit, since))
    stage.conclude(outcome)


ROW = Row("2", "`kill -9` of the Temporal server while steps of three runs are busy", 40, 500, play, limit_seconds=3.0)
