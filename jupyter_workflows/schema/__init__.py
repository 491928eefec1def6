"""The types that cross a process or a language: runs, steps, approvals, diagnostics, manifests.

Invariants:
- every time is an aware UTC datetime; every duration is in seconds and says so in its name;
- a value that came from a workflow (`input`, `output`, `message`, ...) is hostile wherever it is shown;
- `Run` and `Step` are views of Temporal's history: nothing here is stored anywhere else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .approvals import (
    Approval,
    Decision,
    Edit,
    Handover,
    KeptAct,
    OnTimeout,
    PlannedEscalation,
    Question,
    ScheduleDeed,
    SignedAct,
    SignedAnswer,
    SignedDelegation,
    SignedQuestion,
    SignedRollBack,
    SignedSchedule,
    SignedScheduleAct,
    SignedStart,
    Verdict,
    Vote,
)
from .wire import CellLocation, Wire

__all__ = [
    "Approval",
    "Attempt",
    "BundledActivity",
    "BundledWorkflow",
    "CellLocation",
    "Checked",
    "Decision",
    "Diagnostic",
    "Doubt",
    "Edit",
    "Effect",
    "EffectStatus",
    "Failure",
    "Forked",
    "Handover",
    "Kept",
    "KeptAct",
    "Manifest",
    "OnTimeout",
    "PlannedEscalation",
    "Question",
    "RecordedEffect",
    "RecordedUndo",
    "Resumed",
    "RollBackOrder",
    "RollBackRequest",
    "Rollback",
    "RollbackCause",
    "Run",
    "RunStatus",
    "ScheduleDeed",
    "Segment",
    "SignedAct",
    "SignedAnswer",
    "SignedDelegation",
    "SignedQuestion",
    "SignedRollBack",
    "SignedSchedule",
    "SignedScheduleAct",
    "SignedStart",
    "Step",
    "StepKind",
    "StepStatus",
    "Token",
    "Usage",
    "Verdict",
    "Vote",
    "Wire",
]

RunStatus = Literal["running", "completed", "failed", "cancelled", "terminated", "timed_out", "continued_as_new"]
StepKind = Literal["activity", "approval", "timer", "child", "signal"]
StepStatus = Literal["scheduled", "running", "retrying", "waiting", "completed", "failed", "timed_out", "cancelled"]
RollbackCause = Literal["failed", "cancelled", "asked"]
EffectStatus = Literal["done", "undoing", "undone", "stuck", "kept", "irreversible", "uncertain"]


class Diagnostic(Wire):
    """One reason why a workflow can't be bundled, or will not do what it seems to."""

    code: str = Field(description="`JW...`, documented in the reference")
    severity: Literal["error", "warning"] = "error"
    message: str = Field(description="What is wrong, with the name or value")
    remedy: str = Field(description="What to do about it")
    location: CellLocation | None = None

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        quoted = f"\n      {self.location.source_line.strip()}" if self.location and self.location.source_line else ""
        return f"{self.code} {place}{self.message}. {self.remedy}{quoted}"


class Failure(Wire):
    """Why a step or a run failed, outermost first; `cause` leads to the root."""

    type: str = Field(description="Class name of the exception")
    message: str
    step: str | None = Field(default=None, description="Id of the step that failed")
    attempts: int | None = None
    location: CellLocation | None = None
    traceback: str | None = Field(default=None, description="The user's frames only, as text")
    cause: Failure | None = None

    @property
    def root(self) -> Failure:
        """The innermost cause."""
        return self.cause.root if self.cause else self


class Attempt(Wire):
    """One try of a step."""

    number: int
    status: StepStatus
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker: str | None = Field(default=None, description="Identity of the worker that ran it")
    failure: Failure | None = None


class Step(Wire):
    """One activity, approval, timer or child run in a run."""

    id: str = Field(description="Stable in the run: `<name>-<n>`")
    name: str
    kind: StepKind
    status: StepStatus
    attempts: list[Attempt] = Field(default=[])
    scheduled_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = Field(default=None, description="When a timer fires, an approval ends or a retry starts")
    input: Any = None
    output: Any = None
    failure: Failure | None = None
    heartbeat: Any = Field(default=None, description="What the step last reported")
    summary: str | None = None
    location: CellLocation | None = Field(default=None, description="Where the step's function is defined")
    approval: Approval | None = None
    checked: Checked | None = Field(default=None, description="What became of its answer, where that was doubtful")
    usage: Usage | None = Field(default=None, description="What its model calls took")
    kept: Kept | None = Field(default=None, description="Where its result is from, if this execution did not do it")
    child_run: str | None = Field(default=None, description="Workflow id of the child run")
    undo: str | None = Field(default=None, description="What undoes the step's effect, where something can")
    irreversible: bool = Field(default=False, description="Whether the step says that nothing can undo it")
    undoes: str | None = Field(default=None, description="Id of the step whose effect this one undoes")

    @property
    def attempt(self) -> int:
        """The number of the newest attempt; 0 before the first."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def seconds(self) -> float | None:
        """Seconds from scheduled to finished; None while the step is open."""
        return (self.finished_at - self.scheduled_at).total_seconds() if self.finished_at else None


class Kept(Wire):
    """Where a step's result comes from that this execution did not work out itself."""

    run_id: str = Field(default="", description="The earlier execution that did")
    id: str = Field(default="", description="Workflow id of the run it was forked from, where that did")
    replaced_by: str = Field(default="", description="The person who put it in the place of the recorded one")


class Resumed(Wire):
    """That an execution goes on from an earlier one."""

    run_id: str = Field(description="The earlier execution")
    from_step: str | None = Field(default=None, description="The step from which things ran again")
    by: str = ""
    replaced: list[str] = Field(default=[], description="Steps whose result or input a person replaced")


class Forked(Wire):
    """That a run is another branch of one there was."""

    id: str = Field(description="Workflow id of the run it was forked from")
    run_id: str = Field(description="The execution of it")
    from_step: str | None = Field(default=None, description="The step from which things ran again")
    by: str = ""
    changes: list[str] = Field(default=[], description="Arguments and constants it was given otherwise")
    replaced: list[str] = Field(default=[], description="Steps whose result or input a person replaced")


class Usage(Wire):
    """What model calls took; usages add up."""

    calls: int = Field(default=0, description="Answers paid for")
    input_tokens: int = 0
    output_tokens: int = 0
    pages: int = Field(default=0, description="Pages of documents read")
    seconds: float = Field(default=0.0, description="From request to last token, summed")
    cost: float | None = Field(default=None, description="By the price table, in its currency; None where unknown")
    unpriced_calls: int = Field(default=0, description="Calls of models that the price table does not name")
    estimated: bool = Field(default=False, description="Whether the server did not count, and tokens are a guess")

    def __add__(self, other: Usage) -> Usage:
        costs = [usage.cost for usage in (self, other) if usage.cost is not None]
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            pages=self.pages + other.pages,
            seconds=self.seconds + other.seconds,
            cost=sum(costs) if costs else None,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            estimated=self.estimated or other.estimated,
        )


class Token(Wire):
    """A piece of the text that a step writes: one or more tokens of a model.

    Pieces of an attempt come in order and without a gap: each begins where the one before ended, unless the reader
    was so slow that a part is no longer at hand. A higher `attempt` starts the text anew.
    """

    step: str = Field(description="Id of the step that writes")
    attempt: int
    number: int = Field(description="How many pieces the attempt has written by now")
    offset: int = Field(description="Characters (code points) of the attempt's text before this piece")
    text: str
    done: bool = Field(default=False, description="Whether the attempt is over")


class Doubt(Wire):
    """One thing that a validator found wrong, or may be wrong, in an answer."""

    field: str = Field(default="", description="What of the answer, such as `items.2.price`; empty for all of it")
    reason: str
    by: str = Field(default="", description="The validator that says so")

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Checked(Wire):
    """What became of a doubtful answer of a step."""

    step: str
    doubts: list[Doubt]
    outcome: Literal["repeated", "accepted", "approved", "rejected", "failed"] = Field(
        description="Asked again, taken as partial, let through or refused by a person, or nothing helped"
    )
    approval: str | None = Field(default=None, description="Id of the approval that settled it")
    by: str | None = None
    edits: list[Edit] = Field(default=[])


class RollBackRequest(Wire):
    """Who asks for a rollback, unsigned: the payload of a signal in histories of older versions."""

    by: str
    reason: str = ""


class RollBackOrder(Wire):
    """What a run that undoes another one starts with.

    Without a request it counts only as a child run of the run that the other one was a child of. `by` and `reason` are
    those of older versions.
    """

    workflow_id: str
    run_id: str
    generation: int = Field(default=1, description="How many such runs there were for it, this one included")
    cause: RollbackCause = "asked"
    request: SignedRollBack | None = None
    by: str | None = None
    reason: str = ""


class RecordedUndo(Wire):
    """What undoes an effect by the code that a step ran with, as the worker of another code needs it."""

    activity: str = Field(description="Its name, and that of the code where it is not the worker's own")
    arguments: list[str]
    timeout_seconds: float
    heartbeat_seconds: float | None = None
    max_attempts: int
    initial_seconds: float
    backoff_coefficient: float
    max_seconds: float | None = None
    non_retryable: list[str] = Field(default=[], description="Class names of exceptions")
    summary: str


class RecordedEffect(Wire):
    """One effect as history tells it; payloads are serialised protobuf in base64.

    `undo` is there where the steps of a run ran with more than one code; without it the worker's own is meant.
    """

    step: str
    activity: str | None = None
    inputs: list[str] = Field(default=[])
    output: str | None = None
    key: str = ""
    child: tuple[str, str] | None = Field(default=None, description="Workflow id and run id of a child run")
    undo: RecordedUndo | None = None


class Rollback(Wire):
    """That a run is being rolled back, and why; what has been undone is told by its steps."""

    cause: RollbackCause
    reason: str = Field(default="", description="The failure, or what the one who asked says")
    by: str | None = Field(default=None, description="Who asked for it")
    started_at: datetime
    finished_at: datetime | None = None
    steps: list[str] = Field(default=[], description="What is to be undone, in that order; of very many the first")
    kept: list[str] = Field(default=[], description="Steps whose effect a person left as it is")
    of_run: str | None = Field(default=None, description="Workflow id of the run whose steps these are; None: its own")


class Effect(Wire):
    """What one step of a run did to the world, and what became of that."""

    step: str
    name: str
    status: EffectStatus = Field(
        description="Done and can be undone, being undone, undone, an undo has failed, left by a person, can't be "
        "undone, or nobody knows whether it came to pass"
    )
    undo: str | None = Field(default=None, description="What undoes it")
    undone_by: str | None = Field(default=None, description="Id of the step that undoes or undid it")
    undone_in: str | None = Field(default=None, description="Workflow id of the run that does, where it is another")


class Run(Wire):
    """One workflow execution, as a list shows it."""

    id: str = Field(description="Temporal's workflow id")
    run_id: str
    workflow: str
    status: RunStatus
    started_at: datetime
    closed_at: datetime | None = None
    bundle: str | None = Field(default=None, description="Digest of the bundle it runs on")
    notebook: str | None = None
    starter: str | None = None
    open_approvals: int = 0
    history_events: int | None = None
    resumed: Resumed | None = Field(default=None, description="What it goes on from; lists don't know it")
    forked: Forked | None = Field(default=None, description="What it was forked from; lists don't know it")


class Segment(Wire):
    """Which lines of a bundle's module came from which cell."""

    module: Literal["models", "activities", "workflows"]
    name: str = Field(description="The name this segment defines")
    start_line: int
    end_line: int
    cell_id: str
    cell_number: int | None = None
    cell_line: int = Field(description="Line of the cell that `start_line` came from")


class BundledActivity(Wire):
    """An activity of a bundle."""

    name: str
    function: str
    signature: str
    is_async: bool
    cell_id: str
    cell_number: int | None = None
    line: int
    undo: str | None = Field(default=None, description="The activity that undoes it")
    irreversible: bool = Field(default=False, description="Whether nothing can undo it")


class BundledWorkflow(Wire):
    """A workflow of a bundle, with what its card shows."""

    name: str
    function: str
    signature: str
    description: str | None = None
    parameters_schema: dict[str, Any] = Field(default={})
    result_schema: dict[str, Any] = Field(default={})
    activities: list[str] = Field(default=[], description="Functions it awaits, in source order")
    timeout_seconds: float | None = Field(default=None, description="Bounds a run, waits for people included")
    cell_id: str
    cell_number: int | None = None
    line: int


class Manifest(Wire):
    """`manifest.json` of a bundle."""

    format: Literal[1] = 1
    digest: str = Field(description="SHA-256 over what can change behaviour; names the bundle")
    behaviour_digest: str = Field(description="SHA-256 over the syntax tree: comments and layout do not count")
    package: str
    python: str
    workflows: list[BundledWorkflow]
    activities: list[BundledActivity]
    segments: list[Segment]
    distributions: dict[str, str] = Field(default={}, description="Distribution name to version, of what is imported")
    local_modules: dict[str, str] = Field(default={}, description="Notebook-local module to SHA-256 of its source")
    captured: dict[str, str] = Field(default={}, description="Captured name to SHA-256 of its pickle")
    warnings: list[Diagnostic] = Field(default=[])
