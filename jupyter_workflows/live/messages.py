"""What a live view and its host say to each other; TypeScript has the same types, see `labextension/src/schema.ts`.

Invariants:
- a topic is one thing that is shown: `run:<id>/<run id>`, `inbox`, `runs`, `workflow:<digest>/<name>`,
  `dashboard?<filter>` (see `dashboards`), `status`;
- what is told about a topic is numbered without gaps: a view that misses a number asks for a snapshot by `Follow`;
- steps travel as columns in binary buffers, see `columns`; names, heads and approvals as JSON;
- a message is JSON text in ASCII, so that no value of a workflow can break the transport.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from ..schema import (
    Approval,
    BundledActivity,
    BundledWorkflow,
    CellLocation,
    Diagnostic,
    Effect,
    Failure,
    Rollback,
    Run,
    Step,
    Token,
    Verdict,
    Wire,
)
from ..schema.budgets import WorkspaceBudget
from ..schema.dashboards import Dashboard


class ShownValue(Wire):
    """A value as text, cut where it is long."""

    text: str
    kind: Literal["json", "text"] = "json"
    whole: bool = Field(default=True, description="Whether nothing was cut")


class StepName(Wire):
    """A name that steps share, and where its function is defined."""

    name: str
    location: CellLocation | None = None


class ShownApproval(Wire):
    """An approval; without its editable value and edits where these are too large to show."""

    approval: Approval
    whole: bool = True


class RunHead(Wire):
    """A run without its steps."""

    run: Run
    arguments: list[str] = Field(default=[], description="A short look at each argument")
    result: ShownValue | None = None
    failure: Failure | None = None
    reason: str = ""
    stuck: Failure | None = None
    reviewer: str = Field(default="", description="Who decides here")
    groups: list[str] = Field(default=[], description="The groups of that person")
    may: list[str] | None = Field(default=None, description="Their rights, such as `write approvals`; None for all")
    rollback: Rollback | None = None
    effects: list[Effect] = Field(default=[], description="What its steps did to the world; of very many the first")
    effects_left: int = Field(default=0, description="How many of them a rollback would undo")


class RunSnapshot(Wire):
    """A run as a whole; buffers: all steps, their earlier attempts."""

    type: Literal["snapshot"] = "snapshot"
    topic: str
    number: int
    at: datetime = Field(description="The host's clock")
    head: RunHead
    names: list[StepName]
    steps: int
    ids: dict[int, str] = Field(default={}, description="Ids of steps that are not `<name>-<n>`, by index")
    approvals: list[ShownApproval] = Field(default=[])


class RunChange(Wire):
    """What changed; buffers: the changed steps, their earlier attempts, their indexes."""

    type: Literal["change"] = "change"
    topic: str
    number: int
    at: datetime
    head: RunHead | None = None
    names: list[StepName] = Field(default=[], description="Names that are new")
    steps: int = Field(description="How many steps there are now")
    ids: dict[int, str] = Field(default={})
    approvals: list[ShownApproval] = Field(default=[], description="Approvals that are new or were decided")


class Tokens(Wire):
    """What steps wrote since the last message."""

    type: Literal["tokens"] = "tokens"
    topic: str
    number: int
    pieces: list[Token]


class Pulse(Wire):
    """The host lives; `number` is that of the topic's last message."""

    type: Literal["pulse"] = "pulse"
    topic: str
    number: int


class InboxState(Wire):
    """The approvals that wait."""

    type: Literal["inbox"] = "inbox"
    topic: str = "inbox"
    number: int
    approvals: list[ShownApproval]
    reviewer: str = Field(description="Who decides here")
    groups: list[str] = Field(default=[], description="The groups of that person")
    may: list[str] | None = Field(default=None, description="Their rights, such as `write approvals`; None for all")


class RunsState(Wire):
    """A list of runs."""

    type: Literal["runs"] = "runs"
    topic: str = "runs"
    number: int
    runs: list[Run]


class WorkflowState(Wire):
    """A workflow as its card shows it."""

    type: Literal["workflow"] = "workflow"
    topic: str
    number: int
    workflow: BundledWorkflow
    activities: list[BundledActivity] = Field(default=[])
    diagnostics: list[Diagnostic] = Field(default=[])
    digest: str = ""
    runs: list[Run] = Field(default=[])
    may: list[str] | None = Field(default=None, description="The viewer's rights; None for all")


class DashboardState(Wire):
    """How runs do."""

    type: Literal["dashboard"] = "dashboard"
    topic: str
    number: int
    dashboard: Dashboard


class WorkerState(Wire):
    """One worker host as a view shows it."""

    key: str = Field(description="The same for every kernel of one notebook and interpreter")
    notebook: str | None = None
    cwd: str
    python: str
    pid: int | None = Field(default=None, description="None while it is being started again")
    bundles: list[str] = Field(default=[], description="Names of the bundles it serves")
    open_runs: int | None = Field(default=None, description="None where the host did not answer in time")
    leases: int = Field(default=0, description="How many kernels hold it")
    restarts: int = 0
    health: Literal["up", "starting", "failing"]
    error: str | None = Field(default=None, description="What it died of last, until it is ready again")


class ConnectionState(Wire):
    """The Temporal server behind the views, and the worker hosts of this machine."""

    type: Literal["status"] = "status"
    topic: str = "status"
    number: int
    state: Literal["stopped", "starting", "connected", "lost", "failed"]
    embedded: bool = Field(description="Whether it is the embedded server; else it was configured")
    can_start: bool = Field(default=True, description="Whether the embedded server may be started from here")
    address: str | None = None
    namespace: str | None = None
    server_version: str | None = None
    home: str | None = Field(default=None, description="Where the embedded runtime keeps its files")
    progress: str = Field(default="", description="What a start is doing")
    workers: list[WorkerState] = Field(default=[])
    problems: list[str] = Field(default=[], description="What is wrong, and what to do about it")
    workspace: str | None = Field(default=None, description="What the file of workspaces calls the namespace")
    budgets: list[WorkspaceBudget] = Field(default=[], description="What its runs may take of models, and took")
    reviewer: str = Field(default="", description="Who decides here")
    groups: list[str] = Field(default=[], description="The groups of that person")
    may: list[str] | None = Field(default=None, description="Their rights, such as `write approvals`; None for all")


class StepDetails(Wire):
    """A step in full; its values as bounded text."""

    step: Step
    input: ShownValue | None = None
    output: ShownValue | None = None
    heartbeat: ShownValue | None = None


class ShownDifference(Wire):
    """Where two values differ: each line with its sign, `-`, `+`, `…` or none."""

    place: str
    lines: list[tuple[str, str]]


class ShownPair(Wire):
    """A step of one run and what corresponds to it in the other, in words."""

    name: str
    verdict: str
    differs: bool
    a: str
    b: str
    differences: list[ShownDifference] = Field(default=[])


class ShownFact(Wire):
    """What two runs took or came to."""

    name: str
    a: str
    b: str


class ShownComparison(Wire):
    """Two runs side by side, in words; A began first."""

    a: Run
    b: Run
    facts: list[ShownFact]
    arguments: list[ShownDifference]
    result: list[ShownDifference]
    steps: list[ShownPair] = Field(description="Of very many the first")
    more: int = Field(default=0, description="How many steps are left out")


class Trouble(Wire):
    """The topic can't be followed for now, or no longer."""

    type: Literal["trouble"] = "trouble"
    topic: str
    number: int
    message: str
    final: bool = False


class Answer(Wire):
    """The answer to one request."""

    type: Literal["answer"] = "answer"
    request: int
    error: str | None = Field(default=None, description="Why it was refused, as a sentence")
    details: StepDetails | None = None
    approval: ShownApproval | None = None
    topic: str | None = Field(default=None, description="The run that was started or opened")
    runs: list[Run] = Field(default=[], description="The runs that were asked for")
    plan: str | None = Field(default=None, description="What resuming or forking would do, as text")
    comparison: ShownComparison | None = None


class Follow(Wire):
    """Asks for a snapshot, unless the view is up to date."""

    type: Literal["follow"] = "follow"
    topic: str
    have: int = Field(default=-1, description="Number of the last message seen")


class AskDetails(Wire):
    """Asks for a step in full."""

    type: Literal["details"] = "details"
    request: int
    topic: str
    step: str


class AskDecision(Wire):
    """Approves or rejects."""

    type: Literal["decide"] = "decide"
    request: int
    topic: str
    approval: str
    workflow_id: str | None = None
    run_id: str | None = None
    content_hash: str = Field(description="Of what the reviewer was shown")
    verdict: Verdict
    reviewer: str | None = Field(default=None, description="Who decides, where a host takes a person's word for it")
    comment: str | None = None
    form: dict[str, Any] | None = None
    value: Any = None
    edited: bool = False


class Delegation(Wire):
    """Lets another person decide instead."""

    type: Literal["delegation"] = "delegation"
    to: str
    comment: str | None = None


class Query(Wire):
    """Asks whoever started the run."""

    type: Literal["question"] = "question"
    text: str


class Reply(Wire):
    """Answers a question."""

    type: Literal["answer"] = "answer"
    question: int
    text: str


class AskAct(Wire):
    """Does something about an approval without deciding it."""

    type: Literal["act"] = "act"
    request: int
    topic: str
    approval: str
    workflow_id: str | None = None
    run_id: str | None = None
    content_hash: str = Field(description="Of what the person was shown")
    reviewer: str | None = Field(default=None, description="Who does it, where a host takes a person's word for it")
    act: Annotated[Delegation | Query | Reply, Field(discriminator="type")]


class AskCancel(Wire):
    """Asks a run to end itself."""

    type: Literal["cancel"] = "cancel"
    request: int
    topic: str


class AskRollBack(Wire):
    """Has a run rolled back; the answer names the topic of the run that undoes it, where that is another."""

    type: Literal["roll_back"] = "roll_back"
    request: int
    topic: str
    reason: str = Field(default="", max_length=2_000)


class AskResume(Wire):
    """Has a run go on with corrected code, or asks what that would do; the answer names the new execution's topic."""

    type: Literal["resume"] = "resume"
    request: int
    topic: str
    from_step: str | None = Field(default=None, max_length=500)
    plan: bool = Field(default=False, description="Only say what would happen")


class AskFork(Wire):
    """Runs another branch beside a run, or asks what that would do; the answer names the new run's topic."""

    type: Literal["fork"] = "fork"
    request: int
    topic: str
    from_step: str | None = Field(default=None, max_length=500)
    changes: dict[str, Any] = Field(default={}, description="Other arguments of the workflow, by name")
    plan: bool = Field(default=False, description="Only say what would happen")


class AskForks(Wire):
    """Asks which runs were forked from one."""

    type: Literal["forks"] = "forks"
    request: int
    topic: str


class AskCompare(Wire):
    """Puts another run beside the one that is shown."""

    type: Literal["compare"] = "compare"
    request: int
    topic: str
    workflow_id: str
    run_id: str = Field(default="", description="Empty for the newest execution")


class AskStart(Wire):
    """Starts a workflow."""

    type: Literal["start"] = "start"
    request: int
    topic: str
    arguments: dict[str, Any] = Field(default={})


class AskOpen(Wire):
    """Opens a run of a list."""

    type: Literal["open"] = "open"
    request: int
    topic: str
    workflow_id: str
    run_id: str


Told = (
    RunSnapshot
    | RunChange
    | Tokens
    | Pulse
    | InboxState
    | RunsState
    | WorkflowState
    | DashboardState
    | ConnectionState
    | Trouble
    | Answer
)
Request = (
    AskDetails
    | AskDecision
    | AskAct
    | AskCancel
    | AskRollBack
    | AskResume
    | AskFork
    | AskForks
    | AskCompare
    | AskStart
    | AskOpen
)
Asked = Follow | Request
ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])
MAX_MESSAGE_CHARACTERS = 4_000_000


def read_asked(text: object) -> Asked:
    """What a view asked for.

    Raises:
        ValueError: It is none of the messages above.
    """
    if not isinstance(text, str) or len(text) > MAX_MESSAGE_CHARACTERS:
        raise ValueError("a message of a view is JSON text of at most 4 MB")
    return ASKED.validate_json(text)


def wire_text(message: Wire) -> str:
    """The message as JSON text in ASCII; what is no JSON value becomes a text that says so.

    Raises:
        RecursionError: A value is nested too deeply.
    """
    plain = message.model_dump(mode="python")
    try:
        return json.dumps(plain, default=plain_value, allow_nan=False, skipkeys=True)
    except ValueError:
        return json.dumps(without_nan(plain), default=plain_value, skipkeys=True)


def plain_value(value: object) -> str:
    """What stands for a value that JSON has no form for."""
    return value.isoformat() if isinstance(value, datetime) else f"<{type(value).__name__}>"


def without_nan(value: Any) -> Any:
    """The value with NaN and the infinities as texts."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        return str(value)
    return value
