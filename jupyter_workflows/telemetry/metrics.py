"""The metrics of runs, steps and model calls, counted and sent by Temporal's native part, beside its own.

They need no OpenTelemetry for Python: a worker with Prometheus as its only listener has them too.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from .names import SERVICE
from .settings import headers_of_metrics, interval_of_metrics, is_on, protocol, resource_attributes, url_of_metrics

if TYPE_CHECKING:
    from temporalio.common import MetricMeter
    from temporalio.runtime import Runtime

Kind = Literal["counter", "histogram", "seconds", "gauge"]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: Its name; with Prometheus, durations end in `_seconds`.
        kind: How it counts; `seconds` is a histogram of durations, `histogram` one of other numbers.
        labels: What tells its series apart.
        meaning: What it says.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


RUNS_STARTED = Metric("jupyter_workflows_runs_started", "counter", ("workflow",), "Runs that began")
RUNS_ENDED = Metric(
    "jupyter_workflows_runs_ended", "counter", ("workflow", "status"), "Runs that ended, by how they ended"
)
RUN_LATENCY = Metric(
    "jupyter_workflows_run_latency", "seconds", ("workflow", "status"), "From a run's start to its end, waits included"
)
STEP_LATENCY = Metric(
    "jupyter_workflows_step_latency", "seconds", ("workflow", "step", "status"), "How long an attempt of a step took"
)
STEP_QUEUE_TIME = Metric(
    "jupyter_workflows_step_queue_time", "seconds", ("workflow", "step"), "How long an attempt waited for a worker"
)
STEP_RETRIES = Metric(
    "jupyter_workflows_step_retries", "counter", ("workflow", "step"), "Attempts after the first of a step"
)
MODEL_CALLS = Metric(
    "jupyter_workflows_model_call_latency", "seconds", ("operation", "model", "status"), "How long a model call took"
)
TOKENS = Metric("jupyter_workflows_tokens", "counter", ("model", "type"), "Tokens of prompts and of answers")
COST = Metric(
    "jupyter_workflows_model_call_cost",
    "histogram",
    ("model",),
    "What a model call cost, in the currency of the price table; its sum is the cost of all",
)
RUNS_OPEN = Metric("jupyter_workflows_runs_open", "gauge", (), "Runs on the worker's queue that are open")
RUNS_STUCK = Metric(
    "jupyter_workflows_runs_stuck", "gauge", (), "Open runs on the worker's queue whose code can't go on"
)
APPROVALS_WAITING = Metric(
    "jupyter_workflows_approvals_waiting", "gauge", (), "Approvals of runs on the worker's queue that wait"
)
APPROVAL_AGE = Metric(
    "jupyter_workflows_approval_oldest_age", "gauge", (), "Seconds for which the oldest of them has waited"
)
BACKLOG = Metric(
    "jupyter_workflows_queue_backlog", "gauge", ("type",), "Tasks of the queue that no worker has taken: runs, steps"
)
RECOVERY_RATE = Metric(
    "jupyter_workflows_recovery_rate",
    "gauge",
    ("workflow",),
    "Of the runs of the last day that met a failure, the share that completed; 1 where none met one",
)
METRICS = (
    RUNS_STARTED, RUNS_ENDED, RUN_LATENCY, STEP_LATENCY, STEP_QUEUE_TIME, STEP_RETRIES, MODEL_CALLS, TOKENS, COST,
    RUNS_OPEN, RUNS_STUCK, APPROVALS_WAITING, APPROVAL_AGE, BACKLOG, RECOVERY_RATE,
)  # fmt: skip

# From a step that only counts to a run that waits for people; the SDK's own end at ten seconds.
SECONDS_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0,
    86_400.0, 604_800.0,
)  # fmt: skip
BUCKETS = {metric.name: SECONDS_BUCKETS for metric in METRICS if metric.kind == "seconds"} | {
    COST.name: (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
}

_runtime: Runtime | None = None


def native_runtime(prometheus: str | None = None, *, package: str = "") -> Runtime | None:
    """The native runtime that sends metrics: to a collector where one is named, else where Prometheus asks for them.

    There is one per process: it has threads of its own.

    Args:
        prometheus: `address:port` to listen on.
        package: The exported package that is served, a label of all metrics.

    Returns:
        None where nobody wants metrics: then the SDK's own runtime serves.
    """
    global _runtime
    if _runtime is None and (is_on("metrics") or prometheus):
        from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

        logging = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"))
        _runtime = Runtime(
            telemetry=TelemetryConfig(
                logging=logging,
                metrics=target(prometheus),
                global_tags=labels(package),
                attach_service_name=not is_on("metrics"),
            )
        )
    return _runtime


def target(prometheus: str | None) -> Any:
    """Where metrics go."""
    from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

    if not is_on("metrics"):
        return PrometheusConfig(
            bind_address=str(prometheus),
            unit_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=BUCKETS,
        )
    return OpenTelemetryConfig(
        url=url_of_metrics(),
        headers=headers_of_metrics() or None,
        metric_periodicity=interval_of_metrics(),
        durations_as_seconds=True,
        http=protocol("metrics") == "http",
        histogram_bucket_overrides=BUCKETS,
    )


def labels(package: str) -> dict[str, str]:
    """What is said of this process with each metric."""
    own = {"package": package} if package else {}
    return {"service.name": SERVICE, **resource_attributes(), **own} if is_on("metrics") else own


def meter() -> MetricMeter | None:
    """Counts; None where nobody wants metrics."""
    return _runtime.metric_meter if _runtime is not None else None


@functools.cache
def instrument(metric: Metric) -> Any:
    """What counts a metric."""
    found = meter()
    assert found is not None
    if metric.kind == "seconds":
        return found.create_histogram_timedelta(metric.name, metric.meaning)
    make = {
        "counter": found.create_counter,
        "histogram": found.create_histogram_float,
        "gauge": found.create_gauge_float,
    }[metric.kind]
    return make(metric.name, metric.meaning)


def record(metric: Metric, value: float | timedelta = 1, /, **labels: str) -> None:
    """Counts, where somebody wants metrics.

    Args:
        metric: What is counted.
        value: How much; a duration for one of durations.
        labels: Its labels, all of them.
    """
    if meter() is None:
        return
    found = instrument(metric)
    if metric.kind == "counter":
        found.add(int(value) if not isinstance(value, timedelta) else 0, labels)
    elif metric.kind == "gauge":
        found.set(value, labels)
    else:
        found.record(value, labels)
