"""Many histories against one notebook's code: the gate before a change goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from ..authoring.bundles import LoadedBundle
from ..errors import JupyterWorkflowsError, ReplayFailed
from ..schema.replays import Replayed
from .files import history_files, read_history
from .replaying import replay, workflow_of


@dataclass(frozen=True)
class Verdict:
    """One history of a gate: what its replay found, or why there was none."""

    source: str
    replayed: Replayed | None = None
    problem: str = ""

    @property
    def compatible(self) -> bool:
        """Whether the code agrees with it."""
        return self.replayed is not None and self.replayed.compatible

    @property
    def message(self) -> str:
        """What parts the code from it; empty where nothing does."""
        divergence = self.replayed.divergence if self.replayed else None
        return self.problem or (str(divergence) if divergence else "")


@dataclass(frozen=True)
class Gate:
    """What the replay of one or more histories found; true where the code agrees with all.

    Attributes:
        verdicts: One for each history, in order.
    """

    verdicts: list[Verdict] = field(default_factory=list[Verdict])

    @property
    def compatible(self) -> bool:
        """Whether the code agrees with all histories."""
        return bool(self.verdicts) and all(verdict.compatible for verdict in self.verdicts)

    @property
    def incompatible(self) -> list[Verdict]:
        """The histories that the code does not agree with, or that could not be replayed."""
        return [verdict for verdict in self.verdicts if not verdict.compatible]

    def __bool__(self) -> bool:
        return self.compatible

    def __str__(self) -> str:
        agreed = len(self.verdicts) - len(self.incompatible)
        lines = [f"{agreed} of {len(self.verdicts)} compatible"]
        lines += [f"  {verdict.source}: {verdict.message}" for verdict in self.incompatible]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self}>"


CodeOf = Callable[[str], LoadedBundle]


async def replay_all(
    histories: Iterable[tuple[str, Callable[[], WorkflowHistory]]],
    code_of: CodeOf,
    converter: DataConverter | None = None,
) -> Gate:
    """Replays histories, one after the other.

    Args:
        histories: Where each comes from, and what reads it.
        code_of: Gives the code of a workflow by its name.
        converter: The data converter of the connection they came from.
    """
    verdicts: list[Verdict] = []
    for source, read in histories:
        try:
            history = read()
            found = await replay(history, code_of(workflow_of(history.events)), converter)
        except JupyterWorkflowsError as error:
            verdicts.append(Verdict(source, problem=str(error)))
        else:
            verdicts.append(Verdict(source, found))
    return Gate(verdicts)


def histories_of(path: Path) -> list[tuple[str, Callable[[], WorkflowHistory]]]:
    """The history in a file, or those in a folder, named by their place in it.

    Raises:
        ReplayFailed: There is no such file or folder, or none in it.
    """

    def reader(file: Path) -> Callable[[], WorkflowHistory]:
        return lambda: read_history(file)

    if path.is_file():
        return [(path.name, reader(path))]
    if not path.is_dir():
        raise ReplayFailed(f"there is no file or folder {path}")
    found = [(file.relative_to(path).as_posix(), reader(file)) for file in history_files(path)]
    if not found:
        raise ReplayFailed(f"folder {path} holds no history: `%workflow history RUN {path}` writes one into it")
    return found


def data_of(gate: Gate) -> dict[str, Any]:
    """A gate as JSON."""
    return {
        "compatible": gate.compatible,
        "count": len(gate.verdicts),
        "histories": [
            {
                "source": verdict.source,
                "compatible": verdict.compatible,
                "problem": verdict.problem or None,
                "replayed": verdict.replayed,
            }
            for verdict in gate.verdicts
        ],
    }
