"""Row 5: the network between the notebook and its worker on one side and the server on the other breaks."""

from __future__ import annotations

import math
import time
from collections import Counter

from ..kernels import CellFailed, Kernel
from ..proxy import Fault, Proxy
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

OPEN_RUNS = 3
STEPS = 12
FAULTS: tuple[Fault, ...] = ("cut", "mute", "silence", "trickle", "dead")
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 30.0
# Of a few faults, as on every change, none takes long.
FEW, SHORT_SECONDS = 20, 2.0
BACK_SECONDS = 60.0


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Break the network in each of five ways in turn, while steps are busy and runs are started."""
    proxy = between(stage)
    kernel = stage.kernel()
    longest = LONGEST_SECONDS if count >= FEW else SHORT_SECONDS
    times: Counter[str] = Counter()
    for number in range(count):
        fault = FAULTS[number % len(FAULTS)]
        hit = stage.moment(OPEN_RUNS, lambda: stage.keep_busy(kernel, OPEN_RUNS, STEPS))
        seconds = math.exp(stage.random.uniform(math.log(SHORTEST_SECONDS), math.log(longest)))
        proxy.throw(fault)
        asked = submit(stage, kernel, number) if fault in ("mute", "cut") else None
        time.sleep(seconds)
        if fault != "dead":
            proxy.throw(None)
        since = time.time()
        if asked is not None:
            settle(stage, kernel, asked, outcome)
        outcome.recoveries.append(stage.advanced(hit, since, BACK_SECONDS))
        proxy.throw(None)
        times[fault] += 1
        if number % 3 == 0:
            stage.right_status(kernel, hit[0].run, outcome)
    stage.conclude(outcome, outage=True)
    outcome.notes.append(", ".join(f"{fault} ({number})" for fault, number in times.items()))
    outcome.notes.append(f"{outcome.unrecorded} steps ended while they could not be told of for long, and ran again")


def between(stage: Stage) -> Proxy:
    """A proxy before the home's server; the kernels of the stage, and so their worker hosts, know no other way."""
    runtime = stage.up()
    host, _, port = runtime.address.rpartition(":")
    proxy = Proxy(host, int(port))
    proxy.start()
    stage.at_end(proxy.close)
    stage.variables |= {"TEMPORAL_ADDRESS": f"127.0.0.1:{proxy.port}", "TEMPORAL_NAMESPACE": runtime.namespace}
    return proxy


def submit(stage: Stage, kernel: Kernel, number: int) -> tuple[str, str]:
    """Start a run into the broken network: its cell, which is not waited for, and its id."""
    run, seconds = stage.acknowledge(steps=1, longest_seconds=0.4)
    return kernel.begin(f"run = pipeline.options(id={run!r}).start({seconds!r}); print(run.run_id)"), run


def settle(stage: Stage, kernel: Kernel, asked: tuple[str, str], outcome: Outcome) -> None:
    """A start either gave a run, and then there is exactly that one; or it failed, and there is one at most."""
    sent, run = asked
    try:
        given = kernel.finish(sent).split()[-1]
    except CellFailed:
        # Nobody was told of it; whether it is there is open, twice it never is.
        given = ""
        del stage.results[run]
    executions = stage.executions(run)
    outcome.demand(len(executions) <= 1, f"{run} was executed {len(executions)} times")
    if given:
        outcome.demand(executions == {given}, f"{run}: the notebook was given {given}, history knows {executions}")


ROW = Row(
    "5", "the network between notebook and worker and the server cut, silent, dead on open connections, at 1 kB/s, or "
    "without its answers, for 0.1 to 30 s; seconds are those from its return until the runs go on", 60, 1000, play,
)  # fmt: skip
