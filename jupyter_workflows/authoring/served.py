"""The workflow classes behind a bundle's task queue: for its worker, and for replays of its runs."""

from __future__ import annotations

from .bundles import LoadedBundle
from .durable_cells import DurableCells
from .mapping import ParallelMap
from .undo_run import UndoRun


def served_workflows(bundle: LoadedBundle) -> list[type]:
    """The workflow classes that a worker of a bundle runs: its own, and ours.

    The run of a notebook's durable cells is on a bundle without code of its own: no name of a user's can be taken.
    """
    return [*bundle.workflow_classes, ParallelMap, UndoRun, *([] if bundle.workflow_classes else [DurableCells])]
