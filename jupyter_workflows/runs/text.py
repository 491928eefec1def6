"""Runs, steps, approvals and diagnostics as plain text: for terminals, logs and `text/plain`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from ..authoring.rollback import UNDO_RUN
from ..schema import Approval, Checked, Diagnostic, Effect, Run, Step, Usage
from .effects import WORDS, effects_words, rollback_words
from .failures import error_text, failed_step, failure_message
from .reading import Snapshot
from .reviews import asked_words, by_words, review_lines, silence_words, tally_words
from .untrusted import ago, coarse_seconds, human_seconds, one_line, preview, printable

MARKS = {
    "scheduled": "·",
    "running": "▶",
    "retrying": "↻",
    "waiting": "◔",
    "completed": "✓",
    "failed": "✗",
    "timed_out": "⧖",
    "cancelled": "⊘",
    "terminated": "■",
    "continued_as_new": "⤳",
}
EFFECT_MARKS = {
    "done": "●",
    "undoing": "▶",
    "undone": "↶",
    "stuck": "✗",
    "kept": "○",
    "irreversible": "■",
    "uncertain": "?",
}
NAME_WIDTH = 34
SHOWN_STEPS = 40


def status_words(status: str) -> str:
    """`timed out` for `timed_out`."""
    return status.replace("_", " ")


def count_words(count: int, one: str, many: str = "") -> str:
    """`1 step`, `2 steps`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def width_of(text: str) -> int:
    """Columns a text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def padded(text: str, width: int) -> str:
    """The text, filled with blanks to the width."""
    return text + " " * max(0, width - width_of(text))


def since_words(moment: datetime, now: datetime) -> str:
    """`since 3 min`."""
    return f"since {coarse_seconds(max(0.0, (now - moment).total_seconds()))}"


def run_words(run: Run, now: datetime) -> str:
    """`running since 3 min`, `completed in 3.2 s, 5 min ago`."""
    if run.closed_at is None:
        return f"{status_words(run.status)} {since_words(run.started_at, now)}"
    seconds = (run.closed_at - run.started_at).total_seconds()
    return f"{status_words(run.status)} in {human_seconds(seconds)}, {ago(run.closed_at, now)}"


def approval_words(approval: Approval, now: datetime) -> str:
    """`waits for legal@company.com since 3 min, until in 2 d`, or how it was decided."""
    if approval.status == "open":
        asked, tally = asked_words(approval), tally_words(approval)
        who = f"for {asked} " if asked else "for a decision "
        due = f", times out {ago(approval.due_at, now)}" if approval.due_at else ""
        return f"waits {who}{since_words(approval.opened_at, now)}{due}{f' · {tally}' if tally else ''}"
    if approval.status == "timed_out":
        return f"nobody decided in time: {silence_words(approval)}"
    edits = f", {count_words(len(approval.edits), 'edit')}" if approval.edits else ""
    said = f': "{one_line(approval.comment, 100)}"' if approval.comment else ""
    return f"{approval.status} by {by_words(approval)}{edits}{said}"


def step_words(step: Step, now: datetime) -> str:
    """What a step does or did, in a few words."""
    if step.approval:
        return approval_words(step.approval, now)
    if step.status == "waiting" and step.kind == "timer":
        return f"sleeps, wakes {ago(step.due_at, now)}" if step.due_at else "sleeps"
    if step.status == "running":
        report = f", {report_words(step.heartbeat)}" if step.heartbeat is not None else ""
        return f"running {since_words(started(step), now)}{attempt_words(step)}{report}"
    if step.status == "retrying":
        why = f" after {one_line(error_text(step.failure), 160)}" if step.failure else ""
        return f"tried again {ago(step.due_at, now) if step.due_at else 'soon'}{attempt_words(step)}{why}"
    if step.status == "scheduled":
        return f"waits for a worker {since_words(step.scheduled_at, now)}"
    took = human_seconds(step.seconds) if step.kind != "signal" else ""
    undoes = f"undoes {one_line(step.undoes, 60)}, " if step.undoes else ""
    words = undoes + ("" if step.status == "completed" else f"{status_words(step.status)} ")
    why = f": {one_line(error_text(step.failure), 240)}" if step.failure else ""
    tries = f", {step.attempt} attempts" if step.attempt > 1 else ""
    more = "".join(f" · {said}" for said in (usage_words(step.usage), checked_words(step.checked)) if said)
    return f"{words}{took}{tries}{why}{more}".strip()


def progress(report: object) -> tuple[float, float] | None:
    """How much is done of how much, where a step reports `{"done": 3, "total": 10}`; None for any other report."""
    if not isinstance(report, dict):
        return None
    given = cast("dict[Any, Any]", report)
    done: Any = given.get("done")
    total: Any = given.get("total")
    numbers = all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in (done, total))
    if not numbers or not 0 <= done <= total < float("inf") or not total:
        return None
    return done, total


def report_words(report: object) -> str:
    """`3 of 10 done, 30 %`, or what else a step reports."""
    found = progress(report)
    if found is None:
        return f"reports {preview(report, 60)}"
    done, total = found
    return f"{done:,.6g} of {total:,.6g} done, {100 * done / total:.0f} %"


def usage_words(usage: Usage | None) -> str:
    """`1,204 tokens, 0.0031` for what model calls took; empty where there were none."""
    if usage is None or not usage.calls:
        return ""
    tokens = usage.input_tokens + usage.output_tokens
    about = "about " if usage.estimated else ""
    parts = [f"{about}{count_words(tokens, 'token')}"] if tokens else []
    if usage.pages:
        parts.append(count_words(usage.pages, "page"))
    if usage.cost:
        parts.append(f"cost {usage.cost:.4g}" + (" and more" if usage.unpriced_calls else ""))
    return ", ".join(parts) or count_words(usage.calls, "model call")


def checked_words(checked: Checked | None) -> str:
    """What became of a doubtful answer: `doubtful (total: negative), approved by ada with 1 edit`."""
    if checked is None:
        return ""
    doubts = one_line("; ".join(map(str, checked.doubts)), 160)
    ends = {"repeated": "asked again", "accepted": "taken as partial", "failed": "nothing helped"}
    ending = ends.get(checked.outcome) or f"{checked.outcome} by {one_line(checked.by or 'nobody', 80)}"
    edits = f" with {count_words(len(checked.edits), 'edit')}" if checked.edits else ""
    return f"doubtful ({doubts}), {ending}{edits}"


def started(step: Step) -> datetime:
    """When the newest attempt of a running step began."""
    newest = step.attempts[-1].started_at if step.attempts else None
    return newest or step.started_at or step.scheduled_at


def attempt_words(step: Step) -> str:
    """`, attempt 2` once there was more than one."""
    return f", attempt {step.attempt}" if step.attempt > 1 else ""


def doing(snapshot: Snapshot) -> str:
    """What an open run is doing, in one sentence without a full stop."""
    now = snapshot.taken_at
    if snapshot.stuck is not None:
        return f"its workflow code can't go on: {one_line(error_text(snapshot.stuck), 300)}"
    for approval in snapshot.open_approvals:
        asked = asked_words(approval)
        who = f" of {asked}" if asked else ""
        others = len(snapshot.open_approvals) - 1
        more = f" and {others} more" if others else ""
        return f"it waits for approval {one_line(approval.id, 80)}{who} {since_words(approval.opened_at, now)}{more}"
    open_steps = [step for step in snapshot.steps if step.finished_at is None]
    for status in ("running", "retrying", "waiting", "scheduled"):
        for step in open_steps:
            if step.status == status:
                more = f", and {count_words(len(open_steps) - 1, 'more step')}" if len(open_steps) > 1 else ""
                return f"step {one_line(step.id, 120)} {step_words(step, now)}{more}"
    if not snapshot.steps and (now - snapshot.run.started_at).total_seconds() > 2:
        return "no step has begun; a worker may be missing, see `%workflow status`"
    return "its workflow code runs, or waits for a signal"


def run_text(snapshot: Snapshot) -> str:
    """A run with its steps, as `text/plain`; what is saved in a notebook must not say "5 min ago"."""
    run, now = snapshot.run, snapshot.taken_at
    if run.closed_at:
        took = human_seconds((run.closed_at - run.started_at).total_seconds())
        words = f"{status_words(run.status)} in {took} at {run.closed_at:%Y-%m-%d %H:%M:%S} UTC"
    else:
        words = f"{run_words(run, now)}, seen at {now:%Y-%m-%d %H:%M:%S} UTC"
    spent = usage_words(snapshot.usage)
    lines = [
        f"{MARKS[run.status]} {one_line(run.workflow, 80)} · {one_line(run.id, 120)} · {words}"
        + (f" · {spent}" if spent else "")
    ]
    cause = failed_step(snapshot.failure) if snapshot.failure else None
    lines += step_lines(snapshot.steps, now, told_below=cause.step if cause else None)
    if snapshot.failure is not None and run.status == "failed":
        lines.append(f"  {failure_message(run.id, snapshot.failure)}")
    elif run.status == "terminated" and snapshot.reason:
        lines.append(f"  reason: {one_line(snapshot.reason, 300)}")
    elif run.status == "completed":
        lines.append(f"  result: {preview(snapshot.result, 300)}")
    elif snapshot.stuck is not None:
        lines.append(f"  {doing(snapshot)}")
    return "\n".join([*lines, *effect_lines(snapshot)])


def effect_lines(snapshot: Snapshot) -> list[str]:
    """Why a run is or was rolled back, and what became of each effect; nothing where a run has none."""
    rollback, effects = snapshot.rollback, snapshot.effects
    said = [one_line(rollback_words(rollback), 300)] if rollback else []
    said += [effects_words(effects)] if effects else []
    if not said:
        return []
    return [f"  {'; '.join(said)}", *(f"    {effect_text(effect)}" for effect in effects[:SHOWN_STEPS])]


def effect_text(effect: Effect) -> str:
    """`↶ charge-1: undone by refund`, in a line."""
    return f"{EFFECT_MARKS[effect.status]} {one_line(effect.step, 60)}: {effect_words(effect)}"


def effect_words(effect: Effect) -> str:
    """`undone by refund`: what became of an effect, and by what."""
    undo = "a run of its own" if effect.undo == UNDO_RUN else one_line(effect.undo or "", 60)
    by = f" by {undo}" if undo and effect.status in ("done", "undoing", "undone", "stuck") else ""
    where = f" in {one_line(effect.undone_in, 120)}" if effect.undone_in else ""
    return f"{WORDS[effect.status]}{by}{where}"


def chosen(steps: Sequence[Step], limit: int = SHOWN_STEPS) -> list[Step | int]:
    """The steps to show of very many: first, last, and those that failed or are open; a number for those left out."""
    if len(steps) <= limit:
        return list(steps)
    share = limit // 4
    wanted = set(range(share)) | set(range(len(steps) - 2 * share, len(steps)))
    wanted.update([number for number, step in enumerate(steps) if step.status != "completed"][:share])
    shown: list[Step | int] = []
    before = -1
    for number in sorted(wanted):
        if number > before + 1:
            shown.append(number - before - 1)
        shown.append(steps[number])
        before = number
    return shown


def step_lines(steps: Sequence[Step], now: datetime, *, told_below: str | None = None) -> list[str]:
    """One line for each step; of very many, for those that matter most."""
    shown = chosen(steps)
    width = min(
        NAME_WIDTH, max((width_of(one_line(step.id, 60)) for step in shown if isinstance(step, Step)), default=0)
    )
    lines: list[str] = []
    for step in shown:
        if isinstance(step, int):
            lines.append(f"  ⋮ {count_words(step, 'more step')}")
            continue
        words = status_words(step.status) if step.id == told_below else step_words(step, now)
        lines.append(f"  {MARKS[step.status]} {padded(one_line(step.id, 60), width)}  {words}".rstrip())
        if step.approval:
            lines.append(f"    {one_line(step.approval.message, 200)}")
            lines += [f"    {words}" for words in review_lines(step.approval, now)]
    return lines


def runs_text(runs: Sequence[Run], now: datetime | None = None) -> str:
    """A list of runs as a table."""
    moment = now or datetime.now(UTC)
    if not runs:
        return "no runs"
    rows = [(one_line(run.id, 60), one_line(run.workflow, 40), run_words(run, moment)) for run in runs]
    widths = [max(width_of(row[column]) for row in rows) for column in (0, 1)]
    lines: list[str] = []
    for run, (name, workflow, words) in zip(runs, rows, strict=True):
        asks = f" · {count_words(run.open_approvals, 'approval')} open" if run.open_approvals else ""
        lines.append(f"{MARKS[run.status]} {padded(name, widths[0])}  {padded(workflow, widths[1])}  {words}{asks}")
    return "\n".join(lines)


def inbox_text(approvals: Sequence[Approval], now: datetime | None = None) -> str:
    """The approvals that wait, as text."""
    moment = now or datetime.now(UTC)
    if not approvals:
        return "no approval waits"
    lines: list[str] = []
    for approval in approvals:
        lines.append(
            f"◔ {one_line(approval.workflow_id, 80)} · {one_line(approval.id, 80)} · {approval_words(approval, moment)}"
        )
        lines.append(f"  {one_line(approval.message, 200)}")
        lines += [f"  {words}" for words in review_lines(approval, moment)]
    return "\n".join(lines)


def diagnostics_text(diagnostics: Sequence[Diagnostic]) -> str:
    """Diagnostics as text."""
    return "\n".join(printable(diagnostic) for diagnostic in diagnostics) or "no problem found"
