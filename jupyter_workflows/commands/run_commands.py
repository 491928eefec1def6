"""The commands about runs: list, show, start, and what is done to a run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .. import schema
from ..runs.handle import UNSET, Run
from ..runs.reading import Snapshot
from ..runs.reviews import asked_words, by_words, review_lines, tally_words
from ..runs.static_html import render_inbox, render_run, render_runs
from ..runs.text import MARKS, run_text, run_words
from ..session import Session, get_run, inbox, runs
from .arguments import parse_json, parse_since
from .following import changes
from .outcomes import Outcome
from .tables import Cell, Facts, Rendered, Table, Tone
from .texts import Preformatted

TONES: dict[str, Tone] = {
    "running": "busy",
    "completed": "good",
    "failed": "bad",
    "timed_out": "bad",
    "terminated": "bad",
    "cancelled": "quiet",
    "continued_as_new": "quiet",
}


def list_runs(session: Session, arguments: Namespace) -> Outcome:
    """`runs`."""
    del session
    found = runs(
        arguments.workflow,
        status=arguments.status,
        since=parse_since(arguments.since),
        notebook=arguments.notebook,
        limit=arguments.limit,
    )
    listed = found.records
    return Outcome(data=listed, shown=Rendered(runs_table(listed, arguments.limit), lambda: render_runs(listed)))


def runs_table(found: Sequence[schema.Run], limit: int) -> Table:
    """Runs as a table."""
    now = datetime.now(UTC)
    note = f"The newest {limit}; --limit shows more." if len(found) >= limit else ""
    rows = [
        [
            run.id,
            run.workflow,
            Cell(f"{MARKS[run.status]} {run_words(run, now)}", TONES[run.status]),
            Cell(f"{run.open_approvals} open" if run.open_approvals else "", "waiting"),
        ]
        for run in found
    ]
    return Table(
        ["run", "workflow", "state", "approvals"], rows, "no runs", flexible=["run", "workflow", "state"], note=note
    )


def show(session: Session, arguments: Namespace) -> Outcome:
    """`show`."""
    del session
    run = get_run(arguments.run)
    snapshot = run.snapshot()
    outcome = run_outcome(run, snapshot)
    if not arguments.follow:
        return outcome
    return Outcome(outcome.data, outcome.shown, outcome.value, follow=changes(run, run_outcome))


def run_outcome(run: Run[Any], snapshot: Snapshot | None = None) -> Outcome:
    """A run with its steps."""
    seen = snapshot or run.snapshot()
    shown = Rendered(Preformatted(run_text(seen)), lambda: render_run(seen))
    failed = 0 if seen.run.status in ("running", "completed", "continued_as_new") else 1
    return Outcome(data=run_data(seen), shown=shown, value=run, exit_code=failed)


def run_data(snapshot: Snapshot) -> dict[str, Any]:
    """A run with its steps as JSON."""
    return {
        "run": snapshot.run,
        "steps": snapshot.steps,
        "result": snapshot.result,
        "failure": snapshot.failure,
        "reason": snapshot.reason or None,
    }


def list_inbox(session: Session, arguments: Namespace) -> Outcome:
    """`inbox`."""
    del session
    found = list(inbox(arguments.assignee, limit=arguments.limit))
    now = datetime.now(UTC)
    tallied = any(map(tally_words, found))
    rows = [
        [
            approval.workflow_id,
            approval.id,
            approval.message,
            asked_words(approval) or Cell("anybody", "quiet"),
            Cell(waits(approval, now), "waiting"),
            *([tally_words(approval)] if tallied else []),
        ]
        for approval in found
    ]
    note = "Decide with: approve RUN APPROVAL, or reject RUN APPROVAL." if found else ""
    titles = ["run", "approval", "question", "assignee", "waits", *(["votes"] if tallied else [])]
    table = Table(titles, rows, "no approval waits", flexible=["question", "run", "assignee"], note=note)
    return Outcome(data=found, shown=Rendered(table, lambda: render_inbox(found)))


def waits(approval: schema.Approval, now: datetime) -> str:
    """How long an approval has waited and until when it does."""
    from ..runs.untrusted import ago, coarse_seconds

    since = coarse_seconds(max(0.0, (now - approval.opened_at).total_seconds()))
    return f"{since}, ends {ago(approval.due_at, now)}" if approval.due_at else since


def decide(session: Session, arguments: Namespace) -> Outcome:
    """`approve` and `reject`."""
    del session
    form = parse_json(arguments.form, "--form") if arguments.form is not None else None
    value = parse_json(arguments.value, "--value") if arguments.value is not None else UNSET
    run = get_run(arguments.run)
    act = run.approve if arguments.subcommand == "approve" else run.reject
    approval = act(arguments.approval, reviewer=arguments.reviewer, comment=arguments.comment, form=form, value=value)
    return Outcome(data=approval, shown=decision_facts(approval))


def discuss(session: Session, arguments: Namespace) -> Outcome:
    """`delegate`, `ask` and `answer`."""
    del session
    run, wanted, by = get_run(arguments.run), arguments.approval, arguments.reviewer
    if arguments.subcommand == "delegate":
        approval = run.delegate(arguments.to, wanted, reviewer=by, comment=arguments.comment)
    elif arguments.subcommand == "ask":
        approval = run.ask_author(arguments.text, wanted, reviewer=by)
    else:
        approval = run.answer(arguments.text, wanted, question=arguments.question, by=by)
    return Outcome(data=approval, shown=decision_facts(approval))


def decision_facts(approval: schema.Approval) -> Facts:
    """An approval after a decision; where several decide, it may still be open."""
    if approval.status == "open":
        return open_facts(approval)
    tone: Tone = "good" if approval.status == "approved" else "bad"
    edits = "; ".join(f"{edit.path or '/'}: {edit.before!r} → {edit.after!r}" for edit in approval.edits)
    return Facts(
        Cell(f"{approval.id} of {approval.workflow_id} is {approval.status} by {by_words(approval)}", tone),
        [("question", approval.message), ("comment", approval.comment), ("edits", edits)],
    )


def open_facts(approval: schema.Approval) -> Facts:
    """An approval that still waits, with what was said to it."""
    asked = asked_words(approval)
    lines = review_lines(approval, datetime.now(UTC))
    return Facts(
        Cell(f"{approval.id} of {approval.workflow_id} waits for {asked or 'a decision'}", "waiting"),
        [("question", approval.message), *(("", line) for line in lines)],
    )


def cancel(session: Session, arguments: Namespace) -> Outcome:
    """`cancel`."""
    del session
    run = get_run(arguments.run)
    run.cancel()
    return done(run, "is asked to end; its open steps are cancelled first")


def terminate(session: Session, arguments: Namespace) -> Outcome:
    """`terminate`."""
    del session
    run = get_run(arguments.run)
    run.terminate(arguments.reason)
    return done(run, "is terminated")


def signal(session: Session, arguments: Namespace) -> Outcome:
    """`signal`."""
    del session
    value = parse_json(arguments.value, "signal") if arguments.value is not None else UNSET
    run = get_run(arguments.run)
    run.signal(arguments.name, value)
    return done(run, f"has the signal {arguments.name}")


def done(run: Run[Any], words: str) -> Outcome:
    """What was done to a run, and how it is now."""
    return Outcome(data=run.describe(), shown=Facts(f"run {run.id} {words}"))


def query(session: Session, arguments: Namespace) -> Outcome:
    """`query`."""
    import json

    from .outcomes import jsonable

    del session
    value = get_run(arguments.run).query(arguments.name)
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False)
    return Outcome(data=value, shown=Preformatted(text))
