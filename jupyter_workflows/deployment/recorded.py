"""Recorded runs against the code of an installed package."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..authoring.bundles import LoadedBundle
from ..replay import replay
from ..replay.files import read_history
from ..schema import CellLocation
from .packages import Deployed


def disagreement(deployed: Deployed, history: Path) -> str:
    """Where the code parts from a recorded run, in words; empty where it agrees with it.

    Args:
        deployed: The package.
        history: The file with the history.

    Raises:
        ReplayFailed: The file holds no history, or the package has no such workflow.
    """
    bundle = deployed.load()
    found = asyncio.run(replay(read_history(history), bundle))
    if found.divergence is None:
        return ""
    location = found.divergence.location
    place = file_line(bundle, location) if location else ""
    return f"{found.workflow_id}: {place}{found.divergence}"


def file_line(bundle: LoadedBundle, location: CellLocation) -> str:
    """`workflows.py:12, `: the line of the package that a line of a cell became."""
    for segment in bundle.manifest.segments:
        line = location.line - segment.cell_line + segment.start_line
        if segment.cell_id == location.cell_id and segment.start_line <= line <= segment.end_line:
            return f"{segment.module}.py:{line}, "
    return ""
