"""`kill -9` in the middle of each undo: each finished step is undone once, in reverse, as the effect log tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chaos.effects import Entry
from chaos.processes import kill, of_role, processes_of
from chaos.stage import Stage, stage

STEPS = 3
CELL = """
@activity
def unreserve(number: int, key: str) -> None:
    note("start", 0.7)
    time.sleep(0.7)
    note("effect")

@activity(compensate=unreserve)
def reserve(number: int) -> int:
    note("effect")
    return number

@workflow
async def order(many: int, fails: bool) -> int:
    for number in range(many):
        await reserve(number)
    if fails:
        raise RuntimeError("no courier")
    return many
"""


def worker(found: Stage, busy: Entry) -> None:
    """The worker host that is undoing dies."""
    del found
    kill(busy.pid)


def server(found: Stage, busy: Entry) -> None:
    """The Temporal server dies."""
    del busy
    kill(*of_role(found.home.data, "server"))


def everything(found: Stage, busy: Entry) -> None:
    """All processes of the home die, and the kernel; another kernel is opened."""
    del busy
    kill(*[each.pid for each in processes_of(found.home.data)], *[kernel.pid for kernel in found.kernels])
    found.close_kernels()
    found.bare_kernel().run("%load_ext jupyter_workflows\nfrom jupyter_workflows import runs\nlen(runs())")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("fault", "own_run"),
    [(worker, False), (server, False), (everything, False), (everything, True)],
    ids=["worker", "server", "everything", "everything-by-a-run-of-its-own"],
)
def test_rollback_goes_on_after_kill_in_its_middle(fault: Callable[[Stage, Entry], None], own_run: bool):
    with stage(seed=1) as found:
        kernel = found.kernel()
        kernel.run(CELL)
        kernel.run(f"run = order.options(id='order').start({STEPS}, {not own_run})")
        undoing = "order"
        if own_run:
            undoing = kernel.value("run.result(timeout=30) and run.roll_back('wrong order').id")
        for number in range(STEPS, 0, -1):
            step = f"undo:reserve-{number}"
            busy = found.eventually(lambda step=step: busy_with(found, step), 60.0, f"busy {step}")
            found.sleep(0.2, 0.4)
            fault(found, busy)
        status = "completed" if own_run else "failed"
        found.eventually(lambda: found.told(undoing).status == status, 60.0, f"end of {undoing}")
        done = [entry.step for entry in found.log.read() if entry.what == "effect"]
        begun = [entry for entry in found.log.entries if entry.what == "start"]
    assert done[:STEPS] == [f"reserve-{number}" for number in range(1, STEPS + 1)]
    assert done[STEPS:] == [f"undo:reserve-{number}" for number in range(STEPS, 0, -1)]
    # Without its worker each undo was begun anew; a server that dies does not disturb the step itself.
    assert len(begun) >= (STEPS if fault is server else 2 * STEPS)


def busy_with(found: Stage, step: str) -> Entry | None:
    """The step that is busy, if it is this one."""
    return next((entry for entry in found.log.busy() if entry.step == step), None)
