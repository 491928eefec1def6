"""Row 13: all of rows 1 to 5 in any order, under forty open runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from ..kernels import Kernel
from ..processes import kill, of_role, processes_of
from ..proxy import Proxy
from ..stage import Stage
from ..verdicts import Outcome
from .broken_network import between
from .plan import Row

OPEN_RUNS = 40
STEPS = 6
LONGEST_SECONDS = 2.0
END_SECONDS = 240.0


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Throw faults at moments that nobody chose; then all runs must end well."""
    proxy = between(stage)
    kernel = stage.kernel()
    times: Counter[str] = Counter()
    for _ in range(count):
        stage.keep_busy(kernel, OPEN_RUNS, STEPS, LONGEST_SECONDS)
        stage.sleep(0.3, 2.0)
        name = stage.random.choice(sorted(FAULTS))
        kernel = FAULTS[name](stage, kernel, proxy)
        times[name] += 1
    stage.conclude(outcome, seconds=END_SECONDS, outage=True)
    outcome.notes.append(", ".join(f"{name} ({number})" for name, number in sorted(times.items())))
    outcome.notes.append(f"{outcome.unrecorded} steps were done and could not be told of, and ran again")


def kill_hosts(stage: Stage, kernel: Kernel, _: Proxy) -> Kernel:
    """As row 1."""
    kill(*of_role(stage.home.data, "host"))
    return kernel


def kill_server(stage: Stage, kernel: Kernel, _: Proxy) -> Kernel:
    """As row 2."""
    kill(*of_role(stage.home.data, "server"))
    return kernel


def kill_kernel(stage: Stage, kernel: Kernel, _: Proxy) -> Kernel:
    """As row 3."""
    kill(kernel.pid)
    stage.drop(kernel)
    return stage.kernel()


def kill_everything(stage: Stage, kernel: Kernel, _: Proxy) -> Kernel:
    """As row 4."""
    kill(*[found.pid for found in processes_of(stage.home.data)])
    stage.drop(kernel)
    stage.up()
    return stage.kernel()


def cut_network(stage: Stage, kernel: Kernel, proxy: Proxy) -> Kernel:
    """As row 5."""
    proxy.throw("cut")
    time.sleep(stage.random.uniform(0.1, 2.0))
    proxy.throw(None)
    return kernel


FAULTS: dict[str, Callable[[Stage, Kernel, Proxy], Kernel]] = {
    "worker hosts killed": kill_hosts,
    "server killed": kill_server,
    "kernel killed": kill_kernel,
    "everything killed": kill_everything,
    "network cut": cut_network,
}
ROW = Row("13", "rows 1 to 5 in any order, under 40 open runs", 150, 2500, play)
