"""What a handle of a run offers to reviewers: decide, hand over, ask the author, answer."""

from __future__ import annotations

from typing import Any

from .. import schema
from ..connection import loop_thread
from . import decisions, discussion
from .reading import RunReader

UNSET: Any = object()


class Reviewable:
    """Decides approvals of the run that `reader` reads."""

    reader: RunReader

    def pending_approvals(self) -> list[schema.Approval]:
        """The approvals of the run that wait for a decision, oldest first."""
        return loop_thread().run(self.reader.approvals())

    def approve(
        self,
        approval: str | schema.Approval | None = None,
        *,
        reviewer: str | None = None,
        comment: str | None = None,
        form: Any = None,
        value: Any = UNSET,
    ) -> schema.Approval:
        """Approves what the run asks, and gives the approval as it was decided.

        The decision is signed with the user's own key and used once; of several reviewers the first wins.

        Args:
            approval: The id of the approval, or the approval; may be left out when one is open.
            reviewer: Who decides; by default the local user.
            comment: What the reviewer says to it.
            form: The form filled in: an instance of its model or a dict of its fields.
            value: The editable value as the reviewer changed it.

        Raises:
            ApprovalRefused: It was decided before, by whom, or why else the decision does not count.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach; says whether the decision was recorded.
        """
        return self.decide("approve", approval, reviewer=reviewer, comment=comment, form=form, value=value)

    def reject(
        self,
        approval: str | schema.Approval | None = None,
        *,
        reviewer: str | None = None,
        comment: str | None = None,
        form: Any = None,
        value: Any = UNSET,
    ) -> schema.Approval:
        """Rejects what the run asks; all else as for `approve`."""
        return self.decide("reject", approval, reviewer=reviewer, comment=comment, form=form, value=value)

    def decide(
        self,
        verdict: schema.Verdict,
        approval: str | schema.Approval | None,
        *,
        reviewer: str | None,
        comment: str | None,
        form: Any,
        value: Any,
    ) -> schema.Approval:
        """Sends a decision and waits until it is recorded."""
        edited = value is not UNSET and value is not None
        sending = decisions.decide(
            self.reader,
            approval,
            verdict,
            reviewer=reviewer,
            comment=comment,
            form=form,
            value=value if edited else None,
            edited=edited,
        )
        return loop_thread().run(sending)

    def delegate(
        self,
        to: str,
        approval: str | schema.Approval | None = None,
        *,
        reviewer: str | None = None,
        comment: str | None = None,
    ) -> schema.Approval:
        """Lets another person decide instead of one who is asked, and gives the approval as it then is.

        Args:
            to: Who is to decide instead.
            approval: The id of the approval, or the approval; may be left out when one is open.
            reviewer: Who hands it over; by default the local user.
            comment: Why.

        Raises:
            ApprovalRefused: It is not theirs to hand over, or not to that person; says why.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach; says whether it was recorded.
        """
        return loop_thread().run(
            discussion.delegate(self.reader, approval, to, who=discussion.Who(reviewer), comment=comment)
        )

    def ask_author(
        self, text: str, approval: str | schema.Approval | None = None, *, reviewer: str | None = None
    ) -> schema.Approval:
        """Asks whoever started the run something, and decides nothing; the clock runs on.

        Args:
            text: The question.
            approval: The id of the approval, or the approval; may be left out when one is open.
            reviewer: Who asks; by default the local user.

        Raises:
            ApprovalRefused: Who asks was not asked to decide, or why else it does not count.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach; says whether it was recorded.
        """
        return loop_thread().run(discussion.ask(self.reader, approval, text, who=discussion.Who(reviewer)))

    def answer(
        self,
        text: str,
        approval: str | schema.Approval | None = None,
        *,
        question: int | None = None,
        by: str | None = None,
    ) -> schema.Approval:
        """Answers a reviewer's question, and gives the approval as it then is.

        Args:
            text: The answer.
            approval: The id of the approval, or the approval; may be left out when one is open.
            question: Its number; may be left out when one waits.
            by: Who answers; by default the local user.

        Raises:
            ApprovalRefused: There is no such question, or it is for somebody else; says why.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach; says whether it was recorded.
        """
        return loop_thread().run(
            discussion.answer(self.reader, approval, text, question=question, who=discussion.Who(by))
        )
