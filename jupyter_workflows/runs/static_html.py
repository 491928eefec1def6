"""Static HTML of runs, steps, lists, diagnostics and workflows: inline SVG, no script, no link.

It stays readable where style sheets are stripped: plain tables with words for every state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from ..schema import Approval, BundledWorkflow, Diagnostic, Failure, Run, Step
from .effects import effects_words, rollback_words
from .elements import card, code, icon, line, moment, note, pill, text, value_text
from .failures import failed_step
from .reading import Snapshot
from .reviews import asked_words, review_lines
from .step_table import step_grid, values_table
from .text import count_words, doing, effect_words, since_words, usage_words
from .timescale import timescale
from .untrusted import human_seconds, preview

SHOWN_ROWS = 200
EFFECT_ICONS = {
    "done": "completed",
    "undoing": "running",
    "undone": "undone",
    "stuck": "failed",
    "kept": "cancelled",
    "irreversible": "terminated",
    "uncertain": "warning",
}


def render_run(snapshot: Snapshot) -> str:
    """A run as a card: state, timeline, approvals, failure or result, inputs and outputs."""
    run, steps = snapshot.run, snapshot.steps
    end = run.closed_at or snapshot.taken_at
    start = min([run.started_at, *(step.scheduled_at for step in steps[:1])])
    scale = timescale(steps, start, end)
    cause = failed_step(snapshot.failure) if snapshot.failure else None
    parts = [head(run, snapshot), step_grid(steps, scale, end, told_below=cause.step if cause else None)]
    parts += [
        open_approval(step.approval, snapshot.taken_at) for step in steps if step.approval and step.status == "waiting"
    ][:10]
    if snapshot.stuck is not None:
        parts.append(note("fail", f"<b>The run can't go on.</b> {text(doing(snapshot))}"))
    parts.append(ending(snapshot))
    parts.append(effects_table(snapshot))
    parts.append(values_table(steps))
    return card(*parts)


def effects_table(snapshot: Snapshot) -> str:
    """Why a run is or was rolled back, and what became of each effect; empty where a run has none."""
    effects = snapshot.effects
    why = (
        note("wait", f'<span class="jw-said">{text(rollback_words(snapshot.rollback))}</span>')
        if (snapshot.rollback)
        else ""
    )
    if not effects:
        return why
    rows = [
        (
            f'<span class="jw-mono jw-any">{line(effect.step, 80)}</span>',
            f'{icon(EFFECT_ICONS[effect.status])} <span class="jw-any">{line(effect_words(effect), 200)}</span>',
        )
        for effect in effects[:SHOWN_ROWS]
    ]
    table = grid([("effect", "36%"), (line(effects_words(effects), 200), "")], rows)
    return f"{why}{table}{left_out(len(effects))}"


def head(run: Run, snapshot: Snapshot) -> str:
    """The first line of a run's card."""
    if run.closed_at:
        when = f"{escape(human_seconds((run.closed_at - run.started_at).total_seconds()))} · {moment(run.closed_at)}"
    else:
        when = f"since {moment(run.started_at)} · seen {snapshot.taken_at.astimezone(UTC):%H:%M:%S}"
    arguments = ", ".join(preview(value, 60) for value in snapshot.arguments)
    spent = usage_words(snapshot.usage)
    return (
        f'<div class="jw-head">{pill(run.status)}<span class="jw-title jw-any">{line(run.workflow, 80)}'
        f'<span class="jw-mono jw-muted">({line(arguments, 120)})</span></span>'
        f'<span class="jw-mono jw-muted jw-any">{line(run.id)}</span>'
        f'<span class="jw-right">{when}{f" · {escape(spent)}" if spent else ""}</span></div>'
    )


def open_approval(approval: Approval, now: datetime) -> str:
    """An approval that waits: who, until when, what can be filled in and edited, and how to answer."""
    asked = asked_words(approval)
    who = f"Waits for {line(asked, 400)}" if asked else "Waits for a decision"
    due = f' <span class="jw-muted">until {moment(approval.due_at)}</span>' if approval.due_at else ""
    parts = [f'<b class="jw-any">{who}</b>{due}<div class="jw-said">{text(approval.message)}</div>']
    parts += [f'<div class="jw-muted jw-any">{line(words, 500)}</div>' for words in review_lines(approval, now)]
    fields = (approval.form_schema or {}).get("properties")
    if isinstance(fields, dict) and fields:
        names = ", ".join(line(name, 40) for name in list(fields)[:20])  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        parts.append(f'<div><span class="jw-muted">form:</span> {names}</div>')
    if approval.has_editable:
        parts.append(f'<div><span class="jw-muted">editable:</span></div>{code(value_text(approval.editable, 600))}')
    parts.append(
        f'<div class="jw-muted jw-mono">run.approve("{line(approval.id)}") · run.reject("{line(approval.id)}")</div>'
    )
    return note("wait", *parts)


def ending(snapshot: Snapshot) -> str:
    """How a run ended: its result, its failure or the reason given."""
    status = snapshot.run.status
    if status == "failed" and snapshot.failure is not None:
        return failure_note(snapshot.failure)
    if status == "completed":
        return (
            f'<div class="jw-foot"><span class="jw-muted">result</span>{code(value_text(snapshot.result, 1_200))}</div>'
        )
    if status in ("terminated", "cancelled", "timed_out") and snapshot.reason:
        return note("off", f'<span class="jw-muted">reason:</span> {text(snapshot.reason)}')
    return ""


def failure_note(failure: Failure) -> str:
    """Why a run failed: step, exception, cell, line of source, the user's frames."""
    inner = failed_step(failure) or failure
    shown = inner if inner.message == failure.message else failure
    location = shown.location or inner.location or failure.root.location
    step = f'<span class="jw-muted">step</span> <b class="jw-any">{line(inner.step)}</b> · ' if inner.step else ""
    parts = [f'{step}<b class="jw-mono">{line(shown.type, 80)}</b> <span class="jw-said">{text(shown.message)}</span>']
    if shown is not inner:
        parts.append(
            f'<div><span class="jw-muted">before that:</span> {line(inner.type, 80)} {line(inner.message, 300)}</div>'
        )
    if location:
        source = code(line(location.source_line, 200)) if location.source_line else ""
        parts.append(f'<div class="jw-muted">{line(location)}</div>{source}')
    traceback = shown.traceback or inner.traceback
    if traceback:
        parts.append(f"<details><summary>traceback</summary>{code(text(traceback, 4_000))}</details>")
    return note("fail", *parts)


def render_steps(steps: Sequence[Step], *, now: datetime | None = None) -> str:
    """Steps as a card: a table with a timeline, inputs and outputs below."""
    if not steps:
        return card('<div class="jw-empty">no steps yet</div>')
    end = max((step.finished_at or now or datetime.now(UTC)) for step in steps)
    return card(step_grid(steps, timescale(steps, steps[0].scheduled_at, end), end), values_table(steps))


def grid(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], *, narrow_without: Sequence[int] = ()
) -> str:
    """A table.

    Args:
        columns: Heading and CSS width of each column; an empty width takes what is left.
        rows: The cells, escaped already.
        narrow_without: Columns that a narrow page leaves out.
    """

    def cell(tag: str, number: int, content: str, width: str = "") -> str:
        style = f' style="width:{width}"' if width else ""
        hidden = ' class="jw-wide"' if number in narrow_without else ""
        return f"<{tag}{hidden}{style}>{content}</{tag}>"

    header = "".join(cell("th", number, title, width) for number, (title, width) in enumerate(columns))
    body = "".join(
        f"<tr>{''.join(cell('td', number, content) for number, content in enumerate(row))}</tr>" for row in rows
    )
    return f'<table class="jw-grid jw-rows"><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>'


def left_out(count: int) -> str:
    """Says how many rows are not shown."""
    more = count - SHOWN_ROWS
    return f'<div class="jw-foot jw-muted">{count_words(more, "more row")} not shown</div>' if more > 0 else ""


def render_runs(runs: Sequence[Run], *, now: datetime | None = None) -> str:
    """Runs as a table: state, workflow, id, what waits, start, duration."""
    if not runs:
        return card('<div class="jw-empty">no runs</div>')
    seen = now or datetime.now(UTC)
    rows = [
        (
            pill(run.status),
            run_cell(run),
            f'<span class="jw-muted">{moment(run.started_at)}</span>',
            human_seconds(((run.closed_at or seen) - run.started_at).total_seconds()),
        )
        for run in runs[:SHOWN_ROWS]
    ]
    columns = [("status", "134px"), ("run", ""), ("started", "196px"), ("took", "88px")]
    return card(grid(columns, rows, narrow_without=(2, 3)), left_out(len(runs)))


def run_cell(run: Run) -> str:
    """A run in a list: workflow, id, and how many of its approvals wait."""
    waits = f" {pill('open', count_words(run.open_approvals, 'approval'))}" if run.open_approvals else ""
    return (
        f'<b class="jw-any">{line(run.workflow, 80)}</b>{waits}<br>'
        f'<span class="jw-mono jw-muted jw-any">{line(run.id)}</span>'
    )


def render_inbox(approvals: Sequence[Approval], *, now: datetime | None = None) -> str:
    """Approvals that wait as a table: the question, who is asked, since when and until when."""
    if not approvals:
        return card('<div class="jw-empty">no approval waits</div>')
    seen = now or datetime.now(UTC)
    rows = [
        (
            (
                f'<span class="jw-said">{text(approval.message, 400)}</span><br>'
                f'<span class="jw-mono jw-muted jw-any">{line(approval.workflow_id)} · {line(approval.id)}</span>'
            ),
            f'{icon("open")} <span class="jw-any">{line(asked_words(approval) or "anybody", 400)}</span>'
            + "".join(
                f'<br><span class="jw-muted jw-any">{line(words, 500)}</span>' for words in review_lines(approval, seen)
            ),
            f'<span class="jw-muted">{since_words(approval.opened_at, seen)}<br>{moment(approval.opened_at)}</span>',
            f'<span class="jw-muted">{moment(approval.due_at) or "no end"}</span>',
        )
        for approval in approvals[:SHOWN_ROWS]
    ]
    columns = [("question", ""), ("for", "190px"), ("waits", "190px"), ("until", "190px")]
    return card(grid(columns, rows, narrow_without=(2, 3)), left_out(len(approvals)))


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, workflow: str = "") -> str:
    """Diagnostics as a card: each with code, place, line of source and remedy."""
    if not diagnostics:
        return card(f'<div class="jw-empty">{icon("completed")} no problem found</div>')
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    words = count_words(errors, "problem") if errors else count_words(len(diagnostics), "warning")
    name = f'<span class="jw-title jw-any">{line(workflow, 80)}</span>' if workflow else ""
    header = f'<div class="jw-head">{pill("error" if errors else "warning", words)}{name}</div>'
    return card(header, *(diagnostic_note(diagnostic) for diagnostic in diagnostics[:SHOWN_ROWS]))


def diagnostic_note(diagnostic: Diagnostic) -> str:
    """One diagnostic."""
    where = f' <span class="jw-muted">{line(diagnostic.location)}</span>' if diagnostic.location else ""
    source = diagnostic.location.source_line if diagnostic.location else None
    return note(
        "fail" if diagnostic.severity == "error" else "wait",
        f'<span class="jw-tag jw-mono">{line(diagnostic.code, 20)}</span>{where}',
        f'<div class="jw-said">{text(diagnostic.message)}</div>',
        code(line(source.strip(), 200)) if source else "",
        f'<div class="jw-muted jw-said">{text(diagnostic.remedy)}</div>',
    )


def render_workflow(
    workflow: BundledWorkflow, *, digest: str = "", warnings: Sequence[Diagnostic] = (), remark: str = ""
) -> str:
    """The card of a workflow: signature, what it does, its steps in source order, its cell and bundle."""
    cell = f"cell [{workflow.cell_number}]" if workflow.cell_number is not None else ""
    bundle = f"bundle {line(digest[:12], 12)}" if digest else ""
    origin = " · ".join(part for part in (cell, bundle) if part)
    described = f'<div class="jw-foot jw-said" style="border-top:0">{text(workflow.description, 600)}</div>'
    chips = '<span class="jw-muted" aria-hidden="true">→</span>'.join(
        f'<span class="jw-chip jw-any">{line(name, 60)}</span>' for name in workflow.activities[:40]
    )
    return card(
        f'<div class="jw-head">{pill("workflow")}<span class="jw-title jw-any">{line(workflow.name, 80)}'
        f'<span class="jw-mono jw-muted">{line(workflow.signature, 160)}</span></span>'
        f'<span class="jw-right jw-mono">{origin}</span></div>',
        described if workflow.description else "",
        f'<div class="jw-flow">{chips}</div>' if chips else "",
        *(diagnostic_note(warning) for warning in warnings[:20]),
        f'<div class="jw-foot jw-muted">{text(remark, 400)}</div>' if remark else "",
    )
