"""Runs, steps and messages as spans and metrics: what a client and its workers do beside their work.

The SDK has interceptors for it, whose spans would say what errors said: see decision 31.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import temporalio.activity
import temporalio.client
import temporalio.worker
import temporalio.workflow
from temporalio.exceptions import CancelledError, is_cancelled_exception
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from . import cells, metrics
from .names import ATTEMPT, EXECUTION, QUEUE_SECONDS, RUN, STATUS, STEP, STEP_NAME, WORKFLOW
from .propagation import received, sent
from .tracing import api, attached, error_class, fail, tracer
from .workflow_spans import replaying, workflow_span

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class TelemetryPlugin(SimplePlugin):
    """Spans and metrics of a client and of the workers made of it."""

    def __init__(self) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "jupyter-workflows-telemetry", interceptors=[Spans()]
        )


class Spans(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Wraps calls, runs and steps."""

    def intercept_client(self, next: temporalio.client.OutboundInterceptor) -> temporalio.client.OutboundInterceptor:
        """Notes that the cell in execution has done something with a run."""
        return Calls(next)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """The wrapper around one attempt of a step."""
        return StepSpans(next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor]:
        """The wrapper around one run."""
        return RunSpans


class Calls(temporalio.client.OutboundInterceptor):
    """Calls to the server."""

    async def start_workflow(self, input: temporalio.client.StartWorkflowInput) -> Any:
        """Starts a run."""
        cells.keep()
        input.headers = sent(input.headers)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: temporalio.client.SignalWorkflowInput) -> None:
        """Sends a signal."""
        cells.keep()
        input.headers = sent(input.headers)
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: temporalio.client.StartWorkflowUpdateInput) -> Any:
        """Sends an update, such as a decision."""
        cells.keep()
        input.headers = sent(input.headers)
        return await super().start_workflow_update(input)


class StepSpans(ActivityInboundInterceptor):
    """One attempt of a step."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Runs it."""
        info = temporalio.activity.info()
        waited = max(timedelta(0), info.started_time - info.current_attempt_scheduled_time)
        labels = {"workflow": info.workflow_type or "", "step": info.activity_type}
        metrics.record(metrics.STEP_QUEUE_TIME, waited, **labels)
        if info.attempt > 1:
            metrics.record(metrics.STEP_RETRIES, **labels)
        began = time.perf_counter()
        status = "completed"
        with received(input.headers), step_span(info, waited) as span:
            try:
                return await super().execute_activity(input)
            except (asyncio.CancelledError, CancelledError):
                status = "cancelled"
                raise
            except Exception as error:
                status = "failed"
                if span is not None:
                    fail(span, error_class(error))
                raise
            finally:
                if span is not None:
                    span.set_attribute(STATUS, status)
                metrics.record(
                    metrics.STEP_LATENCY, timedelta(seconds=time.perf_counter() - began), status=status, **labels
                )


@contextlib.contextmanager
def step_span(info: temporalio.activity.Info, waited: timedelta) -> Generator[Span | None]:
    """The span of an attempt; None where none are made."""
    made = tracer()
    if made is None:
        yield None
        return
    span = made.start_span(
        f"step {info.activity_type}",
        kind=api()[1].SpanKind.CONSUMER,
        attributes={
            WORKFLOW: info.workflow_type or "",
            RUN: info.workflow_id or "",
            EXECUTION: info.workflow_run_id or "",
            STEP: info.activity_id,
            STEP_NAME: info.activity_type,
            ATTEMPT: info.attempt,
            QUEUE_SECONDS: waited.total_seconds(),
        },
    )
    try:
        with attached(span):
            yield span
    finally:
        span.end()


class RunSpans(WorkflowInboundInterceptor):
    """One run, from its first task to its end; a replay begins the same span anew, and ends none."""

    run: Span | None = None

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Sends the span on with what the run asks for."""
        super().init(Onward(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Runs it."""
        info = temporalio.workflow.info()
        labels = {"workflow": info.workflow_type}
        if info.continued_run_id is None and not replaying():
            metrics.record(metrics.RUNS_STARTED, **labels)
        with received(input.headers), workflow_span(f"run {info.workflow_type}") as span:
            self.run = span
            status = "completed"
            try:
                return await super().execute_workflow(input)
            except temporalio.workflow.ContinueAsNewError:
                status = "continued"
                raise
            except (Exception, asyncio.CancelledError) as error:
                status = "cancelled" if is_cancelled_exception(error) else "failed"
                if span is not None and status == "failed":
                    fail(span, error_class(error))
                raise
            finally:
                if span is not None:
                    span.set_attribute(STATUS, status)
                if not replaying():
                    took = temporalio.workflow.now() - info.workflow_start_time
                    metrics.record(metrics.RUNS_ENDED, status=status, **labels)
                    metrics.record(metrics.RUN_LATENCY, max(timedelta(0), took), status=status, **labels)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        """Takes a signal."""
        with received(input.headers), self.message_span(f"signal {input.signal}"):
            await super().handle_signal(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """Takes an update that was let in, such as a decision."""
        with received(input.headers), self.message_span(f"update {input.update}") as span:
            try:
                return await super().handle_update_handler(input)
            except Exception as error:
                if span is not None:
                    fail(span, error_class(error))
                raise

    @contextlib.contextmanager
    def message_span(self, name: str) -> Generator[Span | None]:
        """The span of a message: in its sender's trace with a link to the run, else in the run's."""
        if tracer() is None or self.run is None:
            yield None
            return
        trace = api()[1]
        if trace.get_current_span().get_span_context().is_valid:
            with workflow_span(name, trace.Link(self.run.get_span_context())) as span:
                yield span
            return
        with attached(self.run), workflow_span(name) as span:
            yield span


class Onward(WorkflowOutboundInterceptor):
    """What a run asks for: steps, child runs, messages to other runs, its own continuation."""

    def start_activity(self, input: StartActivityInput) -> temporalio.workflow.ActivityHandle[Any]:
        """Asks for a step."""
        input.headers = sent(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> temporalio.workflow.ActivityHandle[Any]:
        """Asks for a step of the worker's own."""
        input.headers = sent(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(
        self, input: StartChildWorkflowInput
    ) -> temporalio.workflow.ChildWorkflowHandle[Any, Any]:
        """Starts a child run."""
        input.headers = sent(input.headers)
        return await super().start_child_workflow(input)

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        """Sends a child run a signal."""
        input.headers = sent(input.headers)
        await super().signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        """Sends another run a signal."""
        input.headers = sent(input.headers)
        await super().signal_external_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        """Goes on as another execution."""
        input.headers = sent(input.headers)
        super().continue_as_new(input)
