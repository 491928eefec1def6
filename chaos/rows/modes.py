"""Row S9: what other users of the machine could read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

WIDE_UMASK = "import os; os.umask(0)"
BIG = """
@activity
def measure(text: str) -> str:
    note("start")
    note("effect")
    return text * 2

@workflow
async def big_one(text: str) -> int:
    return len(await measure(text))
"""


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Use all that writes files, from a kernel with a wide umask, before and after a restart of everything."""
    checked = 0
    for _ in range(max(1, count // 50)):
        kernel = stage.bare_kernel()
        kernel.run(WIDE_UMASK)
        stage.run_cells(kernel)
        run = stage.start_gated(kernel)
        stage.start(kernel, 1)
        kernel.run(f"get_run({run!r}).approve(reviewer='ada')")
        kernel.run(BIG)
        kernel.run("print(big_one.start('x' * 100_000).result(timeout=30))")
        stage.wait_for_ends()
        checked += check(stage, outcome)
        stage.restart()
        checked += check(stage, outcome)
    outcome.count = checked
    stage.conclude(outcome)


def check(stage: Stage, outcome: Outcome) -> int:
    """Every directory 0700, every file and socket 0600, all of it the user's own."""
    home = stage.home
    places = [home.data, *home.data.rglob("*"), home.socket, home.socket.parent]
    for place in places:
        wrong = wrong_mode(place)
        outcome.demand(not wrong, f"{place.relative_to(home.data) if home.data in place.parents else place}: {wrong}")
    return len(places)


def wrong_mode(place: Path) -> str:
    """What is wrong with the mode or the owner of a file; nothing when all is right."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return ""
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if found.st_uid != os.geteuid():
        return f"belongs to {found.st_uid}"
    mode = stat.S_IMODE(found.st_mode)
    allowed = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
    return f"has mode {mode:o}, wanted {allowed:o}" if mode & ~allowed else ""


ROW = Row("S9", "modes of every file, directory and socket of the home, made by a kernel with umask 0", 100, 200, play)
