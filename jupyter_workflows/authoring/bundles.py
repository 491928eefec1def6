"""The bundles loaded in this process: which activity a name means, and which cell a line came from."""

from __future__ import annotations

import bisect
import traceback as tracebacks
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..schema import CellLocation, Manifest, Segment
from ..security.identity import TrustedKeys
from .definitions import Activity, Workflow

TRACEBACK_FRAMES = 20


@dataclass
class LoadedBundle:
    """A bundle imported in this process.

    `trusted` says whose decisions its runs take. `package` is the name it is imported by: its own, or that of the
    package it was installed in. `source_lines` and `segments` are read when the bundle is loaded: workflow code runs
    where no file may be opened.
    """

    path: Path
    manifest: Manifest
    trusted: TrustedKeys | None = None
    package: str = ""
    workflows: dict[str, Workflow[Any, Any]] = field(default_factory=dict[str, Workflow[Any, Any]])
    activities: dict[str, Activity[Any, Any]] = field(default_factory=dict[str, Activity[Any, Any]])
    exceptions: dict[str, type[Exception]] = field(default_factory=dict[str, type[Exception]])
    source_lines: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    workflow_classes: list[type] = field(default_factory=list[type])

    def __post_init__(self) -> None:
        self.package = self.package or self.manifest.package
        self.segments: dict[str, list[Segment]] = {}
        for segment in sorted(self.manifest.segments, key=lambda segment: segment.start_line):
            self.segments.setdefault(segment.module, []).append(segment)

    def locate(self, file: str, line: int) -> CellLocation | None:
        """The cell and line that a line of one of the bundle's modules came from."""
        module = Path(file).stem
        segments = self.segments.get(module, [])
        index = bisect.bisect_right([segment.start_line for segment in segments], line) - 1
        if index < 0 or line > segments[index].end_line:
            return None
        segment = segments[index]
        lines = self.source_lines.get(module, [])
        return CellLocation(
            cell_id=segment.cell_id,
            cell_number=segment.cell_number,
            line=segment.cell_line + line - segment.start_line,
            source_line=lines[line - 1] if line <= len(lines) else None,
        )


_by_task_queue: dict[str, LoadedBundle] = {}
_by_directory: dict[str, LoadedBundle] = {}


def register(bundle: LoadedBundle) -> None:
    """Makes the cells behind a bundle's lines known."""
    _by_directory[str(bundle.path)] = bundle


def imported_afresh() -> set[str]:
    """The modules of all loaded bundles that each run has for itself: `workflows`, and the packages it is in."""
    found: set[str] = set()
    for bundle in _by_directory.values():
        parts = bundle.package.split(".")
        found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
        found.add(f"{bundle.package}.workflows")
    return found


def serve(task_queue: str, bundle: LoadedBundle) -> None:
    """Makes a loaded bundle known to the workflows and activities of a task queue."""
    _by_task_queue[task_queue] = bundle


def bundle_of(task_queue: str) -> LoadedBundle | None:
    """The bundle whose runs are on this task queue."""
    return _by_task_queue.get(task_queue)


def where(error: BaseException) -> tuple[CellLocation | None, str]:
    """Where an exception arose: the innermost line of notebook code, and the notebook's frames as text."""
    location: CellLocation | None = None
    shown: list[str] = []
    for frame, line in tracebacks.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        bundle = _by_directory.get(str(Path(file).parent))
        found = bundle.locate(file, line) if bundle else None
        if found:
            location = found
            shown.append(f"  {found}, in {frame.f_code.co_name}\n    {(found.source_line or '').strip()}")
    return location, "\n".join(shown[-TRACEBACK_FRAMES:])


def failure_details(error: BaseException) -> dict[str, Any]:
    """What travels beside an exception's message: its place in the notebook and the notebook's frames."""
    location, text = where(error)
    return {"location": location.model_dump(mode="json") if location else None, "traceback": text}
