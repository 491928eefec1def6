"""Row 4: kernel, worker host, server and supervisor die at once; two kernels reopen at the same time."""

from __future__ import annotations

import time

from ..kernels import Kernel
from ..processes import kill, of_role, processes_of
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

OPEN_RUNS = 2
STEPS = 8
WHO = "__import__('jupyter_workflows.local.runtime').local.runtime.status().supervisor_pid"


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Kill everything; then two kernels ask for their runs at the same moment."""
    kernel = stage.kernel()
    waits = stage.start_gated(kernel)
    for number in range(count):
        hit = stage.moment(OPEN_RUNS, lambda kernel=kernel: stage.keep_busy(kernel, OPEN_RUNS, STEPS))
        kill(*[found.pid for found in processes_of(stage.home.data)])
        stage.close_kernels()
        outcome.demand(not processes_of(stage.home.data), f"round {number}: something survived kill -9")
        pair = [stage.bare_kernel(), stage.bare_kernel()]
        outcome.recoveries.append(reopen(stage, pair, hit, outcome))
        kernel = pair[0]
        waiting = kernel.value(f"[a.id for a in get_run({waits!r}).pending_approvals()]")
        outcome.demand(waiting == ["human_approval-1"], f"round {number}: the open approval is {waiting}")
        if number % 5 == 4 or number == count - 1:
            go_on(stage, kernel, waits, outcome)
            waits = stage.start_gated(kernel) if number < count - 1 else waits
    stage.conclude(outcome)
    outcome.notes.append("an approval that waited through every restart was decided and its run went on")


def reopen(stage: Stage, pair: list[Kernel], hit: list, outcome: Outcome) -> float:
    """Seconds from asking for a run in two kernels at once until the steps that were hit run again."""
    since = time.time()
    cell = f"%load_ext jupyter_workflows\nfrom jupyter_workflows import get_run\nprint(get_run({hit[0].run!r}).status)"
    sent = [kernel.begin(cell) for kernel in pair]
    shown = [kernel.finish(one).strip() for kernel, one in zip(pair, sent, strict=True)]
    seconds = stage.retried(hit, since)
    truth = stage.told(hit[0].run).status
    outcome.demand(all(one in (truth, "running") for one in shown), f"{hit[0].run} shown as {shown}, is {truth}")
    for kernel in pair:
        stage.run_cells(kernel)
    owners = {kernel.value(WHO) for kernel in pair}
    found = of_role(stage.home.data, "supervisor")
    outcome.demand(owners == set(found) and len(found) == 1, f"owners {owners}, supervisors {found}")
    servers = of_role(stage.home.data, "server")
    outcome.demand(len(servers) == 1, f"{len(servers)} servers on one home")
    pair[1].close()
    stage.kernels.remove(pair[1])
    return seconds


def go_on(stage: Stage, kernel: Kernel, run: str, outcome: Outcome) -> None:
    """Decide what has waited; the run must end by it."""
    answers = kernel.value(f"(get_run({run!r}).approve(reviewer='ada'), get_run({run!r}).result(timeout=20))[1]")
    outcome.demand(answers == ["human_approval-1 True ada"], f"{run} answered {answers}")
    stage.results[run] = ["human_approval-1 True ada"]


ROW = Row(
    "4", "`kill -9` of kernel, worker host, server and supervisor at once, then two kernels open at the same time; "
    "seconds are those from reopening until the steps run again", 20, 200, play,
)  # fmt: skip
