"""What the standard variables say, as far as it must be known before OpenTelemetry is imported.

The exporters read the rest by themselves: headers, certificates, compression, limits, sampling.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal
from urllib.parse import unquote, urlsplit

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["grpc", "http"]

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
GRPC_PORT = 4317
CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# The value of the first semantic conventions, and those since.
CONTENT_WANTED = {"true", "span_only", "span_and_event"}


def endpoint(signal: Signal, environment: Mapping[str, str] | None = None) -> str | None:
    """Where a signal is sent; None where it is not.

    Args:
        signal: `traces`, `metrics` or `logs`.
        environment: The variables; by default this process's.
    """
    found = os.environ if environment is None else environment
    if found.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    exporters = found.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or "otlp"
    if "otlp" not in [name.strip() for name in exporters.split(",")]:
        return None
    return specific(found, signal, "ENDPOINT") or None


def is_on(signal: Signal | None = None, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a signal is sent; without one, whether any is."""
    wanted = SIGNALS if signal is None else (signal,)
    return any(endpoint(each, environment) for each in wanted)


def protocol(signal: Signal, environment: Mapping[str, str] | None = None) -> Protocol:
    """By which protocol a signal is sent: HTTP unless the variables, or gRPC's own port, say otherwise."""
    found = os.environ if environment is None else environment
    told = specific(found, signal, "PROTOCOL").lower()
    if told:
        return "grpc" if told == "grpc" else "http"
    try:
        port = urlsplit(endpoint(signal, found) or "").port
    except ValueError:
        return "http"
    return "grpc" if port == GRPC_PORT else "http"


def url_of_metrics(environment: Mapping[str, str] | None = None) -> str:
    """Where metrics go, in full: by HTTP the path is ours to add to an endpoint of all signals."""
    found = os.environ if environment is None else environment
    url = endpoint("metrics", found) or ""
    own = found.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "").strip()
    if protocol("metrics", found) == "grpc" or own:
        return url
    return f"{url.rstrip('/')}/v1/metrics"


def headers_of_metrics(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is sent along with metrics, such as a key."""
    return pairs(specific(os.environ if environment is None else environment, "metrics", "HEADERS"))


def resource_attributes(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the variables say of this process."""
    found = os.environ if environment is None else environment
    attributes = pairs(found.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    name = found.get("OTEL_SERVICE_NAME", "").strip()
    return attributes | ({"service.name": name} if name else {})


def interval_of_metrics(environment: Mapping[str, str] | None = None) -> timedelta:
    """How often metrics are sent."""
    found = os.environ if environment is None else environment
    told = found.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    return timedelta(milliseconds=int(told) if told.isdigit() and int(told) else 60_000)


def content_wanted(environment: Mapping[str, str] | None = None) -> bool:
    """Whether prompts, answers and the words of errors may be sent."""
    found = os.environ if environment is None else environment
    return found.get(CONTENT_VARIABLE, "").strip().lower() in CONTENT_WANTED


def specific(found: Mapping[str, str], signal: Signal, what: str) -> str:
    """A signal's own variable, else that of all signals."""
    own = found.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", "").strip()
    return own or found.get(f"OTEL_EXPORTER_OTLP_{what}", "").strip()


def pairs(text: str) -> dict[str, str]:
    """`name=value` with commas between, percent-encoded."""
    found = (each.partition("=") for each in text.split(",") if "=" in each)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in found}
