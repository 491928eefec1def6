"""Row 3: the kernel dies, alone or with the Jupyter server it belongs to."""

from __future__ import annotations

import time

from ..jupyter import JupyterServer
from ..kernels import Kernel
from ..processes import gone, kill
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

STEPS = 6
SERVER_EVERY = 10
REATTACH = """%load_ext jupyter_workflows
from jupyter_workflows import get_run
run = get_run({run!r})
shown = run._repr_mimebundle_()
print(run.status)
"""


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Kill the kernel; the runs go on while there is none, and a fresh one shows them."""
    kernel = stage.kernel()
    for number in range(count):
        if number % SERVER_EVERY == 0:
            server_dies(stage, outcome)
        hit = stage.moment(2, lambda kernel=kernel: stage.keep_busy(kernel, 2, STEPS))
        since = time.time()
        kill(kernel.pid)
        stage.drop(kernel)
        stage.advanced(hit, since)
        kernel = stage.bare_kernel()
        reattach(kernel, hit[0].run, stage, outcome)
        stage.run_cells(kernel)
    stage.conclude(outcome)
    outcome.notes.append(f"{-(-count // SERVER_EVERY)} of the kernels died with their Jupyter server")


def reattach(kernel: Kernel, run: str, stage: Stage, outcome: Outcome) -> None:
    """From a kernel that knows nothing to the run on the screen."""
    kernel.run("pass")
    began = time.monotonic()
    shown = kernel.run(REATTACH.format(run=run)).strip()
    outcome.recoveries.append(time.monotonic() - began)
    truth = stage.told(run).status
    outcome.demand(shown in (truth, "running"), f"a fresh kernel shows {run} as {shown}, it is {truth}")


def server_dies(stage: Stage, outcome: Outcome) -> None:
    """Kill a Jupyter server; its kernel goes with it, and the run it started does not."""
    with JupyterServer(stage.home.data, stage.folder) as server:
        kernel = server.kernel()
        stage.run_cells(kernel)
        hit = stage.moment(1, lambda: stage.keep_busy(kernel, 1, STEPS))
        since = time.time()
        kill(server.pid)
        stage.advanced(hit, since)
        kernel.forget()
    left = [found for found in gone(stage.home.data, 10.0) if found.pid in (server.pid, server.kernel_pid)]
    outcome.demand(not left, f"outlived the Jupyter server: {left}")


ROW = Row(
    "3", "`kill -9` of the kernel, or of the Jupyter server above it; seconds are those of re-attaching", 40, 500, play,
    limit_seconds=2.0,
)  # fmt: skip
