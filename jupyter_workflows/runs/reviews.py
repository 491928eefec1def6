"""Who is asked, what they have said and what is missing, in words that a terminal and a page share.

Names and texts come from people and are hostile: every one is cut to a line here, and HTML escapes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..schema import Approval, Vote
from .untrusted import ago, one_line

NAMES_SHOWN = 6
SAID = {"approve": "approved", "reject": "rejected"}


def names_words(names: Sequence[str], joint: str) -> str:
    """`ada, bob or cyd`; of very many the first."""
    shown = [one_line(name, 80) for name in names[:NAMES_SHOWN]]
    if len(names) > NAMES_SHOWN:
        return f"{', '.join(shown)} {joint} {len(names) - NAMES_SHOWN} more"
    return f" {joint} ".join(part for part in (", ".join(shown[:-1]), shown[-1] if shown else "") if part)


def asked_words(approval: Approval) -> str:
    """For whom an approval waits, or whom it was for; empty where that is everybody."""
    names = approval.missing if approval.status == "open" else approval.asked
    needed = approval.quorum - sum(vote.verdict == "approve" for vote in approval.standing)
    joint = "and" if approval.status == "open" and needed >= len(names) else "or"
    return names_words(names, joint)


def by_words(approval: Approval) -> str:
    """Who decided: the one, or all whose votes did."""
    verdict = {"approved": "approve", "rejected": "reject"}.get(approval.status)
    voters = [vote.by for vote in approval.standing if vote.verdict == verdict]
    return names_words(voters or [approval.by or ""], "and")


def tally_words(approval: Approval) -> str:
    """`1 of 2 approved (ada)`; empty where one answer decides."""
    if (approval.quorum, approval.rejections) == (1, 1):
        return ""
    words: list[str] = []
    for verdict, needed in (("approve", approval.quorum), ("reject", approval.rejections)):
        voters = [vote.by for vote in approval.standing if vote.verdict == verdict]
        if voters or verdict == "approve":
            who = f" ({names_words(voters, 'and')})" if voters else ""
            words.append(f"{len(voters)} of {needed} {SAID[verdict]}{who}")
    return ", ".join(words)


def silence_words(approval: Approval) -> str:
    """What it meant that nobody decided in time."""
    if approval.objection is not None:
        return f"rejected, for {one_line(approval.objection, 120)}"
    return "approved" if approval.on_timeout == "approve" else approval.on_timeout


def review_lines(approval: Approval, now: datetime) -> list[str]:
    """What is asked of reviewers and what they have said so far, a line each; nothing of what is as usual."""
    lines: list[str] = []
    if tally := tally_words(approval):
        lapsed = [vote for vote in approval.votes if vote.version != approval.version]
        version = f"; version {approval.version}, votes for the one before lapsed" if lapsed else ""
        lines.append(f"{tally}{version}")
        lines += [vote_words(vote) for vote in approval.votes if vote.comment or vote.edits]
    if approval.four_eyes:
        lines.append(f"four eyes: {one_line(approval.starter, 80)} started the run and may not approve it")
    lines += [
        f"{one_line(each.by, 80)} handed it over to {one_line(each.to, 80)}{said(each.comment)}"
        for each in approval.delegations
    ]
    for step in approval.escalations:
        when = "went" if step.done else f"goes {ago(step.at, now)}"
        if step.done or approval.status == "open":
            lines.append(f"{when} to {names_words(step.to, 'and')} as well")
    if approval.reminded_at:
        count = len(approval.reminded_at)
        lines.append(f"reminded {count} {'time' if count == 1 else 'times'}, last {ago(approval.reminded_at[-1], now)}")
    for question in approval.questions:
        lines.append(f"question {question.number} of {one_line(question.by, 80)}: {one_line(question.text, 200)}")
        if question.answer is not None:
            lines.append(f"answer of {one_line(question.answered_by, 80)}: {one_line(question.answer, 200)}")
    return lines


def vote_words(vote: Vote) -> str:
    """What one of several reviewers said beside yes or no."""
    edits = f", with {len(vote.edits)} {'edit' if len(vote.edits) == 1 else 'edits'}" if vote.edits else ""
    return f"{one_line(vote.by, 80)} {SAID[vote.verdict]} version {vote.version}{edits}{said(vote.comment)}"


def said(comment: str | None) -> str:
    """A comment in quotes."""
    return f': "{one_line(comment, 100)}"' if comment else ""
