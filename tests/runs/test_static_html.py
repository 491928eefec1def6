"""Static HTML: what it tells, that nothing from a workflow becomes markup, and that it stays small."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows.runs import static_html as html
from jupyter_workflows.runs.comparing.comparison import compared
from jupyter_workflows.runs.comparing.display import comparison_html
from jupyter_workflows.runs.style import STYLE
from jupyter_workflows.runs.trace import Trace, spans_of
from jupyter_workflows.runs.trace import render as render_trace
from jupyter_workflows.runs.values import Stored, Unreadable

from . import snapshots as made

ELEMENTS = {
    "b", "br", "circle", "code", "details", "div", "i", "path", "rect", "span", "style", "summary", "svg", "table",
    "tbody", "td", "th", "thead", "time", "tr",
}  # fmt: skip
ATTRIBUTES = {
    "aria-hidden", "aria-label", "class", "colspan", "cx", "cy", "d", "datetime", "fill", "height", "open", "r", "role",
    "rx", "stroke", "stroke-linecap", "stroke-linejoin", "stroke-width", "style", "title", "viewbox", "width", "x", "y",
}  # fmt: skip
VOID = {"br", "circle", "path", "rect"}


class Page(HTMLParser):
    """Elements, attributes and text of a piece of HTML."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.words = ""
        self.open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def all_of(text: str) -> dict[str, str]:
    """Every renderer, fed with one text wherever a workflow or a notebook can put one."""
    place = schema.CellLocation(cell_id=text, line=3, source_line=text)
    diagnostic = schema.Diagnostic(code=text, message=text, remedy=text, location=place)
    workflow = schema.BundledWorkflow(
        name=text, function=text, signature=text, description=text, activities=[text, text], cell_id=text, line=1
    )
    snapshot = made.hostile_snapshot(text)
    done = made.snapshot(snapshot.steps, run=made.run(status="completed", closed_at=made.at(9)), result={text: text})
    ended = made.snapshot([], run=made.run(status="terminated", closed_at=made.at(9)), reason=text)
    asked = made.approval(message=text, assignee=text, workflow_id=text, id=text)
    return {
        "run": html.render_run(snapshot),
        "done": html.render_run(done),
        "ended": html.render_run(ended),
        "steps": html.render_steps(snapshot.steps),
        "runs": html.render_runs([snapshot.run, made.run(open_approvals=2, workflow=text, notebook=text)]),
        "inbox": html.render_inbox([asked]),
        "diagnostics": html.render_diagnostics([diagnostic], workflow=text),
        "comparison": comparison_html(compared(snapshot, done)),
        "workflow": html.render_workflow(workflow, digest=text, warnings=[diagnostic], remark=text),
        "trace": render_trace(Trace(snapshot.run, spans_of(snapshot), None, snapshot.taken_at, snapshot.steps)),
    }


@pytest.mark.parametrize("text", made.HOSTILE, ids=range(len(made.HOSTILE)))
def test_a_text_of_a_workflow_never_becomes_markup(text: str) -> None:
    for name, markup in all_of(text).items():
        page = Page(markup)
        assert page.tags <= ELEMENTS, name
        assert page.names <= ATTRIBUTES, name
        assert page.open == [], name
        assert markup.count("<style>") == 1
        assert len(markup) < 60_000, name
        markup.encode()


def test_there_is_no_way_out_of_the_page() -> None:
    for word in ("<script", "javascript:", "url(", "@import", "href", "http", "expression("):
        assert word not in STYLE
    assert "<" not in STYLE


def test_a_run_that_waits_says_for_whom_and_how_to_answer() -> None:
    asked = made.approval(editable={"score": 0.8}, has_editable=True, form_schema={"properties": {"reason": {}}})
    waiting = made.step("human_approval-1", 8, 8, status="waiting", kind="approval", approval=asked)
    words = Page(
        html.render_run(made.snapshot([made.step("extract-1", 0, 0.1, 1.3), waiting], arguments=["C-7"]))
    ).words
    for expected in (
        'review("C-7")',
        "running",
        "extract-1",
        "Waits for legal@company.com",
        "until 2026-11-25 10:20:31 UTC",
        "High-risk contract C-7 needs legal review",
        "reason",
        '{"score": 0.8}',
        'run.approve("human_approval-1")',
        "seen 10:30:31",
    ):
        assert expected in words
    assert "ago" not in words


def test_a_failed_run_names_step_cell_and_line() -> None:
    bad = made.failure(traceback="  cell [4] line 7, in extract")
    failed = made.step("extract-1", 0, 2, 3, status="failed", attempts=3, failure=bad)
    shown = made.snapshot([failed], run=made.run(status="failed", closed_at=made.at(3)), failure=bad)
    words = Page(html.render_run(shown)).words
    for expected in ("extract-1", "3 attempts", "ValueError", "bad contract 'C-7'", "cell [4] line 7", "traceback"):
        assert expected in words
    assert words.count("bad contract") == 1


def test_an_approval_says_who_decided_and_how_much_was_edited() -> None:
    decided = made.approval(
        status="rejected",
        by="ada",
        comment="not yet",
        decided_at=made.at(60),
        edits=[schema.Edit(path="/a", before=1, after=2)],
    )
    done = made.step("human_approval-1", 8, 8, 60, kind="approval", approval=decided)
    words = Page(html.render_steps([done])).words
    assert "rejected by ada with 1 edit, 2026-11-22 10:21:31 UTC “not yet”" in words
    late = made.step("human_approval-1", 8, 8, 60, kind="approval", approval=made.approval(status="timed_out"))
    assert "nobody decided in time: counts as rejected" in Page(html.render_steps([late])).words


def test_of_many_steps_those_that_matter_are_shown() -> None:
    steps = [made.step(f"work-{number}", number, number, number + 1) for number in range(1, 3001)]
    steps[1500] = made.step("odd-1", 1500, 1500, 1501, status="failed", failure=made.failure(step="odd-1"))
    markup = html.render_run(made.snapshot(steps, run=made.run(status="completed", closed_at=made.at(3001))))
    words = Page(markup).words
    assert "odd-1" in words
    assert "⋮ 1,490 more steps" in words
    assert "work-3000" in words
    assert len(markup) < 50_000


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        (html.render_runs([]), "no runs"),
        (html.render_inbox([]), "no approval waits"),
        (html.render_diagnostics([]), "no problem found"),
        (html.render_steps([]), "no steps yet"),
        (html.render_run(made.snapshot([])), "no steps yet"),
    ],
)
def test_nothing_to_show_is_said(markup: str, words: str) -> None:
    assert words in Page(markup).words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Stored(11_000_000), "<stored value, 11,000,000 bytes>"),
        (Unreadable("the codec is missing"), "<unreadable value: the codec is missing>"),
        (b"\x00" * 5_000_000, "5.0 MB of bytes"),
        ("é" * 10_000_000, "é…"),
        (None, "null"),
    ],
)
def test_a_result_of_any_kind_is_shown_bounded(value: Any, words: str) -> None:
    shown = made.snapshot([], run=made.run(status="completed", closed_at=made.at(3)), result=value)
    markup = html.render_run(shown)
    assert words in Page(markup).words
    assert len(markup) < 20_000
