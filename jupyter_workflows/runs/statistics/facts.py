"""What the history of one closed run says for statistics, and no more: it is small, and it never changes.

Nothing in it comes from a payload: names, classes of exceptions and times are all there is, so it may be kept
where payloads are encrypted.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.history.v1 import HistoryEvent

from ...schema import RunStatus, StepKind
from ...schema.dashboards import Place
from ..history import Reduction
from ..steps import Draft
from ..values import Decode
from .quantiles import spread
from .spans import Span, spent

# Grows when what is kept changes its meaning: what was kept before is then read anew.
VERSION = 1
WORKFLOW_CODE = ""
# A task that fails for another reason is Temporal's own way to go on, as after a reset.
CODE_FAILED = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
}
TIMEOUT_WORDS = {
    TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE: "attempt took too long",
    TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: "step took too long",
    TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START: "no worker took it",
    TimeoutType.TIMEOUT_TYPE_HEARTBEAT: "worker died or hung",
}


class StepFacts(NamedTuple):
    """The steps of one name in a run; durations in seconds, a sample of them where there are very many."""

    name: str
    kind: StepKind
    times: int
    failed: int
    retried: int
    queue_seconds: list[float]
    run_seconds: list[float]


class CauseFacts(NamedTuple):
    """Failures of one class in the steps of one name; the step is empty for the workflow's own code."""

    step: str
    error: str
    retries: int
    failures: int


@dataclass(frozen=True)
class RunFacts:
    """One closed run."""

    status: RunStatus
    spent: dict[Place, float] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    steps: list[StepFacts] = field(default_factory=list[StepFacts])
    causes: list[CauseFacts] = field(default_factory=list[CauseFacts])

    @property
    def met_failure(self) -> bool:
        """Whether an attempt of a step, the workflow's code or the run itself failed or ran out of time."""
        return bool(self.causes) or self.status in ("failed", "timed_out")

    def text(self) -> str:
        """The facts as JSON."""
        return json.dumps([self.status, self.spent, self.steps, self.causes], separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> RunFacts:
        """The facts that `text` gave.

        Raises:
            ValueError: It gave none of this.
        """
        try:
            status, places, steps, causes = json.loads(text)
            return cls(status, places, [StepFacts(*step) for step in steps], [CauseFacts(*cause) for cause in causes])
        except TypeError as error:
            raise ValueError(f"no facts of a run: {error}") from None


def facts_of(events: Iterable[HistoryEvent], decode: Decode, workflow_id: str = "") -> RunFacts | None:
    """The facts of a closed run's history; None for one that is still open.

    Args:
        events: The events, oldest first.
        decode: Gives a payload's value; asked for timers' summaries alone.
        workflow_id: The run's own id.
    """
    reduction = Reduction(workflow_id)
    code_failures: Counter[str] = Counter()
    for event in events:
        reduction.apply(event)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            attributes = event.workflow_task_failed_event_attributes
            if attributes.cause in CODE_FAILED:
                code_failures[error_of(attributes.failure)] += 1
    closing = reduction.closing
    if closing is None or reduction.started_at is None:
        return None
    drafts = [draft for draft in reduction.drafts if reduction.shown(draft, decode)]
    spans = [span for draft in drafts for span in spans_of(draft)]
    causes = causes_of(drafts)
    causes += [CauseFacts(WORKFLOW_CODE, error, count, 0) for error, count in code_failures.items()]
    causes += own_failure(closing.status, closing.failure)
    places = spent(spans, reduction.started_at.timestamp(), closing.at.timestamp())
    seconds: dict[Place, float] = {place: round(value, 6) for place, value in places.items()}
    return RunFacts(closing.status, seconds, steps_of(drafts), causes)


def steps_of(drafts: Iterable[Draft]) -> list[StepFacts]:
    """The steps by name."""
    by_name: dict[tuple[str, StepKind], list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.kind != "signal":
            by_name[draft.name, draft.kind].append(draft)
    return [
        StepFacts(
            name,
            kind,
            len(group),
            sum(draft.status in ("failed", "timed_out") for draft in group),
            sum(max(0, draft.attempt - 1) for draft in group),
            rounded(queue for draft in group if (queue := queue_seconds(draft)) is not None),
            rounded(ran for draft in group if (ran := run_seconds(draft)) is not None),
        )
        for (name, kind), group in by_name.items()
    ]


def rounded(values: Iterable[float]) -> list[float]:
    """Durations to the millisecond, a sample where there are very many."""
    return [round(value, 3) for value in spread(values)]


def queue_seconds(draft: Draft) -> float | None:
    """How long an activity waited for a worker; None where that is not known, as after a failed attempt."""
    if draft.kind != "activity" or draft.started_at is None or draft.attempt > 1:
        return None
    return max(0.0, (draft.started_at - draft.scheduled_at).total_seconds())


def run_seconds(draft: Draft) -> float | None:
    """How long the last attempt ran, a person was asked, a timer or a child run took."""
    if draft.started_at is None or draft.finished_at is None:
        return None
    return max(0.0, (draft.finished_at - draft.started_at).total_seconds())


def spans_of(draft: Draft) -> Iterable[Span]:
    """What went on in a step."""
    if draft.finished_at is None or draft.kind == "signal":
        return
    begin, end = draft.scheduled_at.timestamp(), draft.finished_at.timestamp()
    if draft.kind != "activity":
        places: dict[StepKind, Place] = {"approval": "people", "timer": "timer", "child": "child"}
        yield Span(places[draft.kind], begin, end)
        return
    started = draft.started_at.timestamp() if draft.started_at else end
    yield Span("retry" if draft.attempt > 1 else "queue", begin, started)
    yield Span("run", started, end)


def causes_of(drafts: Iterable[Draft]) -> list[CauseFacts]:
    """Why attempts of steps failed; of an activity's failed attempts history keeps the last one's reason."""
    retries: Counter[tuple[str, str]] = Counter()
    failures: Counter[tuple[str, str]] = Counter()
    for draft in drafts:
        if draft.kind not in ("activity", "child"):
            continue
        if draft.attempt > 1:
            last = draft.last_failure or draft.failure
            retries[draft.name, error_of(last)] += draft.attempt - 1
        if draft.status in ("failed", "timed_out"):
            failures[draft.name, error_of(draft.failure)] += 1
    keys = dict.fromkeys([*retries, *failures])
    return [CauseFacts(step, error, retries[step, error], failures[step, error]) for step, error in keys]


def own_failure(status: RunStatus, failure: FailureProto | None) -> list[CauseFacts]:
    """The failure of a run that no step passed on."""
    if status == "timed_out":
        return [CauseFacts(WORKFLOW_CODE, "run took too long", 0, 1)]
    if status != "failed" or failure is None or names_step(failure):
        return []
    return [CauseFacts(WORKFLOW_CODE, error_of(failure), 0, 1)]


def names_step(failure: FailureProto) -> bool:
    """Whether a step's failure is in the chain: then the step tells it."""
    current: FailureProto | None = failure
    while current is not None:
        if current.WhichOneof("failure_info") in ("activity_failure_info", "child_workflow_execution_failure_info"):
            return True
        current = current.cause if current.HasField("cause") else None
    return False


def error_of(failure: FailureProto | None) -> str:
    """The class of the exception, below what Temporal wraps around it."""
    current = failure
    while current is not None and current.HasField("cause"):
        if current.WhichOneof("failure_info") not in ("activity_failure_info", "child_workflow_execution_failure_info"):
            break
        current = current.cause
    if current is None:
        return "unknown"
    match current.WhichOneof("failure_info"):
        case "application_failure_info":
            return current.application_failure_info.type or "Exception"
        case "timeout_failure_info":
            return f"TimeoutError ({TIMEOUT_WORDS.get(current.timeout_failure_info.timeout_type, 'time was over')})"
        case "canceled_failure_info":
            return "Cancelled"
        case "terminated_failure_info":
            return "Terminated"
        case _:
            return current.source or "Failure"


def summaries(events: Iterable[HistoryEvent]) -> Iterable[Any]:
    """The payloads that `facts_of` decodes, for decoding them in advance."""
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED and event.user_metadata.HasField("summary"):
            yield event.user_metadata.summary
