"""Who is asked and what they said, in words: terminal, HTML, lists; nobody's name or text becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_workflows.runs.listing import is_of_interest
from jupyter_workflows.runs.reviews import asked_words, by_words, review_lines, tally_words
from jupyter_workflows.runs.static_html import open_approval, render_inbox
from jupyter_workflows.runs.text import approval_words, inbox_text
from jupyter_workflows.schema import Approval, Edit, Handover, PlannedEscalation, Question, Vote
from jupyter_workflows.security.workspaces import Person

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
THREE = ["ada", "bob", "cyd"]


def approval(**given: Any) -> Approval:
    plain = {"id": "human_approval-1", "message": "Pay?", "opened_at": NOW, "content_hash": "0", "workflow_id": "w"}
    return Approval(**{**plain, **given})


def vote(by: str, verdict: Any = "approve", version: int = 1, **given: Any) -> Vote:
    return Vote(by=by, verdict=verdict, at=NOW, version=version, **given)


@pytest.mark.parametrize(
    ("given", "asked", "tally"),
    [
        ({}, "", ""),
        ({"assignee": "ada"}, "ada", ""),
        ({"assignees": THREE}, "ada, bob or cyd", ""),
        ({"assignees": THREE, "quorum": 2}, "ada, bob or cyd", "0 of 2 approved"),
        ({"assignees": THREE, "quorum": 3}, "ada, bob and cyd", "0 of 3 approved"),
        ({"assignees": THREE, "quorum": 2, "votes": [vote("bob")]}, "ada or cyd", "1 of 2 approved (bob)"),
        ({"assignees": THREE, "quorum": 3, "votes": [vote("Bob")]}, "ada and cyd", "1 of 3 approved (Bob)"),
        (
            {"assignees": THREE, "quorum": 2, "rejections": 2, "votes": [vote("ada", "reject"), vote("bob")]},
            "cyd",
            "1 of 2 approved (bob), 1 of 2 rejected (ada)",
        ),
        (
            {"assignees": THREE, "quorum": 2, "version": 2, "votes": [vote("ada"), vote("bob", version=2)]},
            "ada or cyd",
            "1 of 2 approved (bob)",
        ),
        ({"quorum": 2, "votes": [vote("eve")]}, "", "1 of 2 approved (eve)"),
        ({"assignees": [f"p{n}" for n in range(9)]}, "p0, p1, p2, p3, p4, p5 or 3 more", ""),
    ],
)
def test_who_is_asked_and_what_they_said(given: dict[str, Any], asked: str, tally: str) -> None:
    shown = approval(**given)
    assert (asked_words(shown), tally_words(shown)) == (asked, tally)
    assert tally in approval_words(shown, NOW)


def test_all_whose_votes_decided_are_named() -> None:
    votes = [vote("ada"), vote("bob", version=2), vote("cyd", version=2)]
    decided = approval(status="approved", by="cyd", quorum=2, version=2, votes=votes, decided_at=NOW)
    assert by_words(decided) == "bob and cyd"
    assert approval_words(decided, NOW) == "approved by bob and cyd"
    late = {"status": "timed_out", "on_timeout": "approve", "decided_at": NOW}
    assert approval_words(approval(**late), NOW) == "nobody decided in time: approved"
    objected = approval(**late, objection="ada rejected it")
    assert approval_words(objected, NOW) == "nobody decided in time: rejected, for ada rejected it"


@pytest.mark.parametrize(
    ("person", "of_interest"), [("ada", False), ("BOB", True), ("cyd", True), ("eve", False), ("sam", True)]
)
def test_an_inbox_holds_what_waits_for_a_person(person: str, of_interest: bool) -> None:
    asked = Question(number=1, by="cyd", at=NOW, text="Why?")
    given = {"assignees": THREE, "quorum": 2, "votes": [vote("ada")], "starter": "Sam", "questions": [asked]}
    assert is_of_interest(approval(**given), Person(person)) is of_interest
    answered = asked.model_copy(update={"answer": "So", "answered_by": "sam", "answered_at": NOW})
    assert is_of_interest(approval(**{**given, "questions": [answered]}), Person(person)) is (
        of_interest and person != "sam"
    )


def test_all_that_was_said_has_a_line() -> None:
    shown = approval(
        assignees=["bob", "dan"], quorum=2, four_eyes=True, starter="sam",
        version=2, votes=[vote("ada"), vote("bob", version=2, comment="so", edits=[Edit(path="/a")])],
        delegations=[Handover(by="cyd", to="dan", at=NOW, comment="on leave")],
        escalations=[
            PlannedEscalation(to=["eve"], at=NOW, done=True),
            PlannedEscalation(to=["fay", "gus"], at=NOW + timedelta(hours=3)),
        ],
        reminded_at=[NOW, NOW],
        questions=[Question(number=1, by="bob", at=NOW, text="Why?", answer="So.", answered_by="sam", answered_at=NOW)],
    )  # fmt: skip
    assert review_lines(shown, NOW) == [
        "1 of 2 approved (bob); version 2, votes for the one before lapsed",
        'bob approved version 2, with 1 edit: "so"',
        "four eyes: sam started the run and may not approve it",
        'cyd handed it over to dan: "on leave"',
        "went to eve as well",
        "goes in 3 h to fay and gus as well",
        "reminded 2 times, last just now",
        "question 1 of bob: Why?",
        "answer of sam: So.",
    ]
    assert all(line in inbox_text([shown], NOW) for line in review_lines(shown, NOW))


def test_nothing_that_people_said_becomes_markup() -> None:
    hostile = "<img src=x onerror=alert(1)>\x1b[31m\n<script>"
    shown = approval(
        assignees=[hostile, "b"], quorum=2, four_eyes=True, starter=hostile, version=2, message=hostile,
        votes=[vote(hostile, comment=hostile, version=2, edits=[Edit(path=hostile)])],
        delegations=[Handover(by=hostile, to=hostile, at=NOW, comment=hostile)],
        escalations=[PlannedEscalation(to=[hostile], at=NOW)],
        questions=[Question(number=1, by=hostile, at=NOW, text=hostile, answer=hostile, answered_by=hostile)],
    )  # fmt: skip
    for page in (open_approval(shown, NOW), render_inbox([shown], now=NOW)):
        assert "<img" not in page
        assert "<script" not in page
        assert "\x1b" not in page
    assert "\x1b" not in inbox_text([shown], NOW)
