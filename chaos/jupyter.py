"""A real Jupyter server, as the parent of a kernel."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jupyter_client.blocking.client import BlockingKernelClient

from .kernels import Kernel, environment

START_SECONDS = 60.0


class ServedKernel(Kernel):
    """A kernel that a Jupyter server started, reached by its connection file."""

    def __init__(self, connection_file: Path) -> None:
        self.said = []
        self.client = BlockingKernelClient(connection_file=str(connection_file))
        self.client.load_connection_file()
        self.client.start_channels()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.wait_for_ready(timeout=START_SECONDS)
            except RuntimeError:
                # A client without a manager takes a kernel whose heart does not beat yet for a dead one.
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def forget(self) -> None:
        """Let go of it; it is the server's."""
        self.client.stop_channels()


class JupyterServer:
    """Runs while the `with` block does, unless it is killed.

    Args:
        home: The home of the embedded runtime of its kernels.
        folder: Its root directory.
    """

    def __init__(self, home: Path, folder: Path) -> None:
        self._folder = folder
        self._environment = environment(home, folder)
        self._token = secrets.token_hex(16)
        self.kernel_pid = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        settings = {
            "ip": "127.0.0.1", "port": self._port, "port_retries": 0, "allow_root": True, "open_browser": False,
            "root_dir": str(self._folder), "jpserver_extensions": "{}",
        }  # fmt: skip
        words = [f"--ServerApp.{name}={value}" for name, value in settings.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *words, f"--IdentityProvider.token={self._token}"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def kernel(self) -> ServedKernel:
        """A kernel of this server."""
        made = self._post("/api/kernels", {"name": "python3"})
        place = Path(self._environment["JUPYTER_RUNTIME_DIR"]) / f"kernel-{made['id']}.json"
        kernel = ServedKernel(place)
        self.kernel_pid = int(kernel.value("__import__('os').getpid()"))
        return kernel

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=json.dumps(content).encode(),
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
            except OSError as error:
                if "refused" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
