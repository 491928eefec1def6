"""Row 7: the disk is full for a while, turns read-only, or gives back less of the database than was written."""

from __future__ import annotations

import math
import shutil
import sqlite3
import struct
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil

from jupyter_workflows.errors import RuntimeFailed
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home

from ..kernels import CellFailed, Kernel
from ..processes import gone, kill, processes_of
from ..stage import Stage
from ..verdicts import Outcome
from .plan import NotHere, Row

RUNS = 20
DISK_BYTES = 96 * 1024 * 1024
MESSAGE_SECONDS = 5.0
END_SECONDS = 15.0


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """One small disk; full, read-only and cut short in turn."""
    disk = small_disk(stage)
    kernel = stage.kernel()
    longest = 60.0 if count >= 10 else 8.0
    for number in range(count):
        if number % 5 in (0, 2, 4):
            seconds = math.exp(stage.random.uniform(math.log(5.0), math.log(longest)))
            outcome.recoveries.append(full(stage, kernel, disk, seconds, outcome))
        elif number % 5 == 1:
            kernel = read_only(stage, disk, outcome)
        else:
            cut_log(stage, outcome)
    check_database(stage, outcome)
    stage.conclude(outcome, outage=True)
    outcome.notes.append(f"{outcome.unrecorded} steps were done while nothing could be recorded, and ran again")


def small_disk(stage: Stage) -> Path:
    """A tmpfs under the home.

    Raises:
        NotHere: Mounting takes rights we don't have.
    """
    place, aside = stage.home.data, stage.folder / "before"
    place.mkdir(mode=0o700, exist_ok=True)
    # Keys may be there already.
    shutil.copytree(place, aside)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise NotHere("mounting a small disk takes rights that this process does not have")
    stage.at_end(lambda: subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False))
    shutil.copytree(aside, place, dirs_exist_ok=True)
    shutil.rmtree(aside)
    return place


def full(stage: Stage, kernel: Kernel, disk: Path, seconds: float, outcome: Outcome) -> float:
    """Fill the disk under 20 runs, for a while; seconds until all of them have ended after there is space."""
    runs = [stage.start(kernel, stage.random.randint(3, 6)) for _ in range(RUNS)]
    ballast = disk / "ballast"
    fill_up(ballast)
    until = time.monotonic() + seconds
    refused(kernel, "pipeline.options(id='too-much').start([0.1])", outcome, "full", str(disk))
    while time.monotonic() < until:
        time.sleep(0.2)
        fill_up(ballast)
    ballast.unlink()
    began = time.monotonic()
    for run in runs:
        stage.eventually(lambda run=run: stage.told(run).status != "running", 60.0, f"end of {run}")
    took = time.monotonic() - began
    outcome.demand(took < END_SECONDS, f"after {seconds:.0f} s of a full disk the runs took {took:.1f} s to end")
    return took


def fill_up(ballast: Path) -> None:
    """Take all that is free."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def refused(kernel: Kernel, cell: str, outcome: Outcome, *words: str) -> None:
    """A cell must fail within 5 s, with a message that has these words."""
    began = time.monotonic()
    try:
        kernel.run(cell, seconds=30)
    except CellFailed as error:
        clear = all(word in str(error) for word in words) and "Traceback" not in str(error)
        outcome.demand(clear, f"{cell}: no clear message: {error}")
    else:
        outcome.problems.append(f"{cell} went through")
    outcome.demand(time.monotonic() - began < MESSAGE_SECONDS, f"{cell}: no message within {MESSAGE_SECONDS:g} s")


def read_only(stage: Stage, disk: Path, outcome: Outcome) -> Kernel:
    """Everything stops; the disk is read-only when it is opened again, and then it is not."""
    run = stage.start_gated(stage.kernels[-1])
    kill(*[found.pid for found in processes_of(stage.home.data)])
    stage.close_kernels()
    outcome.demand(not gone(stage.home.data, 10.0), "something survived kill -9")
    remount(disk, "ro")
    kernel = stage.kernel()
    refused(kernel, "pipeline.options(id='on-read-only').start([0.1])", outcome, str(disk))
    remount(disk, "rw")
    kernel.run(f"get_run({run!r}).approve(reviewer='ada')")
    answers = kernel.value(f"get_run({run!r}).result(timeout=30)")
    outcome.demand(answers == ["human_approval-1 True ada"], f"{run} answered {answers}")
    return kernel


def remount(disk: Path, mode: str) -> None:
    """Change whether the disk can be written; takes a moment after the last writer has died."""
    for _ in range(50):
        command = ["mount", "-o", f"remount,{mode}", str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
        time.sleep(0.2)
    raise OSError(f"{done.stderr.strip()}; held by {holders(disk)}")


def holders(disk: Path) -> list[str]:
    """Which processes have files of the disk open."""
    found: list[str] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            links = Path(f"/proc/{process.pid}/fd").iterdir()
            if any(str(link.readlink()).startswith(str(disk)) for link in links):
                found.append(f"{process.pid} {process.name()}")
    return found


def cut_log(stage: Stage, outcome: Outcome) -> None:
    """A copy of the database whose log lost its end: it opens and is sound, or is refused with a remedy."""
    copy = Home.locate(stage.folder / "copy")
    shutil.rmtree(copy.data, ignore_errors=True)
    copy.create()
    copy_database(stage.home, copy)
    log = Path(f"{copy.database}-wal")
    size = log.stat().st_size if log.exists() else 0
    least = copied_back(copy)
    if size > least:
        with log.open("r+b") as file:
            file.truncate(stage.random.randrange(least, size))
    Path(f"{copy.database}-shm").unlink(missing_ok=True)
    began = time.monotonic()
    try:
        local_runtime.ensure(copy).close()
    except RuntimeFailed as error:
        outcome.demand("damaged" in str(error) and "--recover" in str(error), f"a cut log: no clear message: {error}")
        outcome.demand(time.monotonic() - began < MESSAGE_SECONDS, "a cut log: no message within 5 s")
    else:
        outcome.demand(sound(copy), "a cut log was opened, and the database is not sound")
    local_runtime.down(copy)
    left = gone(copy.data, 5.0)
    outcome.orphans += len(left)
    outcome.demand(not left, f"left on the copy: {left}")


def copy_database(source: Home, target: Home) -> None:
    """Copy the database at one moment of its life, as a power cut would find it."""
    with closing(sqlite3.connect(source.database, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for suffix in ("", "-wal", "-shm"):
            file = Path(f"{source.database}{suffix}")
            if file.exists():
                shutil.copyfile(file, f"{target.database}{suffix}")
        connection.execute("ROLLBACK")


def copied_back(home: Home) -> int:
    """How many bytes of the log are in the database already; they were synced before, so no power cut takes them.

    From the number of frames in the shared memory's header, https://sqlite.org/walformat.html#the_wal_index_header.
    """
    shared = Path(f"{home.database}-shm")
    if not shared.exists():
        return 0
    (frames,) = struct.unpack_from("=I", shared.read_bytes(), 96)
    (page_bytes,) = struct.unpack_from(">H", home.database.read_bytes()[:100], 16)
    return 32 + frames * (24 + (65_536 if page_bytes == 1 else page_bytes))


def check_database(stage: Stage, outcome: Outcome) -> None:
    """SQLite's own opinion of the database that all of it happened to."""
    outcome.demand(sound(stage.home), "the database is not sound")


def sound(home: Home) -> bool:
    """Whether a copy of the database passes SQLite's `integrity_check`."""
    with sqlite3.connect(home.database, timeout=10) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


ROW = Row(
    "7", "disk full for 5 to 60 s under 20 runs; disk read-only; write-ahead log cut short; seconds are those from "
    "space to the end of all runs", 10, 50, play, limit_seconds=15.0,
)  # fmt: skip
