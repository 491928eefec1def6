"""Steps as a table with a timeline of inline SVG, and their inputs and outputs below it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, cast

from ..schema import Approval, Failure, Step
from .elements import VALUE_LENGTH, icon, line, moment, value_text
from .reviews import by_words
from .style import TONES
from .text import checked_words, chosen, count_words, progress, status_words, step_words, usage_words
from .timescale import Timescale
from .untrusted import human_seconds, one_line, preview

SHOWN_VALUES = 40


def step_grid(steps: Sequence[Step], scale: Timescale, end: datetime, *, told_below: str | None = None) -> str:
    """The steps as rows: name, bar, duration; of very many, those that matter most.

    Args:
        steps: The steps.
        scale: The time line.
        end: Where open steps end for now.
        told_below: Id of the step whose failure is told below the table.
    """
    if not steps:
        return '<div class="jw-empty">no steps yet</div>'
    rows: list[str] = []
    for item in chosen(steps):
        if isinstance(item, int):
            rows.append(f'<tr><td colspan="3" class="jw-muted">⋮ {count_words(item, "more step")}</td></tr>')
        else:
            rows.append(step_row(item, scale, end, told_below))
    return (
        '<table class="jw-grid jw-steps"><thead><tr class="jw-step"><th style="width:36%">step</th>'
        f'<th class="jw-lane">{axis(scale)}</th><th class="jw-took" style="width:110px">took</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def step_row(step: Step, scale: Timescale, end: datetime, told_below: str | None) -> str:
    """One step, and below it what is worth saying about it."""
    status = step.approval.status if step.approval and step.status == "completed" else step.status
    name, dash, number = one_line(step.id, 80).rpartition("-")
    shown = f'{escape(name)}<span class="jw-muted">{dash}{escape(number)}</span>' if name else escape(number)
    tries = f'<span class="jw-tag">{step.attempt} attempts</span>' if step.attempt > 1 else ""
    row = (
        f'<tr class="jw-step"><td><div class="jw-name">{icon(status)}<span class="jw-any" '
        f'title="{escape(status_words(status))}">{shown}</span>{tries}</div></td>'
        f'<td class="jw-lane">{gap_marks(scale)}{bars(step, scale, end)}</td>'
        f'<td class="jw-took">{took(step, end)}</td></tr>'
    )
    more = "" if step.id == told_below else remark(step, end)
    return f'{row}<tr class="jw-more"><td colspan="3"><div>{more}</div></td></tr>' if more else row


def took(step: Step, end: datetime) -> str:
    """How long a step took, or has taken so far."""
    if step.kind == "signal":
        return ""
    if step.finished_at:
        return escape(human_seconds(step.seconds))
    return f'<span class="jw-muted">{escape(human_seconds((end - step.scheduled_at).total_seconds()))}…</span>'


def remark(step: Step, now: datetime) -> str:
    """What is said below a step's row; empty for most."""
    if step.approval:
        # What still waits is told below the table.
        return "" if step.status == "waiting" else approval_remark(step.approval)
    if step.failure is not None:
        return failure_line(step.failure, step)
    if step.undoes and step.status == "completed":
        return f'<span class="jw-muted jw-any">undoes {line(step.undoes, 80)}</span>'
    if step.usage or step.checked:
        summary = line(step.summary, 100) if step.summary else ""
        said = [summary, escape(usage_words(step.usage)), escape(checked_words(step.checked))]
        return f'<span class="jw-muted jw-any">{" · ".join(filter(None, said))}</span>'
    if step.status in ("running", "retrying", "waiting") or (step.kind == "timer" and step.summary):
        said = step_words(step, now) if step.status != "completed" else ""
        bar = progress_bar(step) if step.status == "running" else ""
        summary = f"{line(step.summary, 100)}{' · ' if said else ''}" if step.summary else ""
        return f'{bar}<span class="jw-muted jw-any">{summary}{escape(said)}</span>'
    if step.kind == "child" and step.child_run:
        return f'<span class="jw-muted jw-mono jw-any">{line(step.child_run)}</span>'
    return f'<span class="jw-muted jw-any">{line(step.summary, 120)}</span>' if step.summary else ""


def progress_bar(step: Step) -> str:
    """How far a step is, where it reports that; the words beside it say the same."""
    found = progress(step.heartbeat)
    if found is None:
        return ""
    share = 100 * found[0] / found[1]
    return f'<span class="jw-progress" aria-hidden="true"><span style="width:{share:.1f}%"></span></span>'


def failure_line(failure: Failure, step: Step) -> str:
    """A step's error on a line, with cell and line."""
    where = f' <span class="jw-muted">{line(failure.location)}</span>' if failure.location else ""
    after = "" if step.status != "retrying" else f' <span class="jw-muted">{escape(step_words_short(step))}</span>'
    return (
        f'<span class="jw-any"><b class="jw-mono">{line(failure.type, 80)}</b> {line(failure.message, 300)}</span>'
        f"{where}{after}"
    )


def step_words_short(step: Step) -> str:
    """When a failed step is tried again."""
    due = f" at {step.due_at.astimezone(UTC):%H:%M:%S} UTC" if step.due_at else ""
    return f"attempt {step.attempt + 1} follows{due}"


def approval_remark(approval: Approval) -> str:
    """Question and answer of an approval, in short."""
    question = f'<span class="jw-said">{line(approval.message, 200)}</span>'
    if approval.status == "open":
        return question
    if approval.status == "timed_out":
        meaning = {"approve": "counts as approved", "reject": "counts as rejected", "raise": "the run failed"}
        against = line(approval.objection, 120) if approval.objection else ""
        ended = f"counts as rejected, for {against}" if against else meaning[approval.on_timeout]
        return f'{question} <span class="jw-muted">— nobody decided in time: {ended}</span>'
    edits = f" with {count_words(len(approval.edits), 'edit')}" if approval.edits else ""
    said = f" “{line(approval.comment, 200)}”" if approval.comment else ""
    return (
        f'{question} <span class="jw-muted">— {escape(approval.status)} by</span> '
        f'<span class="jw-any">{line(by_words(approval), 400)}</span><span class="jw-muted">{edits}, '
        f'{moment(approval.decided_at)}</span><span class="jw-any">{said}</span>'
    )


def bars(step: Step, scale: Timescale, end: datetime) -> str:
    """A step on the time line: waiting for a worker, failed attempts, work."""
    finished = step.finished_at or end
    left, right = scale.position(step.scheduled_at), scale.position(finished)
    tone = TONES.get(step.approval.status if step.approval and step.approval.status != "open" else step.status, "off")
    if step.kind in ("approval", "timer"):
        drawn = rect("jw-held", left, right - left, (5, 6, 3))
    elif step.kind == "signal":
        drawn = f'<circle class="jw-bar" cx="{left:.2f}%" cy="8" r="4"/>'
    else:
        drawn = work_bars(step, scale, left, right)
    label = f"{status_words(step.status)}, {human_seconds((finished - step.scheduled_at).total_seconds())}"
    return f'<svg class="jw-bars jw-{tone}" role="img" aria-label="{escape(label)}">{drawn}</svg>'


def gap_marks(scale: Timescale) -> str:
    """Hatching over the stretches that are folded."""
    marks = "".join(f'<i style="left:{fold.left:.2f}%;width:{fold.width:.2f}%"></i>' for fold in scale.folds)
    return f'<div class="jw-gap">{marks}</div>' if marks else ""


def work_bars(step: Step, scale: Timescale, left: float, right: float) -> str:
    """The bars of an activity or a child run."""
    begun = max(left, scale.position(step.started_at)) if step.started_at else left
    if step.status == "scheduled":
        return rect("jw-queue", left, right - left, (7, 2, 1))
    if step.status == "retrying":
        return rect("jw-again", left, right - left, (6, 4, 2))
    tried = rect("jw-again", left, begun - left, (6, 4, 2)) if step.attempt > 1 else ""
    queued = rect("jw-queue", left, begun - left, (7, 2, 1)) if not tried and begun - left > 1 else ""
    return f"{tried}{queued}{rect('jw-bar', begun, right - begun, (3, 10, 3))}"


def rect(name: str, left: float, width: float, shape: tuple[int, int, int]) -> str:
    """A bar, never too thin to see.

    Args:
        name: Its CSS class.
        left: Where it begins, in percent.
        width: How long it is, in percent.
        shape: Its top, height and corner radius in pixels.
    """
    wide = max(width, 0.6)
    start = min(left, 100 - wide)
    top, height, radius = shape
    return f'<rect class="{name}" x="{start:.2f}%" width="{wide:.2f}%" y="{top}" height="{height}" rx="{radius}"/>'


def axis(scale: Timescale) -> str:
    """The labels over the time line."""
    ticks = scale.ticks()
    marks = [f'<span style="left:{position:.1f}%">{escape(label)}</span>' for position, label in ticks[:-1]]
    position, label = ticks[-1]
    last = f'<span class="jw-last" style="left:{position:.1f}%">{escape(label)}</span>'
    return f'<div class="jw-axis">{"".join(marks)}{last}</div>'


def values_table(steps: Sequence[Step]) -> str:
    """Inputs and outputs of the steps, folded."""
    told = [step for step in steps if step.kind in ("activity", "child", "signal")][-SHOWN_VALUES:]
    if not told:
        return ""
    rows = "".join(
        f'<tr><td class="jw-any">{line(step.id, 60)}</td><td class="jw-mono jw-any">{inputs(step)}</td>'
        f'<td class="jw-mono jw-any">{value_text(step.output) if step.status == "completed" else ""}</td></tr>'
        for step in told
    )
    header = '<tr><th style="width:24%">step</th><th>input</th><th>output</th></tr>'
    table = f'<table class="jw-grid jw-rows"><thead>{header}</thead><tbody>{rows}</tbody></table>'
    return f"<details><summary>inputs and outputs</summary>{table}</details>"


def inputs(step: Step) -> str:
    """A step's arguments, escaped."""
    given: object = step.input
    if not isinstance(given, list):
        return value_text(given) if given is not None else ""
    values = cast("list[Any]", given)
    shown = ", ".join(preview(value, VALUE_LENGTH // 2) for value in values[:8])
    return escape(one_line(shown, VALUE_LENGTH))
