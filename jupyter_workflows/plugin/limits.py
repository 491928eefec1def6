"""Rate limits that hold over all runs, bundles and worker processes of a machine.

A limit is a file with the start times of its last `calls` calls (8-byte doubles, seconds since the epoch). A
call takes the next free slot under a file lock and waits for it: no window of length `per` ever holds more
than `calls` starts, whoever makes them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import tempfile
import time
from pathlib import Path

from ..authoring.policies import RateLimit

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows keeps the limit within a process
    fcntl = None


class Limits:
    """The rate limits of a directory.

    Args:
        directory: Where they are kept; without one, a directory of this process's own.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    async def wait(self, limit: RateLimit, activity: str) -> None:
        """Waits until the limit allows one more call."""
        slot = await asyncio.to_thread(self.reserve, limit, limit.name or activity)
        await asyncio.sleep(max(0.0, slot - time.time()))

    def reserve(self, limit: RateLimit, name: str) -> float:
        """Takes the next free slot and gives its time, in seconds since the epoch."""
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix="jupyter-workflows-limits-"))
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            raw = file.read()
            starts = list(struct.unpack(f"<{len(raw) // 8}d", raw[: len(raw) // 8 * 8]))
            slot = next_slot(starts, limit, time.time())
            starts = [*starts, slot][-limit.calls :]
            file.seek(0)
            file.truncate()
            file.write(struct.pack(f"<{len(starts)}d", *starts))
        return slot


def next_slot(starts: list[float], limit: RateLimit, now: float) -> float:
    """The first time from `now` on at which one more start breaks no window."""
    per = limit.per.total_seconds()
    recent = [start for start in starts if start < now + per * (len(starts) + 1)]
    if len(recent) < limit.calls:
        return max([now, *recent[-1:]])
    return max(now, recent[-limit.calls] + per)
