"""Approvals of all listed runs: who waits for whom, and how long decisions took. Their memos tell; no history does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...schema import Approval, Run
from ...schema.dashboards import ApprovalFigures, Percentiles, ReviewerFigures, Waiting
from ..reviews import asked_words
from ..untrusted import one_line
from .listed import Listed
from .quantiles import percentiles

SHOWN_WAITING = 100
SHOWN_REVIEWERS = 50
MESSAGE_LENGTH = 200


@dataclass
class Asked:
    """The approvals of one reviewer, while they are sorted."""

    waiting: list[Approval] = field(default_factory=list[Approval])
    decided: list[Approval] = field(default_factory=list[Approval])
    timed_out: int = 0


def approval_figures(runs: Iterable[Listed]) -> ApprovalFigures:
    """The approvals of these runs; one that a closed run left open waits no more and counts nowhere."""
    by_reviewer: dict[str | None, Asked] = defaultdict(Asked)
    waiting: list[Waiting] = []
    for each in runs:
        for approval in each.approvals:
            asked = by_reviewer[asked_words(approval) or None]
            if approval.status == "timed_out":
                asked.timed_out += 1
            elif approval.status != "open":
                asked.decided.append(approval)
            elif each.run.status == "running":
                asked.waiting.append(approval)
                waiting.append(shown(each.run, approval))
    decided = [approval for asked in by_reviewer.values() for approval in asked.decided]
    reviewers = [reviewer(assignee, asked) for assignee, asked in by_reviewer.items()]
    reviewers = [each for each in reviewers if each.waiting or each.decided or each.timed_out]
    return ApprovalFigures(
        waiting=sorted(waiting, key=lambda each: each.opened_at)[:SHOWN_WAITING],
        waiting_count=len(waiting),
        approved=sum(approval.status == "approved" for approval in decided),
        rejected=sum(approval.status == "rejected" for approval in decided),
        timed_out=sum(asked.timed_out for asked in by_reviewer.values()),
        decision=decision_times(decided),
        reviewers=sorted(reviewers, key=lambda each: (-each.waiting, -each.decided, each.assignee or ""))[
            :SHOWN_REVIEWERS
        ],
    )


def shown(run: Run, approval: Approval) -> Waiting:
    """An approval that waits, in a line."""
    return Waiting(
        approval=approval.id,
        workflow_id=run.id,
        run_id=run.run_id,
        workflow=run.workflow,
        message=one_line(approval.message, MESSAGE_LENGTH),
        assignee=asked_words(approval) or None,
        opened_at=approval.opened_at,
        due_at=approval.due_at,
    )


def reviewer(assignee: str | None, asked: Asked) -> ReviewerFigures:
    """What one reviewer was asked."""
    return ReviewerFigures(
        assignee=assignee,
        waiting=len(asked.waiting),
        oldest=min((approval.opened_at for approval in asked.waiting), default=None),
        decided=len(asked.decided),
        timed_out=asked.timed_out,
        decision=decision_times(asked.decided),
    )


def decision_times(decided: Iterable[Approval]) -> Percentiles:
    """How long decisions took."""
    seconds = [
        (max(0.0, (approval.decided_at - approval.opened_at).total_seconds()), 1.0)
        for approval in decided
        if approval.decided_at is not None
    ]
    p50, p90, p99, longest = percentiles(seconds, (0.5, 0.9, 0.99, 1.0))
    return Percentiles(count=len(seconds), p50=p50, p90=p90, p99=p99, longest=longest)
