"""The cells of a kernel as they are executed, with ids, for the closure of workflows."""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..commands.parser import HelpShown
from ..errors import JupyterWorkflowsError
from .cells import DURABLE, MAGIC
from .options import decorator_source, parse_line

if TYPE_CHECKING:
    from ..notebook.cell_log import CellLog, Execution


@dataclass
class Noted:
    """A cell that was executed, or executes now.

    Attributes:
        failed_line: The line it failed at; 0 if nothing of it ran.
        completed: Whether what the user wrote has run to its end, so that only what a magic of ours does is left.
    """

    raw: str
    number: int | None
    id: str
    decorator: str | None
    failed_line: int | None = None
    completed: bool = False
    execution: Execution | None = None


class Recorder:
    """Notes each cell before it runs, so that a workflow may be started in the cell that defines it.

    Until somebody wants a workflow, the cells' sources are all that is kept.

    Args:
        shell: The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.noted: list[Noted] = []
        self.cells: CellLog | None = None
        self._attaching = threading.Lock()
        # Subshells run cells in threads of their own.
        self._local = threading.local()

    @property
    def stack(self) -> list[Noted | None]:
        """The cells that execute now in this thread: a magic such as %%capture runs one inside another."""
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        return self._local.stack  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    @property
    def current(self) -> Noted | None:
        """The cell that executes now in this thread."""
        return next((noted for noted in reversed(self.stack) if noted), None)

    def before(self, info: Any) -> None:
        """Notes a cell that is about to run."""
        if any(self.stack):
            self.stack.append(None)
            return
        number = self.shell.execution_count - 1 if info.store_history else None
        self.stack.append(self.note(info.raw_cell or "", number, getattr(info, "cell_id", None)))

    def after(self, result: Any) -> None:
        """Notes where a cell failed, if it did."""
        noted = self.stack.pop() if self.stack else None
        if noted is None:
            return
        if result.error_before_exec is not None:
            noted.failed_line = 0
        elif result.error_in_exec is not None and not noted.completed:
            noted.failed_line = self.failed_line(result.error_in_exec)
        if self.cells and noted.execution and noted.failed_line is not None:
            self.cells.fail(noted.execution, noted.failed_line)

    @contextlib.contextmanager
    def apart(self) -> Generator[None]:
        """Lets a cell that is run by a program be noted as a cell of its own."""
        outer, self._local.stack = self.stack, []
        try:
            yield
        finally:
            self._local.stack = outer

    def complete(self) -> None:
        """Notes that the body of the current cell has run to its end."""
        if self.current:
            self.current.completed = True

    def note(self, raw: str, number: int | None, cell_id: str | None) -> Noted:
        """Notes one cell."""
        known = cell_id or f"execution-{number if number is not None else 'unnumbered'}"
        noted = Noted(raw, number, known, decorator_of(raw))
        with self._attaching:
            if self.cells is None:
                self.noted.append(noted)
            else:
                record(self.cells, noted)
        return noted

    def attach(self, cells: CellLog) -> None:
        """Hands over all cells noted so far, and every further one as it comes."""
        with self._attaching:
            for noted in self.noted:
                record(cells, noted)
            self.noted.clear()
            self.cells = cells

    def note_history(self) -> None:
        """Notes the cells that were executed before the extension was loaded, the one that loads it included."""
        history = getattr(self.shell, "history_manager", None)
        sources: list[str] = list(history.input_hist_raw) if history is not None else []
        current = self.shell.execution_count - 1
        for number, raw in enumerate(sources[: current + 1]):
            if not number or not raw.strip():
                continue
            noted = self.note(raw, number, self.current_cell_id() if number == current else None)
            if number == current:
                # Its end is seen by `after`, its begin was not seen by `before`.
                self.stack.append(noted)

    def current_cell_id(self) -> str | None:
        """The id of the cell that executes now, where the front end sent it."""
        parent: Any = getattr(self.shell, "parent_header", None) or {}
        metadata: Any = parent.get("metadata") or {}
        return metadata.get("cellId")

    def failed_line(self, error: BaseException) -> int:
        """The line of the cell at which an exception left it; after the last one where that can't be told."""
        names: dict[str, int] = getattr(self.shell.compile, "_filename_map", {})
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in names and frame.f_code.co_name == "<module>":
                return line
        return sys.maxsize


def record(cells: CellLog, noted: Noted) -> None:
    """Enters a noted cell into the log of cells."""
    from ..notebook.source import Cell

    cell = Cell(id=noted.id, number=noted.number, source=noted.raw, decorator=noted.decorator)
    noted.execution = cells.record(cell, failed_line=noted.failed_line)


def decorator_of(raw: str) -> str | None:
    """The decorator that a cell's magic stands for; None where there is none, or its line makes no sense."""
    found = MAGIC.match(raw.lstrip())
    if not found or found.group(1) == DURABLE:
        return None
    with contextlib.suppress(JupyterWorkflowsError, HelpShown):
        return decorator_source(found.group(1), parse_line(found.group(1), found.group(2)))
    return None
