"""Rate limits that hold over all runs, bundles and worker processes of a machine.

A limit is a file of 8-byte doubles, seconds since the epoch: when it was last asked, then the start times of
its last `calls` calls. A call takes the next free slot under a file lock and waits for it: no window of length
`per` ever holds more than `calls` starts, whoever makes them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ..authoring.policies import RateLimit

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows keeps the limit within a process
    fcntl = None

# A waiting call wakes a little late; without a margin the one behind it would come too soon after.
MARGIN_SECONDS = 0.02
# A clock that went back by more than this makes the recorded starts meaningless.
CLOCK_STEP_SECONDS = 5.0


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
            slot, content = reserved(file.read(), limit, time.time())
            file.seek(0)
            file.truncate()
            file.write(content)
        return slot


def reserved(content: bytes, limit: RateLimit, now: float) -> tuple[float, bytes]:
    """The next free slot, and what the file holds once it is taken."""
    asked, *starts = struct.unpack(f"<{len(content) // 8}d", content[: len(content) // 8 * 8]) or (now,)
    if now < asked - CLOCK_STEP_SECONDS:
        starts = []
    slot = next_slot(starts, limit, now)
    kept = [now, *[*starts, slot][-limit.calls :]]
    return slot, struct.pack(f"<{len(kept)}d", *kept)


def next_slot(starts: Sequence[float], limit: RateLimit, now: float) -> float:
    """The first time from `now` on at which one more start breaks no window."""
    if len(starts) < limit.calls:
        return max([now, *starts[-1:]])
    return max(now, starts[-limit.calls] + limit.per.total_seconds() + MARGIN_SECONDS)
