"""The spans of this process: where they are made, and how they are sent without what nobody asked for."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from .names import ERROR, SCOPE, SERVICE
from .settings import content_wanted, is_on, protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger("jupyter_workflows.telemetry")

# A process that is killed loses what it has not sent (OpenTelemetry's default: 5 s).
DELAY_MILLISECONDS = 1_000
FLUSH_MILLISECONDS = 2_000
DELAY_VARIABLE = "OTEL_BSP_SCHEDULE_DELAY"
INSTALL = 'pip install "jupyter-workflows[telemetry]"'


@functools.cache
def provider() -> Any:
    """What makes the spans of this process, for Temporal's workflows too; None where none are sent.

    It becomes OpenTelemetry's own provider, so that spans of the user's code are sent with ours; one that is there
    already, in a notebook that sends traces by itself, stays.
    """
    if not is_on("traces"):
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from temporalio.contrib.opentelemetry import create_tracer_provider

        exporter = span_exporter()
    except ImportError as error:
        log.warning("OTEL_* variables ask for traces, and %s is not installed: %s", error.name or error, INSTALL)
        return None
    from .sending import quiet

    quiet()
    made = create_tracer_provider(resource=resource())
    delay = None if os.environ.get(DELAY_VARIABLE) else DELAY_MILLISECONDS
    made.add_span_processor(BatchSpanProcessor(Discreet.over(exporter), schedule_delay_millis=delay))
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(made)
    return made


@functools.cache
def api() -> tuple[Any, Any]:
    """OpenTelemetry's modules of contexts and traces; an import inside of workflow code is looked at by the sandbox."""
    from opentelemetry import context, trace

    return context, trace


@functools.cache
def tracer() -> Tracer | None:
    """Makes our spans; None where none are sent."""
    made = provider()
    if made is None:
        return None
    api()
    return made.get_tracer(SCOPE)


def flush() -> None:
    """Sends what waits to be sent."""
    made = provider()
    if made is not None:
        made.force_flush(FLUSH_MILLISECONDS)


def resource() -> Any:
    """What is said of this process: `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`, and our name without them."""
    from opentelemetry.sdk.resources import Resource

    from .settings import resource_attributes

    return Resource.create({} if "service.name" in resource_attributes() else {"service.name": SERVICE})


def span_exporter() -> SpanExporter:
    """What sends spans, by the protocol that the variables name."""
    if protocol("traces") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc

        return ByGrpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp

    return ByHttp()


class Discreet:
    """Leaves out of spans what an error said: it may quote a value. Its class stays.

    Args:
        inner: What sends them.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner

    @classmethod
    def over(cls, inner: SpanExporter) -> Any:
        """The exporter itself where contents are wanted."""
        return inner if content_wanted() else cls(inner)

    def export(self, spans: Sequence[ReadableSpan]) -> Any:
        """Sends spans."""
        return self.inner.export([discreet(span) for span in spans])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what waits."""
        return self.inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Ends."""
        self.inner.shutdown()


def discreet(span: ReadableSpan) -> ReadableSpan:
    """The span without the words of errors."""
    told = [event for event in span.events if event.name == "exception"]
    if not told and not span.status.description:
        return span
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Status

    def bare(event: Any) -> Any:
        known: dict[str, Any] = dict(event.attributes or {})
        kept = {name: value for name, value in known.items() if name == "exception.type"}
        return Event(event.name, kept, event.timestamp) if event.name == "exception" else event

    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[bare(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


@contextlib.contextmanager
def attached(span: Span) -> Generator[None]:
    """Makes a span the parent of what is made in the body.

    A workflow that leaves the worker's cache is taken down in another context than it was set up in, and a cell of a
    notebook may end in another one than it began in: then there is nothing to take back.
    """
    context, trace = api()
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            token.var.reset(token)


def fail(span: Span, kind: str) -> None:
    """Says on a span of what class the error was."""
    span.set_attribute(ERROR, kind)
    span.set_status(api()[1].StatusCode.ERROR)


def error_class(error: BaseException) -> str:
    """The class of an error; that of the user's exception where Temporal's stands for it."""
    return getattr(error, "type", None) or type(error).__name__
