"""Settings become a connected Temporal client; nothing else in the package connects.

It also has the one event loop on which a kernel, a terminal or a server talks to Temporal: `loop_thread()`.
"""

from __future__ import annotations

from .client import Places, connect
from .loop_thread import LoopThread, loop_thread
from .settings import Settings

__all__ = ["LoopThread", "Places", "Settings", "connect", "loop_thread"]
