"""What is asked of the Jupyter server as spans: the roots of what it does to runs, or parts of the asker's trace."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping

from .tracing import attached, error_class, fail, tracer


@contextlib.contextmanager
def request_span(method: str, route: str, headers: Mapping[str, str]) -> Generator[None]:
    """The span of a request that changes something; those that only look have none.

    https://opentelemetry.io/docs/specs/semconv/http/http-spans/

    Args:
        method: Of HTTP.
        route: The path with its parameters' names, never their values.
        headers: May name the asker's span: `traceparent`.
    """
    made = tracer() if method != "GET" else None
    if made is None:
        yield
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    known = {name.lower(): value for name, value in headers.items()}
    span = made.start_span(
        f"{method} {route}",
        context=TraceContextTextMapPropagator().extract(known),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method, "http.route": route},
    )
    try:
        with attached(span):
            yield
    except Exception as error:
        fail(span, error_class(error))
        raise
    finally:
        span.end()
