"""`RunComparison`: two runs side by side, to look at and to work with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ...connection import loop_thread
from ...errors import JupyterWorkflowsError
from ...schema.comparisons import ComparedStep, Comparison, StepSide
from ..reading import RunReader, Snapshot
from ..views import missing
from .comparison import compared
from .display import comparison_html, comparison_text

if TYPE_CHECKING:
    import pandas as pd

    from ..handle import Run

SIDE_COLUMNS = ("id", "status", "seconds", "tokens", "cost", "kept", "output", "error")
COLUMNS = (
    "name",
    "kind",
    "same_input",
    "same_output",
    *(f"{column}_{side}" for column in SIDE_COLUMNS for side in "ab"),
)


class RunComparison:
    """Two runs side by side; made by `jupyter_workflows.compare`. True where the runs came to the same.

    Args:
        data: What differs.
    """

    def __init__(self, data: Comparison) -> None:
        self.data = data

    @property
    def steps(self) -> list[ComparedStep]:
        """The steps of both, those that correspond to each other together."""
        return self.data.steps

    def __bool__(self) -> bool:
        a, b = self.data.a, self.data.b
        return a.run.status == b.run.status and not self.data.result and a.failure == b.failure

    def to_pandas(self) -> pd.DataFrame:
        """The steps as a table, a row each; columns of the first run end in `_a`, of the second in `_b`.

        Raises:
            JupyterWorkflowsError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise missing("pandas", "to_pandas()") from None
        return pd.DataFrame([row_of(step) for step in self.steps], columns=list(COLUMNS))

    def html(self) -> str:
        """The comparison as a piece of static HTML."""
        return comparison_html(self.data)

    def __repr__(self) -> str:
        return comparison_text(self.data)

    def _repr_html_(self) -> str:
        return self.html()


def row_of(step: ComparedStep) -> dict[str, Any]:
    """A row of the table."""
    row: dict[str, Any] = {
        "name": step.name, "kind": step.kind, "same_input": step.same_input, "same_output": step.same_output
    }  # fmt: skip
    for letter, side in (("a", step.a), ("b", step.b)):
        row |= {f"{column}_{letter}": value for column, value in side_cells(side).items()}
    return row


def side_cells(side: StepSide | None) -> dict[str, Any]:
    """What one run has of a step; empty where it has none."""
    if side is None:
        return {}
    usage = side.usage
    return {
        "id": side.id,
        "status": side.status,
        "seconds": side.seconds,
        "tokens": usage.input_tokens + usage.output_tokens if usage else None,
        "cost": usage.cost if usage else None,
        "kept": side.kept,
        "output": side.output,
        "error": side.error or None,
    }


def compare_runs(a: Run[Any], b: Run[Any]) -> RunComparison:
    """Reads two runs as they now are and puts them side by side.

    Raises:
        RunNotFound: There is no such run.
        JupyterWorkflowsError: It is the same execution twice.
    """
    one, other = loop_thread().run(both(a.new_reader(), b.new_reader()))
    return RunComparison(compared(one, other))


async def both(a: RunReader, b: RunReader) -> tuple[Snapshot, Snapshot]:
    """Two runs as they now are.

    Raises:
        RunNotFound: There is no such run.
        JupyterWorkflowsError: It is the same execution twice.
    """
    one, other = await asyncio.gather(a.snapshot(fetch_stored=True), b.snapshot(fetch_stored=True))
    if one.run.run_id == other.run.run_id:
        raise JupyterWorkflowsError(
            f"run {one.run.id} can't be compared with itself: give another run, or one of its other executions "
            "by get_run(id, run_id=...)"
        )
    return one, other


async def read_comparison(a: RunReader, b: RunReader) -> Comparison:
    """Two runs as they now are, side by side, the one that began first as A.

    Raises:
        RunNotFound: There is no such run.
        JupyterWorkflowsError: It is the same execution twice.
    """
    first, second = sorted(await both(a, b), key=lambda each: each.run.started_at)
    return compared(first, second)
