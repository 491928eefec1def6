"""Where the SDK's own metrics go: to Prometheus, or to an OpenTelemetry collector.

This is the one place to extend for traces and metrics of our own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from temporalio.runtime import (
    LoggingConfig,
    OpenTelemetryConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from .settings import ServiceSettings

# https://opentelemetry.io/docs/specs/otel/protocol/exporter/
OTLP = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def native_runtime(settings: ServiceSettings, environment: Mapping[str, str] | None = None) -> Runtime:
    """The SDK's native runtime, which exports its metrics.

    Args:
        settings: Says where Prometheus finds them.
        environment: Where an OpenTelemetry collector is named, by gRPC; it then gets them instead.
    """
    variables = os.environ if environment is None else environment
    collector = next((variables[name] for name in OTLP if variables.get(name)), None)
    logging = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"))
    if collector is not None:
        return Runtime(telemetry=TelemetryConfig(logging=logging, metrics=OpenTelemetryConfig(url=collector)))
    if settings.metrics is None:
        return Runtime(telemetry=TelemetryConfig(logging=logging))
    prometheus = PrometheusConfig(bind_address=str(settings.metrics), unit_suffix=True, durations_as_seconds=True)
    return Runtime(telemetry=TelemetryConfig(logging=logging, metrics=prometheus))
