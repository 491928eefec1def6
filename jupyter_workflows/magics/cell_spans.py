"""Cells as spans: what a cell starts or decides has it as its parent."""

from __future__ import annotations

import contextlib
from typing import Any

from ..telemetry import cells


class CellSpans:
    """Follows the cells of a shell.

    Args:
        shell: The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def register(self) -> None:
        """Begins with the next cell."""
        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)

    def unregister(self) -> None:
        """Ends."""
        with contextlib.suppress(ValueError):
            self.shell.events.unregister("pre_run_cell", self.before)
            self.shell.events.unregister("post_run_cell", self.after)

    def before(self, info: Any) -> None:
        """A cell begins."""
        number = self.shell.execution_count - 1 if info.store_history else None
        cells.begin(getattr(info, "cell_id", None), number)

    def after(self, result: Any) -> None:
        """A cell ends."""
        cells.end(result.error_before_exec or result.error_in_exec)
