"""What REST operations are asked with and what they answer: parameters, bodies and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from ..live.messages import RunHead, ShownApproval
from ..schema import BundledWorkflow, Effect, Rollback, Run, RunStatus, Step, Verdict, Wire
from ..schema.resumes import ResumePlan

MAX_ID = 1_000


class NoQuery(Wire):
    """No parameters."""


class RunQuery(Wire):
    """Which execution is meant."""

    run_id: str | None = Field(default=None, description="Temporal's id of one execution; by default the newest")


class RunsQuery(Wire):
    """Which runs are wanted."""

    workflow: str | None = None
    status: list[RunStatus] = Field(default=[], description="May be repeated")
    notebook: str | None = None
    since: datetime | None = Field(default=None, description="Started then or later")
    limit: int = Field(default=100, ge=1, le=1_000)


class StepsQuery(RunQuery):
    """Which steps are wanted."""

    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=1_000, ge=1, le=10_000)


class InboxQuery(Wire):
    """Which approvals are wanted."""

    assignee: str | None = Field(default=None, description="Those of this person and those of nobody in particular")
    limit: int = Field(default=200, ge=1, le=1_000)


class NoBody(Wire):
    """Nothing."""


class CancelRequest(Wire):
    """Which execution is to end."""

    run_id: str | None = None


class TerminateRequest(CancelRequest):
    """Which execution is to end, and why."""

    reason: str = Field(default="", max_length=2_000, description="Stands in the history")


class ResumeRequest(CancelRequest):
    """From where a run is to go on."""

    from_step: str | None = Field(default=None, max_length=500, description="By default the step that failed or hangs")
    plan: bool = Field(default=False, description="Only tell what would happen")


class ResumeAnswer(Wire):
    """The run as it then is, and what was kept and done again."""

    run: Run
    plan: ResumePlan


class ForkRequest(ResumeRequest):
    """What another branch of a run does otherwise."""

    changes: dict[str, Any] = Field(default={}, description="Other arguments of the workflow, by name")
    results: dict[str, Any] = Field(default={}, description="Values in the place of recorded results, by step")


class RollBackWanted(CancelRequest):
    """Which execution is to be undone, and why."""

    reason: str = Field(default="", max_length=2_000, description="Stands on record")


class EffectsAnswer(Wire):
    """What the steps of a run did to the world, and what became of that."""

    effects: list[Effect]
    left: int = Field(description="How many a rollback would undo")
    rollback: Rollback | None = None


class DecisionRequest(Wire):
    """What a reviewer says."""

    verdict: Verdict
    run_id: str | None = None
    content_hash: str | None = Field(
        default=None, description="Of what the reviewer was shown; by default as it is now"
    )
    comment: str | None = Field(default=None, max_length=20_000)
    form: dict[str, Any] | None = None
    value: Any = None
    edited: bool = Field(default=False, description="Whether `value` replaces the editable value")
    reviewer: str | None = Field(default=None, description="May only be the user who asks")


class ActRequest(Wire):
    """What is done about an approval without deciding it."""

    run_id: str | None = None
    content_hash: str | None = Field(default=None, description="Of what the person was shown; by default as it is now")
    reviewer: str | None = Field(default=None, description="May only be the user who asks")


class DelegationRequest(ActRequest):
    """Who is to decide instead."""

    to: str = Field(min_length=1, max_length=200)
    comment: str | None = Field(default=None, max_length=4_000)


class QuestionRequest(ActRequest):
    """What a reviewer asks."""

    text: str = Field(min_length=1, max_length=4_000)


class AnswerRequest(ActRequest):
    """What is answered."""

    question: int | None = Field(default=None, ge=1, description="Its number; not needed when one waits")
    text: str = Field(min_length=1, max_length=4_000)


class StartRequest(Wire):
    """What to start."""

    arguments: dict[str, Any] = Field(default={}, description="By name")
    digest: str | None = Field(default=None, description="Of a bundle; by default the newest that has the workflow")
    id: str | None = Field(default=None, min_length=1, max_length=MAX_ID, description="The same id gives the same run")


class RunsAnswer(Wire):
    """Runs, the newest first."""

    runs: list[Run]


class RunAnswer(Wire):
    """A run without its steps; values as bounded text."""

    head: RunHead
    approvals: list[ShownApproval]
    steps: int


class StepsAnswer(Wire):
    """Steps in the order they were scheduled, without their values."""

    steps: list[Step]
    offset: int
    total: int


class InboxAnswer(Wire):
    """The approvals that wait, the longest waiting first."""

    approvals: list[ShownApproval]
    reviewer: str = Field(description="Who decides here")


class KnownWorkflow(Wire):
    """A workflow of a bundle."""

    workflow: BundledWorkflow
    digest: str
    package: str


class WorkflowsAnswer(Wire):
    """The workflows of the bundles on this machine, each of the newest bundle that has it, the newest first."""

    workflows: list[KnownWorkflow]


class CodecAccess(Wire):
    """Where Temporal's Web UI and its command get plain values."""

    path: str = Field(description="Of the codec endpoint, below `<base_url>jupyter-workflows/`; keep it to yourself")
    seconds: int = Field(description="How long it is good, while this server runs")
    encrypted: bool = Field(description="Whether values are encrypted at all")
