"""Row 6: the clocks of kernel and worker jump while runs wait; the server's does not."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from ..kernels import CellFailed, Kernel
from ..stage import Stage, TookTooLong
from ..verdicts import Outcome
from .plan import NotHere, Row

# Debian's and Ubuntu's package `libfaketime`; the server is static, so it keeps its clock.
LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")
JUMPS = tuple(timedelta(hours=hours) for hours in (1, -1, 24, -24))
SHORT_SECONDS, LONG_SECONDS = 4.0, 3600.0
# A busy machine is late by seconds; a clock that counted would be wrong by an hour.
LATE_SECONDS = 15.0
# libfaketime 0.9.10 breaks `time.sleep` where it leaves the monotonic clock alone; ipykernel sleeps after an error.
CELLS = """
import ipykernel.kernelapp
ipykernel.kernelapp.IPKernelApp.instance().kernel._execute_sleep = 0
from jupyter_workflows import sleep

@workflow
async def naps(seconds: float) -> str:
    await sleep(timeout(seconds=seconds))
    return "awake"

@workflow
async def asks(seconds: float) -> str:
    answer = await human_approval("Well?", timeout=timeout(seconds=seconds))
    return "nobody" if answer.timed_out else f"{answer.approved} {answer.by}"
"""


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Let both clocks jump while a timer, an approval that runs out and one that does not are open."""
    clock = false_clock(stage)
    stage.up()
    kernel = stage.kernel()
    kernel.run(CELLS)
    for number in range(count):
        jump = JUMPS[number % len(JUMPS)]
        names = {kind: f"{kind}-{number}" for kind in ("naps", "asks", "waits")}
        set_clock(clock, timedelta())
        kernel.run(f"nap = naps.options(id={names['naps']!r}).start({SHORT_SECONDS})")
        kernel.run(f"out = asks.options(id={names['asks']!r}).start({SHORT_SECONDS})")
        kernel.run(
            f"ask = asks.options(id={names['waits']!r}).start({LONG_SECONDS}); ask.wait_for('approval', timeout=30)"
        )
        stage.results |= {names["naps"]: "awake", names["asks"]: "nobody", names["waits"]: "True ada"}
        set_clock(clock, jump)
        check_clock(kernel, jump, outcome)
        check_ends(stage, names, outcome)
        decide(stage, kernel, names["waits"], jump, outcome)
        stage.right_status(kernel, names["waits"], outcome)
    set_clock(clock, timedelta())
    stage.conclude(outcome)
    outcome.notes.append("by an hour and a day, forwards and backwards")


def false_clock(stage: Stage) -> Path:
    """The file that says how far the clocks of the stage's kernels and worker hosts are off.

    Raises:
        NotHere: There is no libfaketime.
    """
    library = next((found for pattern in LIBRARIES for found in sorted(Path("/").glob(pattern[1:]))), None)
    if library is None:
        raise NotHere("libfaketime is not installed: apt-get install libfaketime")
    file = stage.folder / "clock"
    set_clock(file, timedelta())
    stage.variables |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return file


def set_clock(file: Path, off: timedelta) -> None:
    """Set how far the clocks are off."""
    new = file.with_suffix(".new")
    new.write_text(f"{off.total_seconds():+.0f}\n", encoding="ascii")
    new.replace(file)


def check_clock(kernel: Kernel, jump: timedelta, outcome: Outcome) -> None:
    """The kernel does live in another time; otherwise nothing was shown."""
    off = float(kernel.run("print(time.time())")) - time.time()
    outcome.demand(abs(off - jump.total_seconds()) < 60, f"the kernel's clock is off by {off:.0f} s, wanted {jump}")


def check_ends(stage: Stage, names: dict[str, str], outcome: Outcome) -> None:
    """A timer and an approval end after their time, by the server's clock, and neither before nor long after."""
    for kind in ("naps", "asks"):
        try:
            stage.eventually(
                lambda kind=kind: stage.told(names[kind]).status != "running", 30.0, f"end of {names[kind]}"
            )
        except TookTooLong as error:
            outcome.problems.append(str(error))
            continue
        took = lasted(stage, names[kind])
        early, late = took < SHORT_SECONDS, took > SHORT_SECONDS + LATE_SECONDS
        outcome.demand(not early and not late, f"{names[kind]} took {took:.1f} s, wanted {SHORT_SECONDS:g}")
        outcome.recoveries.append(max(0.0, took - SHORT_SECONDS))
    open_still = stage.told(names["waits"]).status
    outcome.demand(open_still == "running", f"{names['waits']}, which has an hour, is {open_still}")


def lasted(stage: Stage, run: str) -> float:
    """How long a run took, in seconds, as the server has it."""
    found = stage.do(stage.client().get_workflow_handle(run).describe())
    assert found.close_time is not None
    return (found.close_time - found.start_time).total_seconds()


def decide(stage: Stage, kernel: Kernel, run: str, jump: timedelta, outcome: Outcome) -> None:
    """A decision from the kernel with the false clock counts."""
    try:
        kernel.run(f"get_run({run!r}).approve(reviewer='ada')")
    except CellFailed as error:
        outcome.problems.append(f"{run}, clock off by {jump}: {error}")
        stage.do(stage.client().get_workflow_handle(run).terminate("undecided"))


FAULT = (
    "the clocks of kernel and worker host jump by an hour or a day during waits; "
    "seconds are those by which a timer or an approval was late"
)
ROW = Row("6", FAULT, 10, 50, play)
