"""The processes of one home, found by what /proc says of them, not by what they say of themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from jupyter_workflows.local.paths import HOME_VARIABLE

_SIGNS = (
    ("boot.py supervisor", "supervisor"),
    ("boot.py host", "host"),
    ("boot.py cleanup", "cleanup"),
    ("server start-dev", "server"),
    ("ipykernel_launcher", "kernel"),
    ("jupyter_server", "jupyter"),
)


@dataclass(frozen=True)
class Found:
    """A process that belongs to a home."""

    pid: int
    role: str
    command: str


def processes_of(home: Path) -> list[Found]:
    """All processes but this one that name the home in command line or environment, or work in it."""
    found: list[Found] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            named = any(str(home) in word for word in words)
            if process.pid != os.getpid() and words and (named or _lives_in(process, home)):
                command = " ".join(words)
                role = next((role for sign, role in _SIGNS if sign in command), "other")
                found.append(Found(process.pid, role, command[:200]))
    return found


def of_role(home: Path, *roles: str) -> list[int]:
    """Process ids of some roles."""
    return [found.pid for found in processes_of(home) if found.role in roles]


def kill(*pids: int) -> None:
    """`kill -9`, all in one go."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def gone(home: Path, seconds: float, *, but: frozenset[str] = frozenset()) -> list[Found]:
    """The processes that are still there after a wait, those of the roles in `but` left out."""
    deadline = time.monotonic() + seconds
    while True:
        left = [found for found in processes_of(home) if found.role not in but]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def _lives_in(process: psutil.Process, home: Path) -> bool:
    if process.environ().get(HOME_VARIABLE) == str(home):
        return True
    where = Path(process.cwd())
    return where == home or home in where.parents
