"""A notebook in a real kernel, whose cells have ids as JupyterLab sends them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from chaos.kernels import CELL_SECONDS, Kernel
from chaos.processes import kill
from tests.bad_input.mistake import plain

LOAD = "%load_ext jupyter_workflows"


@dataclass
class Shown:
    """What a cell showed.

    Attributes:
        notes: What we said about the cell: restored, or run and why.
        displays: The rest of what it displayed, as MIME bundles.
    """

    printed: str = ""
    notes: list[str] = field(default_factory=list[str])
    displays: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    error: str = ""
    seconds: float = 0.0

    @property
    def restored(self) -> bool:
        """Whether its values came from the record."""
        return any(note.startswith("↺") for note in self.notes)

    @property
    def texts(self) -> list[str]:
        """What it displayed, as text."""
        return [data.get("text/plain", "") for data in self.displays]

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Takes a message in."""
        if kind == "stream":
            self.printed += content["text"]
        elif kind in ("display_data", "execute_result"):
            text = content["data"].get("text/plain", "")
            if text[:1] in "↺▸✓":
                self.notes.append(text)
            else:
                self.displays.append(content["data"])
        elif kind == "error":
            self.error = plain(content["traceback"])


class Notebook(Kernel):
    """A kernel with the extension loaded.

    Args:
        home: The home of the embedded runtime.
        folder: The working directory.
        path: The notebook's path, as the server tells it.
    """

    def __init__(self, home: Path, folder: Path, path: str = "notebook.ipynb") -> None:
        self.path = str(folder / path)
        self.folder = folder
        self.home = home
        # As jupyter_server tells it.
        super().__init__(home, folder, {"JPY_SESSION_NAME": self.path})
        self.run(LOAD)

    def send(self, source: str, cell: str | None = None) -> str:
        """Sends a cell and doesn't wait for it."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def cell(self, source: str, cell: str | None = None) -> Shown:
        """Runs a cell and gives what it showed; its id is its source's first line unless another is given."""
        began = time.monotonic()
        sent = self.send(source, cell)
        shown = Shown()
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=CELL_SECONDS)
            except Empty:
                raise AssertionError(f"the cell {source!r:.200} did not end within {CELL_SECONDS:.0f} s") from None
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                shown.seconds = time.monotonic() - began
                return shown
            shown.take(message["msg_type"], message["content"])

    def run_all(self, cells: Sequence[str]) -> list[Shown]:
        """Runs cells whose ids are their places."""
        return [self.cell(source, f"cell-{number}") for number, source in enumerate(cells, 1)]

    def kill(self) -> None:
        """Kills the kernel as a crash would."""
        kill(self.pid)
        self.forget()

    def interrupt(self) -> None:
        """Presses the stop button."""
        os.kill(self.pid, signal.SIGINT)
