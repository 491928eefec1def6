"""The bundles loaded in this process: which activity a name means, and which cell a line came from."""

from __future__ import annotations

import bisect
import traceback as tracebacks
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import temporalio.workflow

from ..schema import CellLocation, Manifest, Segment
from ..security.identity import TrustedKeys
from .definitions import Activity, Workflow

TRACEBACK_FRAMES = 20


@dataclass
class LoadedBundle:
    """A bundle imported in this process.

    `trusted` says whose decisions its runs take. `package` is the name it is imported by: its own, or that of the
    package it was installed in. `source_lines` and `segments` are read when the bundle is loaded: workflow code runs
    where no file may be opened. `load` loads another one.
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
    load: Callable[[Path], LoadedBundle] | None = None

    def __post_init__(self) -> None:
        self.package = self.package or self.manifest.package
        self.segments: dict[str, list[Segment]] = {}
        for segment in sorted(self.manifest.segments, key=lambda segment: segment.start_line):
            self.segments.setdefault(segment.module, []).append(segment)

    @property
    def code(self) -> str:
        """The first 16 digits of its digest."""
        return self.manifest.digest[:16]

    def beside(self, code: str) -> LoadedBundle | None:
        """The bundle of another code, whose directory lies beside this one's; blocks while it is imported.

        Raises:
            WorkerUnavailable: It is there, and can't be imported.
        """
        path = self.path.parent / f"jw_{code}"
        known = self if code == self.code else _by_package.get(path.name)
        if known is None and self.load is not None and path.is_dir():
            return self.load(path)
        return known

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
_by_package: dict[str, LoadedBundle] = {}
_kept_decisions: dict[str, set[str]] = {}


def register(bundle: LoadedBundle) -> None:
    """Makes the cells behind a bundle's lines known."""
    _by_directory[str(bundle.path)] = bundle
    known = _by_package.get(bundle.path.name)
    # Loaded again to look at it: the one that takes decisions stays.
    if known is None or known.trusted is None:
        _by_package[bundle.path.name] = bundle


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


def bundle_of_code(module: str) -> LoadedBundle | None:
    """The bundle that a module belongs to."""
    return _by_package.get(module.partition(".")[0])


def bundle_of_run() -> LoadedBundle | None:
    """The bundle whose workflow code runs now.

    Not always that of the task queue: a run that was resumed on newer code stays on the queue it began on.
    """
    info = temporalio.workflow.info()
    own = bundle_of_code(type(temporalio.workflow.instance()).__module__)
    # The package's own child runs are no code of a bundle: their worker's version names it.
    return own or _by_package.get(f"jw_{info.get_current_build_id()}") or bundle_of(info.task_queue)


def keep_decisions(workflow_id: str, nonces: Iterable[str]) -> None:
    """Lets decisions that an earlier execution of a run had accepted count once more where the same is asked.

    Kept in memory only: after a restart of the worker people are asked again.
    """
    _kept_decisions.setdefault(workflow_id, set()).update(nonces)


def is_kept(workflow_id: str, nonce: str) -> bool:
    """Whether a decision is one that an earlier execution of this run had accepted."""
    return nonce in _kept_decisions.get(workflow_id, ())


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
