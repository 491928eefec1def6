"""What resuming a run crosses processes with: the mark in history, the plan people see, what both runs share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from . import CellLocation, RunStatus, StepKind, StepStatus, Usage, Wire

ResumeMode = Literal["reset", "live", "fork"]


class ResumeMark(Wire):
    """The reason of a reset, as JSON in plain text: it says what the new execution is. No values of the user's."""

    mark: Literal["jupyter_workflows.resume"] = "jupyter_workflows.resume"
    from_step: str | None = Field(default=None, description="The step from which things run again")
    by: str = ""
    replaced: list[str] = Field(default=[], description="Steps whose recorded result a person replaced")
    input_of: str | None = Field(default=None, description="The step whose input a person replaced")
    point: int = Field(
        default=0,
        description="Event id in the execution before: what had ended by then is kept without its events; 0 where the "
        "new history has them",
    )
    told_by: str = Field(default="", description="The step whose result brings the record of those steps")


class Replacements(Wire):
    """The values a person puts in the place of recorded ones: the payload of the signal that follows the reset."""

    by: str
    at: datetime
    results: dict[str, Any] = Field(default={}, description="Result by step")
    inputs: dict[str, list[Any]] = Field(default={}, description="Arguments by step")


def read_mark(reason: str) -> ResumeMark:
    """What a reset's reason says; of one that is not ours, nothing."""
    try:
        return ResumeMark.model_validate_json(reason)
    except ValueError:
        return ResumeMark()


class KeptStep(Wire):
    """A step that completed, with its payloads as text, neither encrypted nor stored elsewhere."""

    id: str
    name: str = Field(description="Of its activity")
    input: list[str] = Field(default=[])
    result: list[str] = Field(default=[])
    summary: str | None = None
    scheduled_at: datetime
    started_at: datetime
    finished_at: datetime
    attempt: int
    worker: str
    cell_id: str | None = None
    task_event: int = Field(description="Of the workflow task that asked for it")
    scheduled_event: int
    finished_event: int
    told_event: int = Field(description="Of the workflow task that was told how it ended")


class KeptSteps(Wire):
    """What an execution is told of the steps that it keeps without their events, beside the result of one of them.

    The event ids are those of the execution before, less so much that they come before all of the new one.
    """

    steps: list[KeptStep] = Field(description="In the order in which they ended")
    # Temporal takes a workflow for stuck that works for 2 s without a pause; a step takes about 0.1 ms.
    steps_per_task: int = Field(default=1_000, gt=0, description="How many the workflow is told of before it pauses")


class ForkMark(Wire):
    """What a forked run is, in its memo: whose results its steps are answered with. No values of the user's."""

    mark: Literal["jupyter_workflows.fork"] = "jupyter_workflows.fork"
    id: str = Field(description="Workflow id of the run it was forked from")
    run_id: str = Field(description="The execution of it")
    until: int = Field(description="Event id: what that execution recorded later does not count")
    from_step: str | None = Field(default=None, description="The step from which things run again")
    point: int = Field(default=0, description="What had finished before this event is kept whatever its code is now")
    by: str = ""
    changes: list[str] = Field(default=[], description="Names of the arguments and constants that were changed")
    children: dict[str, str] = Field(
        default={}, description="SHA-256 of the input of each child run that is kept where it gets that input, by step"
    )
    replaced: list[str] = Field(default=[], description="Steps whose recorded result a person replaced")
    input_of: str | None = Field(default=None, description="The step whose input a person replaced")


class PlannedStep(Wire):
    """A step of the run that is to be resumed or forked, and what becomes of it."""

    id: str
    name: str
    kind: StepKind
    status: StepStatus
    seconds: float | None = None
    usage: Usage | None = None
    location: CellLocation | None = None
    why: str = Field(default="", description="Why it is kept or runs again, in words")
    twice: bool = Field(default=False, description="Whether it ran to its end: its effects outside happen again")


class LaterAct(Wire):
    """What a person said to an approval after the point a run is resumed from."""

    approval: str
    by: str
    kind: str = Field(description="The word for it: `decision`, `delegation`, `question` or `answer`")


class ResumePlan(Wire):
    """What resuming or forking a run would do: shown before anything is done."""

    id: str
    run_id: str
    workflow: str
    status: RunStatus
    mode: ResumeMode = Field(
        description="A new execution from an earlier point, newer code for this one from now on, or another run"
    )
    bundle: str = Field(description="First 16 digits of the digest of the code it goes on with")
    bundle_before: str
    queue: str
    from_step: str | None = Field(default=None, description="The step from which things run again")
    point: int = Field(default=0, description="Event id of the workflow task that is done again; 0 for none")
    reset_to: int = Field(
        default=0,
        description="Event id of the first workflow task, if the new execution begins there and is told what is kept",
    )
    told_by: str = Field(default="", description="The step whose result tells it")
    last_event: int = Field(description="The history's last event as the plan was made")
    kept: list[PlannedStep] = Field(default=[])
    again: list[PlannedStep] = Field(default=[])
    dropped_signals: list[str] = Field(default=[])
    acts: list[LaterAct] = Field(default=[], description="They count if the same is asked again")
    replaced: list[str] = Field(default=[])
    input_of: str | None = None
    changes: list[str] = Field(default=[], description="Arguments and constants that a fork is given otherwise")

    @property
    def usage_kept(self) -> Usage:
        """What the model calls of the kept steps took."""
        return sum((step.usage for step in self.kept if step.usage), Usage())

    @property
    def seconds_kept(self) -> float:
        """How long the kept steps took, added up."""
        return sum(step.seconds or 0.0 for step in self.kept)

    @property
    def twice(self) -> list[PlannedStep]:
        """The steps whose effects outside happen a second time."""
        return [step for step in self.again if step.twice]
