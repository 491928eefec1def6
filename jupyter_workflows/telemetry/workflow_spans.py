"""Spans of workflow code: a replay makes them anew with the ids they had, and ends none of them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import temporalio.workflow

from .names import EXECUTION, RUN, STEP, STEP_NAME, WORKFLOW
from .tracing import api, attached, tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@contextlib.contextmanager
def waiting_span(kind: str, step: str) -> Generator[None]:
    """The span of a step that only waits, below that of its run.

    Args:
        kind: What it waits for, such as `approval`.
        step: Its id.
    """
    if tracer() is None:
        yield
        return
    # A replay that is made to look at a run has no span of the run, and makes none.
    if not api()[1].get_current_span().get_span_context().is_valid:
        yield
        return
    with workflow_span(f"{kind} {step}", **{STEP: step, STEP_NAME: kind}):
        yield


@contextlib.contextmanager
def workflow_span(name: str, *links: Any, **attributes: str) -> Generator[Span | None]:
    """A span of workflow code; None where none are made."""
    made = tracer()
    if made is None:
        yield None
        return
    info = temporalio.workflow.info()
    known = {WORKFLOW: info.workflow_type, RUN: info.workflow_id, EXECUTION: info.run_id}
    span = made.start_span(name, kind=api()[1].SpanKind.CONSUMER, attributes={**known, **attributes}, links=links)
    try:
        with attached(span):
            yield span
    finally:
        # A span of a run that only leaves this worker's cache ends where the run goes on.
        if not replaying():
            span.end()


def replaying() -> bool:
    """Whether what the code does was done before, or is only taken down."""
    return not temporalio.workflow.in_workflow() or temporalio.workflow.unsafe.is_replaying_history_events()
