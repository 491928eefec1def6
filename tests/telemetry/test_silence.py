"""Without the standard variables nothing of OpenTelemetry's SDK is imported, and nobody counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_workflows.local.paths import Home
from jupyter_workflows.telemetry.settings import endpoint, is_on, protocol, url_of_metrics

from .conftest import kernel

WITHIN = """
import json, sys
from jupyter_workflows.telemetry.metrics import meter

def seen() -> list:
    return [sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))),
            meter() is None]

@activity
def look() -> list:
    return seen()
"""
WORKFLOW = "%%workflow\nasync def quiet() -> list:\n    return await look()"


def test_nothing_is_imported_or_counted_where_the_variables_are_not_set(own_home: Home, tmp_path: Path):
    with kernel(own_home, tmp_path, {}) as notebook:
        notebook.run(WITHIN)
        notebook.run(WORKFLOW)
        assert notebook.value("quiet.start().result(timeout=60)") == [[], True]
        assert notebook.value("seen()") == [[], True]


@pytest.mark.parametrize("module", ["jupyter_workflows", "jupyter_workflows.worker", "jupyter_workflows.deployment"])
def test_importing_the_package_imports_no_opentelemetry_even_when_it_is_on(module: str):
    code = f"import {module}, sys; sys.exit([name for name in sys.modules if name.startswith('opentelemetry.')] != [])"
    variables = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert subprocess.run([sys.executable, "-c", code], env=variables, timeout=60, check=False).returncode == 0


ALL = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "on"),
    [
        ({}, []),
        ({ALL: ""}, []),
        ({ALL: "http://c:4318"}, ["traces", "metrics", "logs"]),
        ({ALL: "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, []),
        ({ALL: "http://c:4318", "OTEL_LOGS_EXPORTER": "none"}, ["traces", "metrics"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ["traces"]),
        ({ALL: "http://c:4318", "OTEL_METRICS_EXPORTER": "prometheus"}, ["traces", "logs"]),
    ],
)
def test_variables_turn_signals_on(variables: dict[str, str], on: list[str]):
    assert [signal for signal in ("traces", "metrics", "logs") if endpoint(signal, variables)] == on  # type: ignore[arg-type]
    assert is_on(None, variables) == bool(on)


@pytest.mark.parametrize(
    ("variables", "by", "url"),
    [
        ({ALL: "http://c:4318/"}, "http", "http://c:4318/v1/metrics"),
        ({ALL: "http://c:4317"}, "grpc", "http://c:4317"),
        ({ALL: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http", "http://c:4317/v1/metrics"),
        ({ALL: "http://c:9", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, "grpc", "http://c:9"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:9/mine"}, "http", "http://c:9/mine"),
        ({ALL: "http://c:no"}, "http", "http://c:no/v1/metrics"),
    ],
)
def test_protocol_and_address_of_metrics(variables: dict[str, str], by: str, url: str):
    assert (protocol("metrics", variables), url_of_metrics(variables)) == (by, url)
