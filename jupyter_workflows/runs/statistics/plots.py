"""A dashboard for analysis: plotly figures and pandas tables. Both libraries are imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...schema.dashboards import Dashboard
from ..text import status_words
from ..views import missing, unmarked
from .charts import PLACE_INKS, STATUS_INKS
from .pictures import LIGHT
from .tables import tables

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

# Readable on a light and on a dark page.
NEUTRAL = "#7d8590"
COLOURS = LIGHT | {"text": NEUTRAL, "idle": "#afb8c1", "ok": "#2da44e", "run": "#2f81f7", "fail": "#e5534b"}


def frames(dashboard: Dashboard) -> dict[str, pd.DataFrame]:
    """All tables by name; times in UTC, durations in seconds.

    Raises:
        JupyterWorkflowsError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise missing("pandas", "to_pandas()") from None
    made: dict[str, pd.DataFrame] = {}
    for table in tables(dashboard):
        frame = pd.DataFrame([list(row) for row in table.rows], columns=list(table.columns))
        for column in ("start", "oldest", "opened_at", "due_at"):
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], utc=True)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        made[table.name] = frame
    return made


def figures(dashboard: Dashboard) -> dict[str, go.Figure]:
    """The charts as plotly figures, by name; each has `show`, `write_html` and all else that plotly knows.

    Raises:
        JupyterWorkflowsError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise missing("plotly", "figures") from None
    draw = {
        "runs": runs,
        "recovery": recovery,
        "causes": causes,
        "time": spent,
        "durations": durations,
        "reviewers": reviewers,
    }
    return {name: each(go, dashboard) for name, each in draw.items()}


def laid_out(go: Any, title: str, traces: list[Any], **more: Any) -> Any:
    """A figure without a ground of its own."""
    figure = go.Figure(traces)
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": NEUTRAL},
        margin={"l": 10, "r": 10, "t": 50, "b": 40},
        height=340,
        legend={"orientation": "h", "y": -0.15},
        **more,
    )
    figure.update_xaxes(gridcolor="rgba(125,133,144,.25)", automargin=True)
    figure.update_yaxes(gridcolor="rgba(125,133,144,.25)", automargin=True)
    return figure


def runs(go: Any, dashboard: Dashboard) -> Any:
    """Runs by the time they started, stacked by status."""
    starts = [period.start for period in dashboard.periods]
    traces = [
        go.Bar(
            name=status_words(status),
            x=starts,
            y=[period.counts.get(status, 0) for period in dashboard.periods],
            marker={"color": COLOURS[ink]},
        )
        for status, ink in STATUS_INKS.items()
        if dashboard.counts.get(status)
    ]
    return laid_out(go, "Runs over time", traces, barmode="stack")


def recovery(go: Any, dashboard: Dashboard) -> Any:
    """The recovery rate of each period, with the target as a line."""
    met = [period for period in dashboard.periods if period.met_failure]
    rates = [period.recovered / period.met_failure for period in met]
    trace = go.Scatter(
        name="recovery rate",
        x=[period.start for period in met],
        y=rates,
        mode="lines+markers",
        marker={"size": 9, "color": [COLOURS["ok" if rate >= dashboard.recovery.target else "fail"] for rate in rates]},
        line={"color": NEUTRAL, "width": 1},
        customdata=[[period.recovered, period.met_failure] for period in met],
        hovertemplate="%{x}<br>%{y:.1%}: %{customdata[0]:.0f} of %{customdata[1]:.0f}<extra></extra>",
    )
    figure = laid_out(go, "Recovery rate over time", [trace], yaxis={"range": [0, 1.05], "tickformat": ".0%"})
    target = dashboard.recovery.target
    figure.add_hline(y=target, line_dash="dash", line_color=NEUTRAL, annotation_text=f"target {target:.0%}")
    return figure


def causes(go: Any, dashboard: Dashboard) -> Any:
    """Runs that met each cause: lost and recovered."""
    shown = dashboard.causes[:12][::-1]
    names = [unmarked(f"{each.error} in {each.step or 'workflow code'}") for each in shown]
    lost = [each.runs - each.recovered for each in shown]
    traces = [
        go.Bar(name="lost", orientation="h", y=names, x=lost, marker={"color": COLOURS["fail"]}),
        go.Bar(
            name="recovered",
            orientation="h",
            y=names,
            x=[each.recovered for each in shown],
            marker={"color": COLOURS["ok"]},
        ),
    ]
    return laid_out(go, "Failures by cause", traces, barmode="stack")


def spent(go: Any, dashboard: Dashboard) -> Any:
    """Where the time of each workflow's runs went, as shares."""
    shown = dashboard.spent[:12][::-1]
    wholes = [sum(each.seconds.values()) or 1.0 for each in shown]
    traces = [
        go.Bar(
            name=words,
            orientation="h",
            y=[unmarked(each.workflow) for each in shown],
            x=[each.seconds.get(place, 0) / whole for each, whole in zip(shown, wholes, strict=True)],
            marker={"color": COLOURS[ink]},
        )
        for place, (ink, words) in PLACE_INKS.items()
        if any(each.seconds.get(place) for each in shown)
    ]
    return laid_out(go, "Where time goes", traces, barmode="stack", xaxis={"tickformat": ".0%"})


def durations(go: Any, dashboard: Dashboard) -> Any:
    """Percentiles of each workflow's durations, on a logarithmic axis."""
    shown = [each for each in dashboard.workflows if each.duration.p50 is not None][:12][::-1]
    names = [unmarked(each.name) for each in shown]
    traces = [
        go.Scatter(
            name=name,
            y=names,
            x=[getattr(each.duration, name) for each in shown],
            mode="markers",
            marker={"size": size, "color": COLOURS[ink]},
            hovertemplate="%{y}: %{x:.3~s}s<extra>" + name + "</extra>",
        )
        for name, ink, size in (("p50", "run", 12), ("p90", "wait", 10), ("p99", "fail", 8))
    ]
    return laid_out(go, "Durations of closed runs, seconds", traces, xaxis={"type": "log"})


def reviewers(go: Any, dashboard: Dashboard) -> Any:
    """Who is asked, and who is waited for."""
    shown = dashboard.approvals.reviewers[:12][::-1]
    names = [unmarked(each.assignee or "anybody") for each in shown]
    parts = (("waiting", "wait"), ("decided", "ok"), ("timed_out", "people"))
    traces = [
        go.Bar(
            name=status_words(part),
            orientation="h",
            y=names,
            x=[getattr(each, part) for each in shown],
            marker={"color": COLOURS[ink]},
        )
        for part, ink in parts
    ]
    return laid_out(go, "Approvals by reviewer", traces, barmode="stack")
