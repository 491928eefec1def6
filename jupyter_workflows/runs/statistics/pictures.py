"""A dashboard as static HTML, as text, as one SVG and as PNG: what stays when nobody is there to draw."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ...errors import JupyterWorkflowsError
from ...schema.dashboards import Dashboard, Headline, StepFigures
from ..elements import card, icon, line
from ..static_html import grid
from ..text import count_words
from ..untrusted import coarse_seconds, human_seconds, one_line
from .charts import Chart, charts
from .headlines import percent

CHART_WIDTH = 440
MARGIN = 24
GAP = 28
SIGNS = {"good": "completed", "bad": "failed", "waiting": "open", "plain": "scheduled"}
MARKS = {"good": "✓", "bad": "✗", "waiting": "◔", "plain": "·"}
LIGHT = {
    "ok": "#1a7f37", "run": "#0969da", "wait": "#8a5c00", "fail": "#c21f2c", "off": "#59636e", "idle": "#d0d7de",
    "child": "#8250df", "people": "#d8741f", "text": "#1f2328", "muted": "#59636e", "line": "#d1d9e0",
}  # fmt: skip
STYLED = ("ok", "run", "wait", "fail", "off", "idle", "text", "muted", "line")
INKS = "".join(
    f".jw .jw-i-{ink}{{fill:{value}}}.jw .jw-s-{ink}{{stroke:{value}}}"
    for ink, value in {each: f"var(--jw-{each})" if each in STYLED else LIGHT[each] for each in LIGHT}.items()
)
STYLE = (
    f"{INKS}.jw-charts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr))}}"
    ".jw-chart{padding:8px 14px;min-width:0}.jw-chart svg{display:block;width:100%;height:auto;font-size:12px}"
    ".jw-chart b{font-weight:600}.jw-key{display:flex;flex-wrap:wrap;gap:2px 12px;font-size:12px;margin:2px 0 4px}"
    ".jw .jw-key svg{display:inline-block;width:10px;height:10px;margin-right:5px}"
    ".jw-lead{padding:10px 14px 4px;font-size:14px}.jw-lead div{padding:2px 0}"
)
SHOWN_ROWS = 12


def basis_words(dashboard: Dashboard) -> str:
    """What the figures stand on."""
    basis = dashboard.basis
    newest = f", the newest {basis.listed:,} of them listed" if basis.listed < basis.runs else ""
    if basis.exact:
        source = f"all {count_words(basis.closed, 'closed run')}"
    else:
        source = f"{basis.histories:,} histories drawn of {basis.closed:,}, and estimated for the rest"
    return f"{count_words(basis.runs, 'run')}{newest}; steps, causes and recovery from {source}."


def html_of(dashboard: Dashboard) -> str:
    """The dashboard as a card: sentences, charts, steps, approvals; no script."""
    sentences = "".join(
        f'<div>{icon(SIGNS[each.tone])} <span class="jw-any">{line(each.text, 400)}</span></div>'
        for each in dashboard.headlines
    )
    drawn = "".join(chart_html(chart) for chart in charts(dashboard, CHART_WIDTH))
    seen = f"{dashboard.at:%Y-%m-%d %H:%M:%S} UTC"
    return card(
        f"<style>{STYLE}</style>",
        f'<div class="jw-head"><span class="jw-title">How runs do</span><span class="jw-right">{seen}</span></div>',
        f'<div class="jw-lead">{sentences}</div>',
        f'<div class="jw-charts">{drawn}</div>',
        steps_html(dashboard),
        f'<div class="jw-foot jw-muted">{escape(basis_words(dashboard))}</div>',
    )


def chart_html(chart: Chart) -> str:
    """A chart with its title and legend."""
    key = "".join(
        f'<span class="jw-muted"><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="jw-i-{ink}" width="10" '
        f'height="10"/></svg>{escape(words)}</span>'
        for ink, words in chart.legend
    )
    return (
        f'<div class="jw-chart"><b>{escape(chart.title)}</b><div class="jw-key">{key}</div>'
        f'<svg viewBox="0 0 {CHART_WIDTH} {chart.height}" role="img" aria-label="{escape(chart.title)}">'
        f"{chart.body}</svg></div>"
    )


def steps_html(dashboard: Dashboard) -> str:
    """The steps that took the most time."""
    rows = [
        (
            step_html(each),
            f"{round(each.count):,}",
            human_seconds(each.queue.p90),
            human_seconds(each.duration.p50),
            human_seconds(each.duration.p90),
            f"{round(each.retried):,}",
            f"{round(each.failed):,}",
        )
        for each in dashboard.steps[:SHOWN_ROWS]
    ]
    if not rows:
        return ""
    widths = [("step", ""), ("times", "70px"), ("queue p90", "100px"), ("p50", "100px"), ("p90", "100px")]
    return grid([*widths, ("retries", "70px"), ("failures", "70px")], rows, narrow_without=(1, 2, 5))


def step_html(step: StepFigures) -> str:
    """A step's name and workflow."""
    return f'<b class="jw-any">{line(step.name, 60)}</b> <span class="jw-muted jw-any">{line(step.workflow, 60)}</span>'


def text_of(dashboard: Dashboard) -> str:
    """The dashboard for a terminal: the sentences, then what was slow, what failed and who waits."""
    parts = ["\n".join(sentence(each) for each in dashboard.headlines)]
    slow = [
        f"  {one_line(each.name, 28):28}  {one_line(each.workflow, 24):24}  {round(each.count):>7,}"
        + "".join(f"  {human_seconds(value):>10}" for value in (each.queue.p90, each.duration.p50, each.duration.p90))
        for each in dashboard.steps[:SHOWN_ROWS]
    ]
    if slow:
        head = f"  {'step':28}  {'workflow':24}  {'times':>7}  {'queue p90':>10}  {'p50':>10}  {'p90':>10}"
        parts.append("\n".join([head, *slow]))
    lost = [
        f"  {round(each.runs - each.recovered):>6,} lost  {round(each.recovered):>6,} recovered  "
        + one_line(f"{each.error} in {each.step or 'workflow code'} of {each.workflow}", 100)
        for each in dashboard.causes[:SHOWN_ROWS]
    ]
    waits = [
        f"  since {coarse_seconds(max(0.0, (dashboard.at - each.opened_at).total_seconds())):8}  "
        f"{one_line(each.assignee or 'anybody', 30):30}  {one_line(each.message, 60)}"
        for each in dashboard.approvals.waiting[:SHOWN_ROWS]
    ]
    parts += ["\n".join(lines) for lines in (lost, waits) if lines]
    return "\n\n".join([*parts, basis_words(dashboard)])


def sentence(headline: Headline) -> str:
    """A sentence with its mark."""
    return f"{MARKS[headline.tone]} {one_line(headline.text, 400)}"


def svg_of(dashboard: Dashboard) -> str:
    """The dashboard as one picture, light, 1,000 pixels wide."""
    width = 2 * CHART_WIDTH + GAP + 2 * MARGIN
    drawn = charts(dashboard, CHART_WIDTH)
    rate = dashboard.recovery.rate
    title = "How runs do" + (f" · {percent(rate)} recovered" if rate is not None else "")
    parts = [f'<text class="t" x="{MARGIN}" y="42" font-size="20">{escape(title)}</text>']
    y = 72
    for each in dashboard.headlines:
        words = escape(one_line(each.text, 120))
        parts.append(f'<text class="jw-i-text" x="{MARGIN}" y="{y}" font-size="14">{words}</text>')
        y += 21
    y += 8
    for pair in (drawn[number : number + 2] for number in range(0, len(drawn), 2)):
        keys = [legend(chart.legend) for chart in pair]
        lines = max(count for _, count in keys)
        for side, (chart, (key, _)) in enumerate(zip(pair, keys, strict=True)):
            parts.append(panel(chart, key, MARGIN + side * (CHART_WIDTH + GAP), y, 26 + 18 * lines))
        y += max(chart.height for chart in pair) + 30 + 18 * lines + GAP
    foot = escape(f"{dashboard.at:%Y-%m-%d %H:%M} UTC · {basis_words(dashboard)}")
    parts.append(f'<text class="jw-i-muted" x="{MARGIN}" y="{y}">{foot}</text>')
    inks = "".join(f".jw-i-{ink}{{fill:{value}}}.jw-s-{ink}{{stroke:{value}}}" for ink, value in LIGHT.items())
    fonts = "text{font-family:DejaVu Sans,Helvetica,Arial,sans-serif}.t{font-weight:700;fill:#1f2328}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + MARGIN}" font-size="12">'
        f'<style>{inks}{fonts}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def panel(chart: Chart, key: str, x: int, y: int, below: int) -> str:
    """A chart at its place, with title and legend, itself so far below."""
    return (
        f'<g transform="translate({x} {y})"><text class="t" x="0" y="14" font-size="14">{escape(chart.title)}</text>'
        f'<g transform="translate(0 22)">{key}</g><g transform="translate(0 {below})">{chart.body}</g></g>'
    )


def legend(entries: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """Squares and words, and how many lines they take."""
    made: list[str] = []
    x, lines = 0.0, 1
    for ink, words in entries:
        wide = 20 + 6.6 * len(words)
        if x and x + wide > CHART_WIDTH:
            x, lines = 0.0, lines + 1
        top = 18 * (lines - 1)
        made.append(f'<rect class="jw-i-{ink}" x="{x:.0f}" y="{top}" width="10" height="10"/>')
        made.append(f'<text class="jw-i-muted" x="{x + 15:.0f}" y="{top + 9.5}">{escape(words)}</text>')
        x += wide + 8
    return "".join(made), lines


def write_png(dashboard: Dashboard, path: Path, *, scale: float = 2.0) -> Path:
    """Writes the picture as PNG; no browser is needed.

    Raises:
        JupyterWorkflowsError: resvg is not installed; says what installs it.
        OSError: The file can't be written.
    """
    try:
        import resvg_py
    except ImportError:
        raise JupyterWorkflowsError(
            'png() needs resvg: pip install "jupyter-workflows[lab]"; without it, svg(path) writes the same picture'
        ) from None
    path.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=svg_of(dashboard), zoom=scale)))
    return path
