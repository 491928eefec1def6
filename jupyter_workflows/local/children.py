"""Child processes that never outlive their supervisor.

On Linux the kernel kills them with it (`PR_SET_PDEATHSIG`). Elsewhere a worker host notices that its control socket
has closed, and the server runs under `guard.py`, which does the same on its behalf.
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_PR_SET_PDEATHSIG = 1
"""<linux/prctl.h>; https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""
GUARD = Path(__file__).with_name("guard.py")
_libc: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A running child process.

    Args:
        arguments: The command line; the first is the executable.
        environment: Its whole environment.
        log: Where its output goes, appended; made with mode 0600.
        directory: Its working directory.
        guarded: Whether it needs `guard.py` where the system doesn't end it with us, because it can't notice by itself.
        leads_group: Whether what it starts itself ends with it.
        pass_files: File descriptors it inherits.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: dict[str, str],
        log: Path,
        directory: Path | None = None,
        guarded: bool = False,
        leads_group: bool = False,
        pass_files: Sequence[int] = (),
    ) -> None:
        self.started = time.monotonic()
        self._leads_group = leads_group
        self._lifeline: IO[bytes] | None = None
        ends: list[int] = []
        if guarded and _libc is None:
            *ends, ours = os.pipe()
            self._lifeline = os.fdopen(ours, "wb")
            arguments = [sys.executable, "-I", "-S", str(GUARD), str(ends[0]), *arguments]
        with open_log(log) as output:
            self._process = subprocess.Popen(
                arguments,
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[*pass_files, *ends],
                process_group=0 if leads_group else None,
                preexec_fn=_die_with_parent(os.getpid()) if _libc else None,  # noqa: PLW1509 - the supervisor has one thread
            )
        for end in ends:
            os.close(end)
        self.pid = self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended; reaps it."""
        return self._exit_code() is not None

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started

    @property
    def exit_text(self) -> str:
        """How it ended, in words."""
        code = self._exit_code()
        if code is None:
            return "is running"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _exit_code(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            if self._lifeline:
                self._lifeline.close()
            self._end_group()
        return code

    def _end_group(self) -> None:
        if self._leads_group:
            self._leads_group = False
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        if self._lifeline:
            # A killed guard would leave its program behind; a closed pipe is its order to kill it.
            self._lifeline.close()
            return
        with suppress(ProcessLookupError):
            self._process.kill()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it has not ended in time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return self.ended


class Backoff:
    """How long to wait before a child that died is started again.

    The first restart is immediate; a child that keeps dying is started ever more rarely, up to `longest_seconds`.
    """

    def __init__(self, *, longest_seconds: float = 5.0, healthy_seconds: float = 2.0) -> None:
        self._longest = longest_seconds
        self._healthy = healthy_seconds
        self._failures = 0

    def next_seconds(self, lived_seconds: float) -> float:
        """Seconds to wait after a child that lived so long."""
        self._failures = 1 if lived_seconds >= self._healthy else self._failures + 1
        return 0.0 if self._failures == 1 else min(self._longest, 0.05 * 2**self._failures)


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to, readable by the user alone; the null device where the disk takes no more."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)
    except OSError:
        return Path(os.devnull).open("ab", buffering=0)


class LogStream(io.RawIOBase):
    """Standard output of a process whose log is on a disk that may be full: what it doesn't take is lost, no more.

    Args:
        descriptor: The file descriptor to write to.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Write, or pretend to."""
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return memoryview(data).nbytes


def log_standard_streams() -> None:
    """Let prints of this process never fail."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(
            # Typed for buffered streams, but Python itself puts a raw one here under `-u`.
            LogStream(descriptor),  # pyright: ignore[reportArgumentType]
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
            write_through=True,
        )
        setattr(sys, name, stream)


def trim_log(path: Path, limit_bytes: int) -> None:
    """Keep a log below `limit_bytes` while its writer has it open; its last lines move to `<name>.1`."""
    with suppress(OSError):
        size = path.stat().st_size
        if size <= limit_bytes:
            return
        with path.open("rb") as file:
            file.seek(max(0, size - limit_bytes // 2))
            tail = file.read(limit_bytes // 2)
        older = path.with_name(path.name + ".1")
        older.touch(mode=0o600)
        older.write_bytes(tail)
        os.truncate(path, 0)


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = _libc
    assert libc is not None

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
