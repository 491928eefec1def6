"""Which kernel this is, and whether another one still lives."""

from __future__ import annotations

import functools
import os
import platform
import secrets
from pathlib import Path

from ..schema.durable import KernelIdentity

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SAME_START_SECONDS = 1.0


def this_kernel() -> KernelIdentity:
    """The identity of this process; another one after a fork."""
    return _kernel(os.getpid())


@functools.lru_cache(maxsize=1)
def _kernel(pid: int) -> KernelIdentity:
    return KernelIdentity(id=secrets.token_hex(8), host=host(), pid=pid, started_seconds=started(pid) or 0.0)


def host() -> str:
    """The machine as it runs now: its name, and the id of its boot where there is one."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{platform.node()} {boot}".strip()


def started(pid: int) -> float | None:
    """When a process began, in seconds since the epoch; None where there is none, or it only waits to be buried."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def is_dead(kernel: KernelIdentity) -> bool:
    """Whether a kernel has certainly ended; of one on another machine nobody here can tell."""
    name, _, boot = kernel.host.partition(" ")
    here, _, boot_here = host().partition(" ")
    if name != here:
        return False
    if boot != boot_here:
        return True
    at = started(kernel.pid)
    return at is None or abs(at - kernel.started_seconds) > SAME_START_SECONDS
