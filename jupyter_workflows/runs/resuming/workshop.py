"""What resuming needs of the process it happens in: corrected code, and a worker host that serves it.

`runs` knows neither notebooks nor worker hosts; a kernel, a terminal or a Jupyter server plugs its own in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ...authoring.launch import launcher_in_force
from ...errors import ResumeRefused
from ...schema import Run
from ...schema.replays import Replayed
from ...schema.resumes import ResumeMark


class Workshop(Protocol):
    """Where code is corrected and served. All methods block."""

    @property
    def bundles(self) -> Path:
        """Directory of the bundles."""
        ...

    @property
    def person(self) -> str:
        """Who resumes."""
        ...

    def corrected(self, run: Run, constants: Mapping[str, Any] | None = None) -> Path:
        """The bundle of a run's workflow as its code is now.

        Args:
            run: The run.
            constants: Plain data in the place of constants that the code reads, by name.

        Raises:
            ClosureError: It can't run outside the notebook.
            ResumeRefused: There is no code of it here, or it reads no such constant.
        """
        ...

    def serve(self, bundle: Path, queue: str) -> str:
        """Has a bundle served for resumed runs of a queue, and gives the name of the deployment that does.

        Raises:
            WorkerUnavailable: It can't be.
        """
        ...

    def replay(self, bundle: Path, queue: str, workflow_id: str, run_id: str) -> Replayed:
        """How far a bundle agrees with a run's history.

        Raises:
            WorkerUnavailable: The worker host can't tell.
        """
        ...

    def foresee(self, queue: str, workflow_id: str, run_id: str, mark: ResumeMark) -> None:
        """Lets the worker host read an execution that has ended while another is made that is told of its steps."""
        ...

    def keep(self, queue: str, workflow_id: str, decisions: list[str]) -> None:
        """Lets decisions of the execution before count where the same is asked again."""
        ...


_workshop: Workshop | None = None


def set_workshop(workshop: Workshop | None) -> None:
    """Makes a workshop the one of this process; None ends it."""
    global _workshop
    _workshop = workshop


def workshop_in_force() -> Workshop:
    """The workshop of this process: what a kernel's or terminal's launcher offers, else the one that was set.

    Raises:
        ResumeRefused: There is none.
    """
    offered = getattr(launcher_in_force(), "workshop", None)
    if offered is not None:
        return offered()
    if _workshop is None:
        raise ResumeRefused(
            "a run is resumed where its code is at hand: in its notebook with the extension loaded "
            "(`%load_ext jupyter_workflows`), by `jupyter workflows resume`, or by the button in JupyterLab"
        )
    return _workshop
