"""Questions to people inside a run: what is asked, what people say to it, and the acts they sign.

Every signature covers all other fields of its act in canonical JSON; see `security.identity`. A field that is added to
a signed act is left out where it is empty: so what older clients sign and what older workers read stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SerializerFunctionWrapHandler, model_serializer

from .wire import CellLocation, Wire

Verdict = Literal["approve", "reject"]
OnTimeout = Literal["reject", "approve", "raise"]


GROUP = "group:"
"""What an assignee that is a group begins with; the rest is the group's name."""


class InGroups(Wire):
    """An act of somebody who does it as a member of groups, for which whoever signs it vouches."""

    groups: list[str] = Field(default=[], description="Those of the person's groups that were asked")

    @model_serializer(mode="wrap")
    def without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields, without the groups where there are none."""
        fields: dict[str, Any] = handler(self)
        if not fields.get("groups"):
            fields.pop("groups", None)
        return fields


class Edit(Wire):
    """One change a reviewer made to an editable value."""

    path: str = Field(description="JSON pointer (RFC 6901) of what was changed")
    before: Any = None
    after: Any = None


class Decision(InGroups):
    """What a reviewer says to one approval: the payload of the update `decide`."""

    workflow_id: str
    run_id: str
    approval: str = Field(description="Id of the one approval this decides")
    content_hash: str = Field(description="Hash of what the reviewer was shown")
    verdict: Verdict
    reviewer: str
    comment: str | None = None
    form: dict[str, Any] | None = None
    value: Any = None
    edited: bool = Field(default=False, description="Whether `value` was given by the reviewer")
    issued_at: datetime
    expires_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


class Act(InGroups):
    """What a person does about one approval without deciding it."""

    workflow_id: str
    run_id: str
    approval: str = Field(description="Id of the one approval this is about")
    content_hash: str = Field(description="Hash of what the person was shown")
    by: str = Field(description="Who does it")
    issued_at: datetime
    expires_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


class SignedDelegation(Act):
    """A reviewer lets another person decide instead."""

    type: Literal["delegation"] = "delegation"
    to: str = Field(description="Who is to decide instead")
    comment: str | None = None


class SignedQuestion(Act):
    """A reviewer asks the author something, and decides nothing."""

    type: Literal["question"] = "question"
    text: str


class SignedAnswer(Act):
    """An answer to a reviewer's question."""

    type: Literal["answer"] = "answer"
    question: int = Field(description="Number of the question")
    text: str


SignedAct = Annotated[SignedDelegation | SignedQuestion | SignedAnswer, Field(discriminator="type")]


class KeptAct(Wire):
    """A decision or another act that an earlier execution of a run had accepted: the payload of the update `keep`.

    The times are those of the approval then: with them the same question has the hash that the person signed.
    """

    # Histories of older versions call it a decision.
    act: Decision | SignedAct = Field(validation_alias=AliasChoices("act", "decision"))
    opened_at: datetime
    due_at: datetime | None = None


class SignedStart(Wire):
    """Who started a run, signed by whoever sent the start; in the run's memo."""

    type: Literal["start"] = "start"
    workflow_id: str
    workflow: str
    starter: str
    forked: str = Field(default="", description="SHA-256 of what its memo says it is a fork of; empty for no fork")
    issued_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""

    @model_serializer(mode="wrap")
    def without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields, without the fork where it is none."""
        fields: dict[str, Any] = handler(self)
        if not fields.get("forked"):
            fields.pop("forked", None)
        return fields


class SignedSchedule(Wire):
    """Who scheduled runs, signed by whoever made the schedule; in the memo of each of its runs."""

    type: Literal["schedule"] = "schedule"
    schedule: str = Field(description="Id of the schedule; the ids of its runs begin with it")
    workflow: str
    task_queue: str = Field(description="Names the bundle, too")
    arguments: str = Field(description="SHA-256 of what each run is given")
    starter: str
    issued_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


ScheduleDeed = Literal["make", "renew", "retime", "pause", "resume", "trigger", "backfill", "delete"]


class SignedScheduleAct(Wire):
    """What somebody did to a schedule; in the memo of each run that it starts from then on."""

    type: Literal["schedule_act"] = "schedule_act"
    schedule: str = Field(description="Id of the schedule")
    workflow: str
    deed: ScheduleDeed
    by: str
    note: str = Field(default="", description="Why, or what it is from then on")
    issued_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


class SignedRollBack(Wire):
    """Somebody wants undone what a run did: the payload of the update `roll_back`, or part of an undo run's order."""

    type: Literal["rollback"] = "rollback"
    workflow_id: str
    run_id: str
    generation: int = Field(default=0, description="Which of the runs that undo it this is for; 0 for the run itself")
    by: str = Field(description="Who asks")
    reason: str = ""
    issued_at: datetime
    expires_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


class Vote(Wire):
    """What one of several reviewers said."""

    by: str
    verdict: Verdict
    at: datetime
    comment: str | None = None
    form: dict[str, Any] | None = None
    version: int = Field(default=1, description="The version of the value it is for")
    edits: list[Edit] = Field(default=[], description="What made that version out of the one before")


class Handover(Wire):
    """One reviewer let another decide instead."""

    by: str
    to: str
    at: datetime
    comment: str | None = None


class PlannedEscalation(Wire):
    """Others may decide as well once nobody has for long."""

    to: list[str]
    at: datetime
    done: bool = False


class Question(Wire):
    """What a reviewer asked the author, and the answer once there is one."""

    number: int
    by: str
    at: datetime
    text: str
    version: int = 1
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


class Approval(Wire):
    """A question to a person inside a run, and its answer once there is one."""

    id: str
    message: str
    assignee: str | None = Field(default=None, description="Who was asked, where that is one person")
    opened_at: datetime
    due_at: datetime | None = None
    on_timeout: OnTimeout = "reject"
    form_schema: dict[str, Any] | None = Field(default=None, description="JSON Schema of the form to fill in")
    editable: Any = Field(default=None, description="The value a reviewer may edit, in its newest version")
    has_editable: bool = False
    quorum: int = Field(default=1, description="How many have to approve")
    rejections: int = Field(default=1, description="How many rejections reject it")
    four_eyes: bool = Field(default=False, description="Whether whoever started the run may not approve")
    starter: str | None = Field(default=None, description="Who started the run, as far as a signature says so")
    escalations: list[PlannedEscalation] = Field(default=[])
    version: int = Field(default=1, description="Counts the edits that others have to agree to")
    content_hash: str = Field(description="Hash of what a reviewer is shown")
    status: Literal["open", "approved", "rejected", "timed_out"] = "open"
    assignees: list[str] | None = Field(
        default=None, description="Who may decide now, where that is not just the assignee"
    )
    objection: str | None = Field(
        default=None, description='Why silence did not count as a yes, where `on_timeout` is "approve"'
    )
    votes: list[Vote] = Field(default=[], description="Where several have to agree; those for older versions lapsed")
    delegations: list[Handover] = Field(default=[])
    questions: list[Question] = Field(default=[])
    reminded_at: list[datetime] = Field(default=[])
    by: str | None = None
    comment: str | None = None
    decided_at: datetime | None = None
    form: dict[str, Any] | None = None
    value: Any = None
    edits: list[Edit] = Field(default=[])
    workflow_id: str | None = None
    run_id: str | None = None
    workflow: str | None = None
    location: CellLocation | None = None

    @property
    def asked(self) -> list[str]:
        """Who may decide now; empty where everybody may."""
        if self.assignees is not None:
            return self.assignees
        return [self.assignee] if self.assignee else []

    @property
    def standing(self) -> list[Vote]:
        """The votes for the version that is shown now."""
        return [vote for vote in self.votes if vote.version == self.version]

    @property
    def missing(self) -> list[str]:
        """Who may decide and has not; empty where everybody may."""
        voted = {vote.by.casefold() for vote in self.standing}
        # A group is missing until it is decided: others of it may come.
        return [name for name in self.asked if name.casefold() not in voted]

    @property
    def asks_group(self) -> bool:
        """Whether a group is asked, of which it is not known here who and how many they are."""
        return any(name.startswith(GROUP) for name in self.asked)

    def is_for(self, person: str, groups: Collection[str] = ()) -> bool:
        """Whether a person may decide it: asked by name, by a group they are in, or everybody is."""
        named = {f"{GROUP}{group}".casefold() for group in groups}
        if not person.startswith(GROUP):
            named.add(person.casefold())
        return not self.asked or bool(named & set(map(str.casefold, self.asked)))
