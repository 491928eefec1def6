"""Charts of a dashboard as SVG: for the picture in a saved notebook, and for PNG files.

The front end draws the same ones, see `labextension/src/components/charts.ts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from ...schema import RunStatus
from ...schema.dashboards import Dashboard, Place, TimeSpent
from ..text import status_words
from ..untrusted import human_seconds, one_line
from .headlines import percent

ROWS = 8
ROW = 36
PLOT = 120
LEFT = 46
# Ink of each status and place: a class of the style sheet.
STATUS_INKS: dict[RunStatus, str] = {
    "completed": "ok",
    "running": "run",
    "continued_as_new": "child",
    "cancelled": "idle",
    "terminated": "off",
    "timed_out": "people",
    "failed": "fail",
}
PLACE_INKS: dict[Place, tuple[str, str]] = {
    "run": ("run", "running"),
    "child": ("child", "child runs"),
    "retry": ("fail", "retrying"),
    "queue": ("wait", "queued"),
    "people": ("people", "waiting for people"),
    "timer": ("off", "sleeping"),
    "other": ("idle", "between steps"),
}


@dataclass(frozen=True)
class Chart:
    """A chart.

    Args:
        title: What it is about.
        height: In pixels; the width is the one it was drawn for.
        body: SVG elements, escaped.
        legend: Ink and words.
    """

    title: str
    height: int
    body: str
    legend: Sequence[tuple[str, str]]


def bar(x: float, y: float, width: float, height: float, ink: str) -> str:
    """A filled rectangle."""
    return f'<rect class="jw-i-{ink}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"/>'


def label(x: float, y: float, words: str, anchor: str = "start", ink: str = "muted") -> str:
    """A text."""
    return f'<text class="jw-i-{ink}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def rule(y: float, begin: float, end: float, ink: str = "line", dashed: bool = False) -> str:
    """A level line."""
    more = ' stroke-dasharray="5 4" stroke-width="1.5"' if dashed else ""
    return f'<path class="jw-s-{ink}" d="M{begin:.1f} {y:.1f}H{end:.1f}"{more}/>'


def charts(dashboard: Dashboard, width: int) -> list[Chart]:
    """All charts, for this width."""
    draw: list[Callable[[Dashboard, int], Chart]] = [runs, recovery, causes, spent, durations, reviewers]
    return [each(dashboard, width) for each in draw]


def round_up(most: float) -> float:
    """A round number at or above `most`."""
    power = 10 ** math.floor(math.log10(max(1.0, most)))
    return next((step * power for step in (1, 2, 5, 10) if step * power >= most), most)


def time_labels(dashboard: Dashboard, width: int, y: float) -> str:
    """When the first and the last period begin, UTC."""
    if not dashboard.periods:
        return ""
    first, last = dashboard.periods[0].start, dashboard.periods[-1].start
    words = f"{moment(last, dashboard.period_seconds)} UTC"
    return label(LEFT, y, moment(first, dashboard.period_seconds)) + label(width, y, words, "end")


def moment(at: datetime, period_seconds: float) -> str:
    """When a period begins: a day, or a minute of a day."""
    return f"{at:%Y-%m-%d}" if period_seconds >= 86_400 else f"{at:%m-%d %H:%M}"


def runs(dashboard: Dashboard, width: int) -> Chart:
    """Runs by the time they started, stacked by status."""
    shown: list[RunStatus] = [status for status in STATUS_INKS if dashboard.counts.get(status)]
    top = round_up(max([1, *(sum(each.counts.values()) for each in dashboard.periods)]))
    parts = [rule(10 + PLOT * (1 - share), LEFT, width) for share in (0, 0.5, 1)]
    parts += [label(LEFT - 6, 14 + PLOT * (1 - share), f"{top * share:g}", "end") for share in (0, 0.5, 1)]
    wide = (width - LEFT) / max(1, len(dashboard.periods))
    for index, period in enumerate(dashboard.periods):
        y = 10.0 + PLOT
        for status in shown:
            tall = PLOT * period.counts.get(status, 0) / top
            y -= tall
            if tall:
                parts.append(bar(LEFT + index * wide, y, max(1.0, wide - 1.5), tall, STATUS_INKS[status]))
    parts.append(time_labels(dashboard, width, PLOT + 27))
    legend = [(STATUS_INKS[status], f"{dashboard.counts[status]:,} {status_words(status)}") for status in shown]
    return Chart("Runs over time", PLOT + 34, "".join(parts), legend)


def recovery(dashboard: Dashboard, width: int) -> Chart:
    """The recovery rate of each period, with the target as a line."""
    target = dashboard.recovery.target
    parts = [rule(10 + PLOT * (1 - share), LEFT, width) for share in (0, 0.5, 1)]
    parts += [label(LEFT - 6, 14 + PLOT * (1 - share), f"{share * 100:g} %", "end") for share in (0, 0.5, 1)]
    wide = (width - LEFT) / max(1, len(dashboard.periods))
    points: list[tuple[float, float, bool]] = []
    for index, period in enumerate(dashboard.periods):
        if period.met_failure:
            rate = min(1.0, period.recovered / period.met_failure)
            points.append((LEFT + (index + 0.5) * wide, 10 + PLOT * (1 - rate), rate >= target))
    if len(points) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
        parts.append(f'<path class="jw-s-off" fill="none" d="M{path}"/>')
    for x, y, good in points:
        parts.append(f'<circle class="jw-i-{"ok" if good else "fail"}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    parts.append(rule(10 + PLOT * (1 - target), LEFT, width, "text", dashed=True))
    parts.append(time_labels(dashboard, width, PLOT + 27))
    legend = [("text", f"target {percent(target)} (dashed)"), ("ok", "reaches it"), ("fail", "misses it")]
    return Chart("Recovery rate over time", PLOT + 34, "".join(parts), legend)


def row(index: int, width: int, name: str, figures: str, bars: Iterable[tuple[float, float, str]]) -> str:
    """A name and figures, and below them bars from and to shares of the width."""
    top = index * ROW
    room = max(8, int((width - len(figures) * 6.2 - 12) / 7))
    drawn = "".join(bar(begin * width, top + 19, (end - begin) * width, 11, ink) for begin, end, ink in bars)
    return label(0, top + 13, one_line(name, room), ink="text") + label(width, top + 13, figures, "end") + drawn


def stacked(values: Sequence[tuple[float, str]], whole: float) -> list[tuple[float, float, str]]:
    """Values side by side, as shares of a whole."""
    made: list[tuple[float, float, str]] = []
    at = 0.0
    for value, ink in values:
        made.append((at / whole, (at + value) / whole, ink))
        at += value
    return made


def causes(dashboard: Dashboard, width: int) -> Chart:
    """Runs that met each cause: lost and recovered."""
    shown = dashboard.causes[:ROWS]
    most = max([1.0, *(each.runs for each in shown)])
    rows: list[str] = []
    for index, each in enumerate(shown):
        lost = each.runs - each.recovered
        words = [f"{round(lost):,} lost"] if lost >= 0.5 else []
        words += [f"{round(each.recovered):,} recovered"] if each.recovered >= 0.5 else []
        bars = stacked([(lost, "fail"), (each.recovered, "ok")], most)
        rows.append(row(index, width, f"{each.error} in {each.step or 'workflow code'}", " · ".join(words), bars))
    legend = [("fail", "runs that did not complete"), ("ok", "runs that completed all the same")]
    return Chart("Failures by cause", max(1, len(rows)) * ROW, "".join(rows), legend)


def spent(dashboard: Dashboard, width: int) -> Chart:
    """Where the time of each workflow's runs went, as shares."""
    total: dict[Place, float] = {}
    for each in dashboard.spent:
        for place, seconds in each.seconds.items():
            total[place] = total.get(place, 0) + seconds
    together = [TimeSpent(workflow="all workflows", seconds=total)] if len(dashboard.spent) > 1 else []
    rows: list[str] = []
    for index, each in enumerate([*together, *dashboard.spent][:ROWS]):
        whole = sum(each.seconds.values()) or 1.0
        values = [(each.seconds.get(place, 0.0), ink) for place, (ink, _) in PLACE_INKS.items()]
        rows.append(row(index, width, each.workflow, f"{human_seconds(whole)} in all", stacked(values, whole)))
    whole = sum(total.values()) or 1.0
    legend = [
        (ink, f"{words} {percent(total[place] / whole)}")
        for place, (ink, words) in PLACE_INKS.items()
        if total.get(place)
    ]
    return Chart("Where time goes", max(1, len(rows)) * ROW, "".join(rows), legend)


def durations(dashboard: Dashboard, width: int) -> Chart:
    """Durations of each workflow on a logarithmic axis: from p50 to p90, and on to p99."""
    shown = [each for each in dashboard.workflows if each.duration.p50 is not None][:ROWS]
    ends = [value for each in shown for value in (each.duration.p50, each.duration.p99)]
    values = [max(1e-3, value) for value in ends if value is not None]
    low, high = math.log(min(values, default=1.0) / 1.5), math.log(max(values, default=1.0) * 1.5)

    def at(seconds: float | None) -> float:
        return (math.log(max(1e-3, seconds or 0)) - low) / (high - low)

    rows: list[str] = []
    for index, each in enumerate(shown):
        found = each.duration
        named = (("p50", found.p50), ("p90", found.p90), ("p99", found.p99))
        figures = " · ".join(f"{name} {human_seconds(value)}" for name, value in named)
        middle = max(at(found.p90), at(found.p50) + 2 / width)
        bars = [(at(found.p50), middle, "run"), (middle, max(middle, at(found.p99)), "wait")]
        rows.append(row(index, width, each.name, figures, bars))
    legend = [("run", "p50 to p90"), ("wait", "to p99"), ("line", "logarithmic")]
    return Chart("Durations", max(1, len(rows)) * ROW, "".join(rows), legend)


def reviewers(dashboard: Dashboard, width: int) -> Chart:
    """Who is waited for, and how long each takes to decide."""
    found = dashboard.approvals
    shown = found.reviewers[:ROWS]
    most = max([1, *(each.waiting + each.decided + each.timed_out for each in shown)])
    rows: list[str] = []
    for index, each in enumerate(shown):
        age = f" (oldest {human_seconds((dashboard.at - each.oldest).total_seconds())})" if each.oldest else ""
        words = [f"{each.waiting:,} wait{age}"] if each.waiting else []
        words += [f"decides in {human_seconds(each.decision.p50)}"] if each.decision.p50 is not None else []
        bars = stacked([(each.waiting, "wait"), (each.decided, "ok"), (each.timed_out, "people")], most)
        rows.append(row(index, width, each.assignee or "anybody", " · ".join(words), bars))
    decided = found.approved + found.rejected
    legend = [("wait", f"{found.waiting_count:,} wait"), ("ok", f"{decided:,} decided")]
    legend += [("people", f"{found.timed_out:,} timed out")]
    return Chart("Approvals by reviewer", max(1, len(rows)) * ROW, "".join(rows), legend)
