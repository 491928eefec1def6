"""What the death of a worker costs a step, and what it does not."""

from __future__ import annotations

import time

import pytest

from chaos.processes import kill
from chaos.stage import stage

SUICIDAL = """
@activity
def swallow_memory() -> int:
    note("start")
    os._exit(137)

@workflow
async def greedy() -> int:
    return await swallow_memory()
"""


@pytest.mark.timeout(120)
def test_deaths_of_the_worker_take_no_attempts_of_the_step():
    with stage(seed=1) as found:
        kernel = found.kernel()
        run = "patient"
        kernel.run(f"run = pipeline.options(id={run!r}).start([1.5])")
        for _ in range(4):
            (busy,) = found.eventually(found.log.busy, 30.0, "busy step")
            since = time.time()
            kill(busy.pid)
            found.retried([busy], since)
        assert kernel.value("run.result(timeout=30)") == 0
        assert found.told(run).completed["fetch-1"][0] == 5


@pytest.mark.timeout(120)
def test_step_that_kills_every_worker_fails_in_the_end():
    with stage(seed=1) as found:
        kernel = found.kernel()
        kernel.run(SUICIDAL)
        kernel.run("run = greedy.options(id='greedy').start()")
        found.eventually(lambda: found.told("greedy").status == "failed", 90.0, "end of the greedy run")
        assert "WorkerDied" in found.told("greedy").failure
        assert 3 < sum(entry.what == "start" for entry in found.log.read()) <= 8
