"""How a trace goes on from client to run to step: by a header of Temporal's calls, which the codec of headers encrypts.

The header is that of Temporal's own interceptors for OpenTelemetry, so that runs of other programs' clients are in
their traces. Ours costs a third of theirs, which make a tracer for each call, and sends no baggage.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Generator, Mapping
from typing import Any

from temporalio.api.common.v1 import Payload

from .tracing import api, tracer

HEADER = "_tracer-data"
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


def sent(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    """The headers of a call with the span that it is part of."""
    if tracer() is None:
        return headers
    span = api()[1].get_current_span().get_span_context()
    if not span.is_valid:
        return headers
    traceparent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
    data = f'{{"traceparent":"{traceparent}"}}'.encode()
    return {**headers, HEADER: Payload(metadata={"encoding": b"json/plain"}, data=data)}


@contextlib.contextmanager
def received(headers: Mapping[str, Payload]) -> Generator[None]:
    """Makes the span that a call names the parent of what is made in the body; without one, there is no parent."""
    if tracer() is None:
        yield
        return
    context, trace = api()
    found = parent_in(headers)
    parent: Any = context.Context()
    if found is not None:
        span = trace.NonRecordingSpan(
            trace.SpanContext(
                int(found["trace"], 16), int(found["span"], 16), is_remote=True,
                trace_flags=trace.TraceFlags(int(found["flags"], 16)),
            )
        )  # fmt: skip
        parent = trace.set_span_in_context(span, parent)
    token = context.attach(parent)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            token.var.reset(token)


def parent_in(headers: Mapping[str, Payload]) -> re.Match[str] | None:
    """The span that headers name; whoever starts a run may write anything there."""
    if HEADER not in headers:
        return None
    try:
        return TRACEPARENT.fullmatch(json.loads(headers[HEADER].data)["traceparent"])
    except (ValueError, KeyError, TypeError):
        return None
