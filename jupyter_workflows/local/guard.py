"""Ends a program when its supervisor dies, on systems where the kernel doesn't: `python guard.py FD PROGRAM ...`.

`FD` is the reading end of a pipe that the supervisor holds open and never writes to. The guard ends with the program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def main(arguments: list[str]) -> None:
    """Run the program, and kill it when the pipe is closed."""
    lifeline = int(arguments[0])
    # It inherits what its supervisor has passed on, the lock on its database among it.
    os.set_inheritable(lifeline, False)
    program = subprocess.Popen(arguments[1:], close_fds=False)

    def pass_on(number: int, _: FrameType | None) -> None:
        program.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=_kill_when_closed, args=(lifeline, program), daemon=True).start()
    code = program.wait()
    # As a shell would tell it: a signal can't be passed on as such.
    os._exit(128 - code if code < 0 else code)


def _kill_when_closed(lifeline: int, program: subprocess.Popen[bytes]) -> None:
    while os.read(lifeline, 1):
        pass
    program.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
