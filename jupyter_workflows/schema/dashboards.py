"""What a dashboard shows of many runs. A worker never imports it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from . import RunStatus, StepKind, Wire

Place = Literal["run", "child", "retry", "queue", "people", "timer", "other"]


class DashboardFilter(Wire):
    """Which runs a dashboard is about; a run fits when it has everything that is given."""

    workflow: str | None = None
    status: list[RunStatus] | None = None
    notebook: str | None = None
    since: datetime | None = Field(default=None, description="Started then or later")
    since_seconds: float | None = Field(default=None, description="Started not longer ago; `since` wins")


class Percentiles(Wire):
    """How long something took, in seconds; of so many."""

    count: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    longest: float | None = None


class Period(Wire):
    """The runs that started in one period."""

    start: datetime
    counts: dict[RunStatus, int] = Field(default={})
    met_failure: float = Field(default=0, description="Closed runs that met a failure")
    recovered: float = Field(default=0, description="Those of them that completed")


class TimeSpent(Wire):
    """Where the time of closed runs went; seconds by place add up to their durations."""

    workflow: str
    seconds: dict[Place, float] = Field(default={})


class WorkflowFigures(Wire):
    """The runs of one workflow."""

    name: str
    counts: dict[RunStatus, int]
    duration: Percentiles = Field(description="Of closed runs, from start to end")
    met_failure: float = 0
    recovered: float = 0


class StepFigures(Wire):
    """The steps of one name in one workflow."""

    workflow: str
    name: str
    kind: StepKind
    count: float
    failed: float
    retried: float = Field(description="Attempts after the first")
    queue: Percentiles = Field(description="From scheduled to taken by a worker; first attempts")
    duration: Percentiles = Field(description="Of the last attempt; of an approval from question to answer")


class CauseFigures(Wire):
    """Failures of one class in the steps of one name; the step is empty for the workflow's own code."""

    workflow: str
    step: str
    error: str = Field(description="Class of the exception")
    retries: float = Field(description="Failed attempts that were followed by another")
    failures: float = Field(description="Failures for good")
    runs: float = Field(description="Runs that met it")
    recovered: float = Field(description="Those of them that completed")
    example: str = Field(default="", description="What the newest of them said")
    workflow_id: str = Field(default="", description="The newest run that met it")
    run_id: str = ""


class Waiting(Wire):
    """An approval that waits."""

    approval: str
    workflow_id: str
    run_id: str
    workflow: str
    message: str
    assignee: str | None = None
    opened_at: datetime
    due_at: datetime | None = None


class ReviewerFigures(Wire):
    """What one reviewer was asked: by the assignee, or `None` for approvals of nobody in particular."""

    assignee: str | None
    waiting: int
    oldest: datetime | None = None
    decided: int = 0
    timed_out: int = 0
    decision: Percentiles = Field(description="From question to decision")


class ApprovalFigures(Wire):
    """The approvals of all runs that are counted."""

    waiting: list[Waiting] = Field(default=[], description="The longest waiting first, at most 100")
    waiting_count: int = 0
    approved: int = 0
    rejected: int = 0
    timed_out: int = 0
    decision: Percentiles = Field(default=Percentiles(), description="From question to decision")
    reviewers: list[ReviewerFigures] = Field(default=[])


class Recovery(Wire):
    """Runs that met a failure, and those of them that completed."""

    met_failure: float = 0
    recovered: float = 0
    rate: float | None = Field(default=None, description="0 to 1; None where no run met a failure")
    low: float | None = Field(default=None, description="95 % interval where only a sample of histories was read")
    high: float | None = None
    target: float


class Headline(Wire):
    """One sentence on how runs do, for those who look for ten seconds."""

    about: Literal["failed", "recovery", "slow", "waiting"]
    tone: Literal["good", "bad", "waiting", "plain"]
    text: str


class Basis(Wire):
    """What the figures stand on."""

    runs: int = Field(description="Runs that fit, as the server counts them")
    listed: int = Field(description="Of these, the newest that were listed")
    closed: int = Field(description="Of these, closed runs")
    histories: int = Field(description="Of these, runs whose history was looked at")
    read: int = Field(default=0, description="Of these, histories that had to be fetched now")
    unreadable: int = Field(default=0, description="Histories that could not be had: deleted, or too slow to come")
    seconds: float = Field(default=0, description="How long it took")

    @property
    def exact(self) -> bool:
        """Whether every closed run's history was looked at."""
        return self.histories >= self.closed


class Dashboard(Wire):
    """How runs do: what a dashboard shows."""

    at: datetime
    wanted: DashboardFilter
    headlines: list[Headline] = Field(default=[], description="What failed, did it recover, what was slow, who waits")
    counts: dict[RunStatus, int]
    period_seconds: float
    periods: list[Period]
    workflows: list[WorkflowFigures]
    steps: list[StepFigures]
    spent: list[TimeSpent]
    causes: list[CauseFigures]
    approvals: ApprovalFigures
    recovery: Recovery
    basis: Basis
    known_workflows: list[str] = Field(default=[], description="For the choice of one")
