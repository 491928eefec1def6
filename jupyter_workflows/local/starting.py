"""Starts the supervisor of a home, once, however many processes want it at the same time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from ..errors import RuntimeFailed
from .binary import NO, find_binary
from .children import open_log
from .paths import HOME_VARIABLE, Home, read_json
from .protocol import dial

BOOT = Path(__file__).with_name("boot.py")
IDLE_VARIABLE = "JUPYTER_WORKFLOWS_IDLE_SECONDS"
SPARE_VARIABLE = "JUPYTER_WORKFLOWS_SPARE_HOST"
DIAL_SECONDS = 5.0
REPORT_SECONDS = 20.0
POLL_SECONDS = 0.01

AVAILABLE = hasattr(socket, "AF_UNIX") and hasattr(os, "fork")
Progress = Callable[[str], None]


def reach(home: Home) -> socket.socket | None:
    """A connection to the running supervisor of this home, if there is one.

    Raises:
        RuntimeFailed: This system has none of what the runtime is made of.
    """
    if not AVAILABLE:
        raise RuntimeFailed("The embedded runtime needs Linux or macOS. Set TEMPORAL_ADDRESS to a Temporal server.")
    connection = dial(home.socket, DIAL_SECONDS)
    if connection:
        return connection
    # The same data may be served with another runtime directory: then its lock says where.
    elsewhere = read_json(home.lock).get("socket")
    if isinstance(elsewhere, str) and elsewhere != str(home.socket):
        return dial(Path(elsewhere), DIAL_SECONDS)
    return None


def start_supervisor(home: Home, progress: Progress, *, version: str, recover: bool) -> None:
    """Start the supervisor, or wait a moment for the process that is doing so.

    Raises:
        RuntimeFailed: It can't be started.
    """
    home.create()
    with _alone(home) as alone:
        if not alone:
            time.sleep(POLL_SECONDS)
            return
        waiting = reach(home)
        if waiting:
            waiting.close()
            return
        binary, binary_version = find_binary(home, progress)
        progress(f"Starting the Temporal server {binary_version.split()[0]}")
        settings = {
            "data": str(home.data),
            "runtime": str(home.runtime),
            "binary": str(binary),
            "version": binary_version,
            "package_version": version,
            "idle_seconds": float(os.environ.get(IDLE_VARIABLE, "30")),
            "spare": os.environ.get(SPARE_VARIABLE, "1").lower() not in NO,
            "recover": recover,
        }
        _understand(home, _spawn(home, settings))


def lock_owner(home: Home) -> dict[str, Any] | None:
    """Who holds the supervisor's lock; None when it is free."""
    import fcntl

    try:
        with home.lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return read_json(home.lock)
    return None


def end_by_force(home: Home, seconds: float) -> None:
    """Kill a supervisor that does not answer; its children die with it."""
    owner = lock_owner(home)
    if owner and owner.get("hostname") == socket.gethostname() and isinstance(owner.get("pid"), int):
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner["pid"], signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while lock_owner(home) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for path in (home.socket, home.runtime_file):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(home: Home) -> Generator[bool]:
    import fcntl

    try:
        descriptor = os.open(home.start_lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RuntimeFailed(f"{home.start_lock} can't be written: {error.strerror}. {_elsewhere()}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    except OSError as error:
        raise RuntimeFailed(
            f"{home.data} is on a disk that knows no locks: {error.strerror}. {_elsewhere()}"
        ) from error
    else:
        yield True
    finally:
        os.close(descriptor)


def _spawn(home: Home, settings: dict[str, Any]) -> str:
    """The new supervisor's report on its start."""
    with open_log(home.logs / "supervisor.log") as log:
        process = subprocess.Popen(
            # Isolated and without site: nothing of the environment is needed, and it halves the interpreter's start.
            [sys.executable, "-I", "-S", str(BOOT), "supervisor", json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=home.data,
            start_new_session=True,
            text=True,
        )
    try:
        report, _ = process.communicate(timeout=REPORT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise RuntimeFailed(
            f"The runtime's supervisor did not start within {REPORT_SECONDS:.0f} s. Try again."
        ) from None
    return report


def _understand(home: Home, report: str) -> None:
    try:
        found: dict[str, Any] = json.loads(report)
    except ValueError:
        log = home.logs / "supervisor.log"
        raise RuntimeFailed(f"The runtime's supervisor could not be started; {log} says why.") from None
    if "error" in found:
        raise RuntimeFailed(f"{found['error']}")
    if found.get("busy"):
        owner = lock_owner(home) or {}
        if owner.get("hostname", socket.gethostname()) != socket.gethostname():
            raise RuntimeFailed(f"{home.data} is in use on the computer {owner['hostname']}. {_elsewhere()}")
        # It is on its way up or down.
        time.sleep(POLL_SECONDS)


def _elsewhere() -> str:
    return f"Set {HOME_VARIABLE} to a directory of your own on a local disk."
