"""Real kernels, as a notebook has them, and what their cells print."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

CELL_SECONDS = 60.0
IDLE_VARIABLE = "JUPYTER_WORKFLOWS_IDLE_SECONDS"
IDLE_SECONDS = 2.0
"""How long a worker host without kernel and open runs is kept; by default it is 30."""


class CellFailed(Exception):
    """A cell raised."""


def environment(home: Path, folder: Path) -> dict[str, str]:
    """The environment of a kernel that touches nothing outside of `home` and `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "JUPYTER_"))}
    places = {
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "run",
        "JUPYTER_CONFIG_DIR": "config",
        "IPYTHONDIR": "ip",
    }
    for name, place in places.items():
        (folder / ".jupyter" / place).mkdir(parents=True, exist_ok=True)
        kept[name] = str(folder / ".jupyter" / place)
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    return kept | {
        "PYTHONPATH": path,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_WORKFLOWS_HOME": str(home),
        IDLE_VARIABLE: str(IDLE_SECONDS),
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }


class Kernel:
    """One kernel; ends with `close`, or by a kill.

    Args:
        home: The home of the embedded runtime it uses.
        folder: Its working directory.
        variables: What its environment has besides.

    Attributes:
        said: All that its cells gave a notebook to keep, as JSON.
    """

    def __init__(self, home: Path, folder: Path, variables: Mapping[str, str]) -> None:
        self.said: list[str] = []
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(env={**environment(home, folder), **variables}, cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_SECONDS)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.manager.provisioner.pid  # type: ignore[union-attr]

    def begin(self, source: str) -> str:
        """Send a cell and don't wait for it."""
        # Otherwise a cell sent right after one that raised is skipped without a word.
        return self.client.execute(source, store_history=True, stop_on_error=False)

    def run(self, source: str, *, seconds: float = CELL_SECONDS) -> str:
        """Run a cell and give what it printed.

        Raises:
            CellFailed: It raised, or took too long.
        """
        return self.finish(self.begin(source), seconds=seconds)

    def finish(self, sent: str, *, seconds: float = CELL_SECONDS) -> str:
        """Wait for a cell that was sent.

        Raises:
            CellFailed: It raised, or took too long.
        """
        deadline = time.monotonic() + seconds
        printed = ""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise CellFailed(f"the cell did not end within {seconds:.0f} s") from None
            if message["parent_header"].get("msg_id") != sent:
                continue
            content = message["content"]
            self.said.append(json.dumps(content, default=str))
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                printed += content["text"]
            elif message["msg_type"] == "error":
                raise CellFailed(f"{content['ename']}: {content['evalue']}")
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed

    def value(self, expression: str, *, seconds: float = CELL_SECONDS) -> Any:
        """The value of an expression, by way of JSON."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))", seconds=seconds))

    def forget(self) -> None:
        """Let go of a kernel that was killed."""
        with contextlib.suppress(Exception):
            self.client.stop_channels()
        with contextlib.suppress(Exception):
            self.manager.shutdown_kernel(now=True)

    close = forget
