"""The cells of a kernel as they are executed, with ids, for the closure of workflows."""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any

from ..commands.parser import HelpShown
from ..errors import JupyterWorkflowsError
from ..notebook.cell_log import CellLog, Execution
from ..notebook.source import Cell
from .cells import MAGIC
from .options import decorator_source, parse_line


@dataclass
class Running:
    """A cell that executes now.

    Attributes:
        completed: Whether what the user wrote has run to its end, so that only what a magic of ours does is left.
    """

    execution: Execution
    raw: str
    completed: bool = False


class Recorder:
    """Notes each cell before it runs, so that a workflow may be started in the cell that defines it.

    Args:
        shell: The IPython shell.
        cells: Where cells are noted.
    """

    def __init__(self, shell: Any, cells: CellLog) -> None:
        self.shell = shell
        self.cells = cells
        # Subshells run cells in threads of their own.
        self._local = threading.local()

    @property
    def stack(self) -> list[Running | None]:
        """The cells that execute now in this thread: a magic such as %%capture runs one inside another."""
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        return self._local.stack

    @property
    def current(self) -> Running | None:
        """The cell that executes now in this thread."""
        return next((running for running in reversed(self.stack) if running), None)

    def before(self, info: Any) -> None:
        """Notes a cell that is about to run."""
        if any(self.stack):
            self.stack.append(None)
            return
        number = self.shell.execution_count - 1 if info.store_history else None
        self.stack.append(self.note(info.raw_cell or "", number, getattr(info, "cell_id", None)))

    def after(self, result: Any) -> None:
        """Notes where a cell failed, if it did."""
        if not self.stack:
            return
        running = self.stack.pop()
        if running is None:
            return
        if result.error_before_exec is not None:
            self.cells.fail(running.execution)
        elif result.error_in_exec is not None and not running.completed:
            self.cells.fail(running.execution, self.failed_line(result.error_in_exec))

    def complete(self) -> None:
        """Notes that the body of the current cell has run to its end."""
        if self.current:
            self.current.completed = True

    def note(self, raw: str, number: int | None, cell_id: str | None) -> Running:
        """Notes one cell."""
        known = cell_id or f"execution-{number if number is not None else 'unnumbered'}"
        cell = Cell(id=known, number=number, source=raw, decorator=decorator_of(raw))
        return Running(self.cells.record(cell), raw)

    def note_history(self) -> None:
        """Notes the cells that were executed before the extension was loaded, the one that loads it included."""
        history = getattr(self.shell, "history_manager", None)
        sources: list[str] = list(history.input_hist_raw) if history is not None else []
        current = self.shell.execution_count - 1
        for number, raw in enumerate(sources[: current + 1]):
            if not number or not raw.strip():
                continue
            running = self.note(raw, number, self.current_cell_id() if number == current else None)
            if number == current:
                # Its end is seen by `after`, its begin was not seen by `before`.
                self.stack.append(running)

    def current_cell_id(self) -> str | None:
        """The id of the cell that executes now, where the front end sent it."""
        parent = getattr(self.shell, "parent_header", None) or {}
        metadata = parent.get("metadata") if isinstance(parent, dict) else None
        return metadata.get("cellId") if isinstance(metadata, dict) else None

    def failed_line(self, error: BaseException) -> int:
        """The line of the cell at which an exception left it; after the last one where that can't be told."""
        names = getattr(self.shell.compile, "_filename_map", {})
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in names and frame.f_code.co_name == "<module>":
                return line
        return sys.maxsize


def decorator_of(raw: str) -> str | None:
    """The decorator that a cell's magic stands for; None where there is none, or its line makes no sense."""
    found = MAGIC.match(raw.lstrip())
    if not found:
        return None
    with contextlib.suppress(JupyterWorkflowsError, HelpShown):
        return decorator_source(found.group(1), parse_line(found.group(1), found.group(2)))
    return None
