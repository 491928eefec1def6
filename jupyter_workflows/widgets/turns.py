"""How soon another thread gets its turn while a cell computes."""

from __future__ import annotations

import sys
import threading

BRISK_SECONDS = 0.0005
# Python keeps whole microseconds and cuts the rest off.
ROUNDED = 5e-7


class BriskTurns:
    """Shortens Python's switch interval while a click is answered.

    An answer takes some twenty turns of other threads: those of gRPC, the loop's, the kernel's sockets. A cell that
    computes gives one up only after 5 ms each time, which adds up to what a person notices.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers = 0
        self.usual = sys.getswitchinterval()

    def begin(self) -> None:
        """An answer is under way."""
        with self.lock:
            self.answers += 1
            if self.answers == 1:
                self.usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self.usual, BRISK_SECONDS) + ROUNDED)

    def end(self) -> None:
        """It is given; after the last one the interval is as it was, unless somebody has set another meanwhile."""
        with self.lock:
            self.answers -= 1
            if self.answers == 0 and abs(sys.getswitchinterval() - min(self.usual, BRISK_SECONDS)) < 2e-6:
                sys.setswitchinterval(self.usual + ROUNDED)


BRISK = BriskTurns()
