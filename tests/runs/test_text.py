"""Plain text: what it tells, and that nothing from a workflow reaches a terminal unescaped."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest

from jupyter_workflows import schema
from jupyter_workflows.runs.text import diagnostics_text, doing, inbox_text, report_words, run_text, runs_text

from . import snapshots as made


def test_a_run_with_every_kind_of_step() -> None:
    asked = made.approval()
    steps = [
        made.step("extract-1", 0, 0.1, 1.3, attempts=2),
        made.step("score-1", 1.3, 1.4, status="running", heartbeat={"page": 17}),
        made.step(
            "late-1", 1.3, status="retrying", attempts=2, due_at=made.at(620), failure=made.failure(step="late-1")
        ),
        made.step("queued-1", 1.3, status="scheduled"),
        made.step("sleep-1", 2, 2, status="waiting", kind="timer", due_at=made.at(7_300)),
        made.step("human_approval-1", 8, 8, status="waiting", kind="approval", approval=asked),
    ]
    assert run_text(made.snapshot(steps)).splitlines() == [
        "▶ review · review-1a2b · running since 10 min, seen at 2026-11-22 10:30:31 UTC",
        "  ✓ extract-1         1.3 s, 2 attempts",
        '  ▶ score-1           running since 9 min, reports {"page": 17}',
        (
            "  ↻ late-1            tried again in 20 s, attempt 2 after ValueError: bad contract 'C-7' "
            '(cell [4] line 7: "raise ValueError(text)")'
        ),
        "  · queued-1          waits for a worker since 9 min",
        "  ◔ sleep-1           sleeps, wakes in 1 h",
        "  ◔ human_approval-1  waits for legal@company.com since 9 min, times out in 2 d",
        "    High-risk contract C-7 needs legal review",
    ]


def test_a_failed_run_ends_with_the_sentence_of_its_exception() -> None:
    bad = made.failure()
    failed = made.step("extract-1", 0, 2, 3, status="failed", attempts=3, failure=bad)
    shown = made.snapshot([failed], run=made.run(status="failed", closed_at=made.at(3)), failure=bad)
    assert run_text(shown).splitlines() == [
        "✗ review · review-1a2b · failed in 3.0 s at 2026-11-22 10:20:34 UTC",
        "  ✗ extract-1  failed",
        (
            "  step extract-1 failed after 3 attempts: ValueError: bad contract 'C-7' (cell [4] line 7: "
            '"raise ValueError(text)")'
        ),
    ]


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (made.snapshot([]), "no step has begun; a worker may be missing, see `%workflow status`"),
        (made.snapshot([], seen=1), "its workflow code runs, or waits for a signal"),
        (made.snapshot([], stuck=made.failure(step=None)), "its workflow code can't go on: ValueError: bad contract"),
        (made.snapshot([made.step("a-1", 0, 1, status="running")]), "step a-1 running since 9 min"),
    ],
)
def test_what_an_open_run_is_doing(snapshot: made.Snapshot, words: str) -> None:
    assert doing(snapshot).startswith(words)


def test_lists() -> None:
    now = made.at(600)
    done = made.run(id="b", status="completed", closed_at=made.at(90))
    assert runs_text([made.run(open_approvals=2), done], now).splitlines() == [
        "▶ review-1a2b  review  running since 10 min · 2 approvals open",
        "✓ b            review  completed in 1 min 30 s, 8 min ago",
    ]
    assert runs_text([]) == "no runs"
    assert inbox_text([made.approval(workflow_id="review-1a2b", due_at=None)], now).splitlines() == [
        "◔ review-1a2b · human_approval-1 · waits for legal@company.com since 9 min",
        "  High-risk contract C-7 needs legal review",
    ]
    assert inbox_text([]) == "no approval waits"
    assert diagnostics_text([]) == "no problem found"


@pytest.mark.parametrize("text", made.HOSTILE, ids=range(len(made.HOSTILE)))
def test_a_text_of_a_workflow_never_reaches_the_terminal_raw(text: str) -> None:
    snapshot = made.hostile_snapshot(text)
    place = schema.CellLocation(cell_id=text, line=3, source_line=text)
    diagnostic = schema.Diagnostic(code="JW1", message=text, remedy=text, location=place)
    asked = made.approval(message=text, assignee=text, workflow_id=text)
    done = made.snapshot(snapshot.steps, run=made.run(status="completed", closed_at=made.at(9)), result={text: text})
    for shown in (
        run_text(snapshot),
        run_text(done),
        doing(snapshot),
        runs_text([snapshot.run], made.at(0) + timedelta(days=1)),
        inbox_text([asked]),
        diagnostics_text([diagnostic]),
    ):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]
        assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\u200b")
        assert len(shown) < 20_000


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"done": 3, "total": 10}, "3 of 10 done, 30 %"),
        ({"done": 1500, "total": 2000.0}, "1,500 of 2,000 done, 75 %"),
        ({"done": 11, "total": 10}, 'reports {"done": 11, "total": 10}'),
        ({"done": 0, "total": 0}, 'reports {"done": 0, "total": 0}'),
        ({"done": True, "total": 2}, 'reports {"done": true, "total": 2}'),
        ({"done": "<b>", "total": 2}, 'reports {"done": "<b>", "total": 2}'),
        (7, "reports 7"),
    ],
)
def test_a_report_of_progress_is_told_in_words(report: object, words: str):
    assert report_words(report) == words
