"""A run's trace from its history: the spans that a collector gets, without one; no value is in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Literal

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

from ..schema import Attempt, Run, Step
from ..telemetry.propagation import HEADER, parent_in
from .access import RunAccess, in_our_words
from .elements import card, icon, line, pill
from .reading import Snapshot
from .step_table import axis, gap_marks, rect
from .style import TONES
from .text import count_words, status_words, usage_words
from .timescale import Timescale, timescale
from .untrusted import human_seconds, one_line

# The first step's order stands early in a history.
LOOKED_AT = 50
SHOWN_SPANS = 200
KINDS = {"activity": "step", "child": "run", "approval": "approval", "timer": "timer"}

SpanKind = Literal["run", "step", "attempt", "approval", "timer"]


@dataclass(frozen=True)
class Span:
    """One bar of a trace.

    Attributes:
        name: What it is, such as `step fetch`.
        kind: Which kind it is of.
        depth: How many spans it stands below; 0 for the run.
        start: When it began, in UTC; of a step when it was asked for.
        worked_from: When a worker took it; None for what no worker does, or none has taken yet.
        end: When it ended; None while it is open.
        status: A word of `schema.StepStatus` or `schema.RunStatus`.
        detail: Further words: class of the error, tokens, who.
    """

    name: str
    kind: SpanKind
    depth: int
    start: datetime
    end: datetime | None
    status: str
    worked_from: datetime | None = None
    detail: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is open."""
        return (self.end - self.start).total_seconds() if self.end else None


@dataclass(frozen=True)
class Trace:
    """The spans of a run, in order, each below its parent; displayed, they are bars over time.

    Attributes:
        run: The run.
        spans: Its spans.
        trace_id: Under which id a collector has the trace, 32 hexadecimal digits; None where it was sent to none.
        taken_at: When the history was looked at.
    """

    run: Run
    spans: list[Span]
    trace_id: str | None
    taken_at: datetime
    steps: list[Step] = field(default_factory=list[Step], repr=False)

    def __str__(self) -> str:
        known = f", trace {self.trace_id}" if self.trace_id else ""
        rows = [
            f"{one_line(self.run.id)}{known}",
            *(span_text(span, self.taken_at) for span in self.spans[:SHOWN_SPANS]),
        ]
        return "\n".join([*rows, *left_out(self.spans)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {"text/plain": str(self), "text/html": render(self)}


async def trace_of(access: RunAccess, snapshot: Snapshot) -> Trace:
    """The trace of a run.

    Raises:
        ConnectionFailed: The server is out of reach.
    """
    events = await first_events(access, snapshot.run)
    trace_id = await sent_trace(events, access.client)
    return Trace(snapshot.run, spans_of(snapshot), trace_id, snapshot.taken_at, snapshot.steps)


async def first_events(access: RunAccess, run: Run) -> list[HistoryEvent]:
    """The beginning of a run's history."""
    request = GetWorkflowExecutionHistoryRequest(
        namespace=access.client.namespace,
        execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
        maximum_page_size=LOOKED_AT,
    )
    with in_our_words(access):
        answer = await access.client.workflow_service.get_workflow_execution_history(request, retry=True)
    return list(answer.history.events)


async def sent_trace(events: Iterable[HistoryEvent], client: Client) -> str | None:
    """The id of the trace that a run is part of, as the headers of its start and first steps have it."""
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            headers = event.workflow_execution_started_event_attributes.header
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            headers = event.activity_task_scheduled_event_attributes.header
        else:
            continue
        if HEADER in headers.fields and (found := await trace_in(headers.fields[HEADER], client)):
            return found
    return None


async def trace_in(header: Payload, client: Client) -> str | None:
    """The trace that a header names; None where it can't be read: whoever starts a run may write anything there."""
    codec = client.data_converter.payload_codec
    try:
        plain = (await codec.decode([header]))[0] if codec else header
    except Exception:  # noqa: BLE001 - a header is whatever its sender made it
        return None
    found = parent_in({HEADER: plain})
    return found["trace"] if found else None


def spans_of(snapshot: Snapshot) -> list[Span]:
    """The spans of a run and its steps."""
    run = snapshot.run
    found = [Span(f"run {run.workflow}", "run", 0, run.started_at, run.closed_at, run.status)]
    for step in snapshot.steps:
        if step.kind in KINDS:
            found.append(step_span(step))
            # Of a finished step history has the last attempt alone, which the step's own bar shows.
            known = [attempt for attempt in step.attempts if attempt.started_at]
            found += map(attempt_span, known) if len(known) > 1 else []
    return found


def step_span(step: Step) -> Span:
    """The span of a step, its wait for a worker included."""
    word = KINDS[step.kind]
    error = step.failure.root.type if step.failure else ""
    tries = f"{step.attempt} attempts" if step.attempt > 1 else ""
    who = f"{step.approval.status} by {step.approval.by}" if step.approval and step.approval.by else ""
    calls = count_words(step.usage.calls, "model call") if step.usage and step.usage.calls else ""
    words = (error, tries, who, calls, usage_words(step.usage) if calls else "")
    return Span(
        f"{word} {step.id if step.kind in ('approval', 'timer') else step.name}",
        "run" if word == "run" else word,  # pyright: ignore[reportArgumentType]
        1,
        step.scheduled_at,
        step.finished_at,
        step.status,
        step.started_at if step.kind == "activity" else None,
        ", ".join(dict.fromkeys(filter(None, words))),
    )


def attempt_span(attempt: Attempt) -> Span:
    """The span of one attempt among several."""
    assert attempt.started_at is not None
    error = attempt.failure.root.type if attempt.failure else ""
    return Span(
        f"attempt {attempt.number}", "attempt", 2, attempt.started_at, attempt.finished_at, attempt.status,
        attempt.started_at, error,
    )  # fmt: skip


def span_text(span: Span, now: datetime) -> str:
    """A span as a line."""
    took = human_seconds(((span.end or now) - span.start).total_seconds()) + ("" if span.end else "…")
    words = ", ".join(filter(None, [status_words(span.status), one_line(span.detail)]))
    return f"{'  ' * (span.depth + 1)}{one_line(span.name, 60):<{50 - 2 * span.depth}} {took:>10}  {words}"


def left_out(spans: list[Span]) -> list[str]:
    """How many spans are not shown."""
    more = len(spans) - SHOWN_SPANS
    return [f"… and {count_words(more, 'more span')}"] if more > 0 else []


def render(trace: Trace) -> str:
    """A trace as static HTML: no script, no link."""
    run = trace.run
    end = run.closed_at or trace.taken_at
    scale = timescale(trace.steps, run.started_at, end)
    rows = "".join(row(span, scale, end) for span in trace.spans[:SHOWN_SPANS])
    known = f'<span class="jw-mono jw-muted jw-any">trace {escape(trace.trace_id)}</span>' if trace.trace_id else ""
    head = (
        f'<div class="jw-head">{pill(run.status)}<span class="jw-title jw-any">{line(run.workflow, 80)}</span>'
        f'<span class="jw-mono jw-muted jw-any">{line(run.id)}</span>{known}'
        f'<span class="jw-right">{escape(human_seconds((end - run.started_at).total_seconds()))}</span></div>'
    )
    more = "".join(f'<div class="jw-empty">{escape(words)}</div>' for words in left_out(trace.spans))
    return card(
        head,
        '<table class="jw-grid jw-steps"><thead><tr class="jw-step"><th style="width:36%">span</th>'
        f'<th class="jw-lane">{axis(scale)}</th><th class="jw-took" style="width:110px">took</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}",
    )


def row(span: Span, scale: Timescale, end: datetime) -> str:
    """One span as a row of the table."""
    took = escape(human_seconds(((span.end or end) - span.start).total_seconds())) + ("" if span.end else "…")
    detail = f'<span class="jw-muted jw-any"> {line(span.detail, 120)}</span>' if span.detail else ""
    name = (
        f'<div class="jw-name" style="padding-left:{16 * span.depth}px">{icon(span.status)}'
        f'<span class="jw-any" title="{escape(status_words(span.status))}">{line(span.name, 80)}{detail}</span></div>'
    )
    return (
        f'<tr class="jw-step"><td>{name}</td><td class="jw-lane">{gap_marks(scale)}{bar(span, scale, end)}</td>'
        f'<td class="jw-took">{took}</td></tr>'
    )


def bar(span: Span, scale: Timescale, end: datetime) -> str:
    """A span over time; what it waited for a worker is paler."""
    left, right = scale.position(span.start), scale.position(span.end or end)
    worked = min(max(scale.position(span.worked_from), left), right) if span.worked_from else left
    if span.kind in ("approval", "timer"):
        drawn = rect("jw-held", left, right - left, (5, 6, 3))
    elif span.status == "scheduled":
        drawn = rect("jw-queue", left, right - left, (7, 2, 1))
    else:
        waited = rect("jw-queue", left, worked - left, (7, 2, 1)) if worked - left > 1 else ""
        drawn = waited + rect("jw-bar", worked, right - worked, (3, 10, 3) if span.kind != "run" else (6, 4, 2))
    label = f"{status_words(span.status)}, {human_seconds(((span.end or end) - span.start).total_seconds())}"
    return (
        f'<svg class="jw-bars jw-{TONES.get(span.status, "off")}" role="img" aria-label="{escape(label)}">{drawn}</svg>'
    )
