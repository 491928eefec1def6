"""Steps and runs for analysis: pandas tables and a plotly timeline. Both libraries are imported when used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import JupyterWorkflowsError
from ..schema import Run, Step
from .failures import error_text
from .reading import Snapshot
from .text import status_words
from .untrusted import human_seconds, one_line, preview

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

COLOURS = {
    "scheduled": "#8b949e",
    "running": "#2f81f7",
    "retrying": "#d29922",
    "waiting": "#d29922",
    "completed": "#2da44e",
    "failed": "#e5534b",
    "timed_out": "#bc4c00",
    "cancelled": "#6e7781",
}
ROWS_OF_THEIR_OWN = 60
STEP_COLUMNS = (
    "id", "name", "kind", "status", "attempts", "scheduled_at", "started_at", "finished_at", "seconds",
    "waited_seconds", "input", "output", "error", "cell", "by",
)  # fmt: skip


def missing(library: str, purpose: str) -> JupyterWorkflowsError:
    """Says that a library is not installed, and what installs it."""
    return JupyterWorkflowsError(f'{purpose} needs {library}: pip install "jupyter-workflows[lab]"')


def steps_frame(steps: Sequence[Step]) -> pd.DataFrame:
    """The steps as a table: one row each, times in UTC, durations in seconds.

    Raises:
        JupyterWorkflowsError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise missing("pandas", "to_pandas()") from None
    frame = pd.DataFrame([step_row(step) for step in steps], columns=list(STEP_COLUMNS))
    return with_times(frame, ("scheduled_at", "started_at", "finished_at"))


def step_row(step: Step) -> dict[str, Any]:
    """One row of the table of steps."""
    waited = (step.started_at - step.scheduled_at).total_seconds() if step.started_at else None
    return {
        "id": step.id,
        "name": step.name,
        "kind": step.kind,
        "status": step.status,
        "attempts": step.attempt,
        "scheduled_at": step.scheduled_at,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "seconds": step.seconds,
        "waited_seconds": waited if step.kind in ("activity", "child") else None,
        "input": step.input,
        "output": step.output,
        "error": error_text(step.failure) if step.failure else None,
        "cell": str(step.location) if step.location else None,
        "by": step.approval.by if step.approval else None,
    }


def runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """The runs as a table: one row each, times in UTC.

    Raises:
        JupyterWorkflowsError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise missing("pandas", "to_pandas()") from None
    frame = pd.DataFrame([run.model_dump() for run in runs], columns=list(Run.model_fields))
    frame = with_times(frame, ("started_at", "closed_at"))
    frame["seconds"] = [seconds_of(run) for run in runs]
    return frame


def seconds_of(run: Run) -> float | None:
    """How long a run took; None while it is open."""
    return (run.closed_at - run.started_at).total_seconds() if run.closed_at else None


def with_times(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with these columns as times, also where all of a column is empty."""
    import pandas as pd

    for column in columns:
        frame[column] = pd.to_datetime(frame[column], utc=True)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return frame


def timeline(snapshot: Snapshot) -> go.Figure:
    """The steps over time as a plotly figure: a bar each, coloured by status.

    In a long run, steps of one name that do not overlap share a row.

    Raises:
        JupyterWorkflowsError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise missing("plotly", "timeline()") from None
    end = snapshot.run.closed_at or snapshot.taken_at
    figure: Any = go.Figure()
    rows = rows_of(snapshot.steps, end)
    for status in COLOURS:
        steps = [step for step in snapshot.steps if step.status == status]
        if steps:
            figure.add_trace(trace(go, steps, [rows[step.id] for step in steps], status, end))
    names = list(dict.fromkeys(rows.values()))
    figure.update_layout(
        title={"text": unmarked(f"{snapshot.run.workflow} · {snapshot.run.id}"), "font": {"size": 15}},
        barmode="overlay",
        template="plotly_white",
        height=140 + 26 * max(3, min(len(names), 400)),
        margin={"l": 10, "r": 10, "t": 50, "b": 40},
        legend={"orientation": "h", "y": -0.08, "yanchor": "top"},
        xaxis={"type": "date", "title": "UTC"},
        yaxis={"autorange": "reversed", "categoryorder": "array", "categoryarray": names, "automargin": True},
        bargap=0.35,
    )
    return figure


def rows_of(steps: Sequence[Step], end: datetime) -> dict[str, str]:
    """The row of each step, by its id: one of its own, or in a long run the first free one of its name."""
    if len(steps) <= ROWS_OF_THEIR_OWN:
        return {step.id: unmarked(step.id) for step in steps}
    rows: dict[str, str] = {}
    free_from: dict[str, list[datetime]] = {}
    for step in sorted(steps, key=lambda step: step.scheduled_at):
        lanes = free_from.setdefault(step.name, [])
        lane = next((number for number, free in enumerate(lanes) if free <= step.scheduled_at), len(lanes))
        lanes[lane : lane + 1] = [step.finished_at or end]
        rows[step.id] = unmarked(f"{step.name} · {lane + 1}")
    by_name = {name: number for number, name in enumerate(free_from)}
    names = {step.id: step.name for step in steps}
    return dict(sorted(rows.items(), key=lambda row: (by_name[names[row[0]]], int(row[1].rpartition(" ")[2]))))


def trace(go: Any, steps: Sequence[Step], rows: list[str], status: str, end: datetime) -> Any:
    """The bars of all steps with one status."""
    lengths = [((step.finished_at or end) - step.scheduled_at).total_seconds() * 1000 for step in steps]
    return go.Bar(
        name=status_words(status),
        orientation="h",
        y=rows,
        base=[step.scheduled_at for step in steps],
        x=[max(length, 1.0) for length in lengths],
        marker={"color": COLOURS[status], "line": {"width": 0}},
        customdata=[[hover(step, end)] for step in steps],
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def hover(step: Step, end: datetime) -> str:
    """What a bar says under the pointer."""
    seconds = ((step.finished_at or end) - step.scheduled_at).total_seconds()
    lines = [f"<b>{unmarked(step.id)}</b>", f"{status_words(step.status)}, {human_seconds(seconds)}"]
    if step.attempt > 1:
        lines.append(f"{step.attempt} attempts")
    if step.failure:
        lines.append(unmarked(error_text(step.failure)))
    elif step.output is not None:
        lines.append(unmarked(preview(step.output, 120)))
    return "<br>".join(lines)


def unmarked(value: object) -> str:
    """A text for plotly, which reads `<b>`, `<a href>` and the like: shown, not obeyed."""
    return one_line(value, 160).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
