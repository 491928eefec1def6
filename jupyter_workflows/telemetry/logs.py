"""What Python's logging writes, sent with the ids of the run and step it was written in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import temporalio.activity
import temporalio.workflow

from .names import ATTEMPT, EXECUTION, RUN, SCOPE, STEP, STEP_NAME, WORKFLOW
from .settings import content_wanted, protocol
from .tracing import FLUSH_MILLISECONDS, INSTALL, resource

log = logging.getLogger("jupyter_workflows.telemetry")
# Their own sending is logged there: it would go round and round.
OWN = ("opentelemetry", "urllib3", "requests", "grpc")
LEVELS = ((logging.CRITICAL, 21), (logging.ERROR, 17), (logging.WARNING, 13), (logging.INFO, 9), (logging.DEBUG, 5))

_provider: Any = None


def send_logs(redact: Callable[[str], str]) -> None:
    """Sends what is logged from now on, beside wherever it goes already.

    Args:
        redact: Takes the keys of this process out of a text.
    """
    global _provider
    if _provider is not None:
        return
    try:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        exporter = log_exporter()
    except ImportError as error:
        log.warning("OTEL_* variables ask for logs, and %s is not installed: %s", error.name or error, INSTALL)
        return
    from .sending import quiet

    quiet()
    _provider = LoggerProvider(resource=resource())
    _provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logging.getLogger().addHandler(Sender(_provider, redact))


def log_exporter() -> Any:
    """What sends logs, by the protocol that the variables name."""
    if protocol("logs") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as ByGrpc

        return ByGrpc()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as ByHttp

    return ByHttp()


def flush() -> None:
    """Sends what waits to be sent."""
    if _provider is not None:
        _provider.force_flush(FLUSH_MILLISECONDS)


class Sender(logging.Handler):
    """Takes what is logged in this process.

    Args:
        provider: What sends it.
        redact: Takes keys out of a text.
    """

    def __init__(self, provider: Any, redact: Callable[[str], str]) -> None:
        super().__init__()
        self.logger = provider.get_logger(SCOPE)
        self.redact = redact

    def emit(self, record: logging.LogRecord) -> None:
        """Takes one record; of an exception its class, unless contents are wanted."""
        if record.name.partition(".")[0] in OWN or repeated():
            return
        from opentelemetry._logs import LogRecord, SeverityNumber
        from opentelemetry.context import get_current

        attributes: dict[str, Any] = {"logger.name": record.name, **place()}
        if record.exc_info and record.exc_info[0] is not None:
            attributes["exception.type"] = record.exc_info[0].__name__
            if content_wanted():
                attributes["exception.stacktrace"] = self.redact(logging.Formatter().formatException(record.exc_info))
        number = next((number for level, number in LEVELS if record.levelno >= level), 1)
        self.logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                context=get_current(),
                severity_text=record.levelname,
                severity_number=SeverityNumber(number),
                body=self.redact(record.getMessage()),
                attributes=attributes,
            )
        )


def repeated() -> bool:
    """Whether workflow code says again, in a replay, what it said before."""
    return temporalio.workflow.in_workflow() and temporalio.workflow.unsafe.is_replaying_history_events()


def place() -> dict[str, Any]:
    """The run and step in which something happens; nothing outside of both."""
    if temporalio.workflow.in_workflow():
        run = temporalio.workflow.info()
        return {WORKFLOW: run.workflow_type, RUN: run.workflow_id, EXECUTION: run.run_id}
    if temporalio.activity.in_activity():
        step = temporalio.activity.info()
        return {
            WORKFLOW: step.workflow_type or "",
            RUN: step.workflow_id or "",
            EXECUTION: step.workflow_run_id or "",
            STEP: step.activity_id,
            STEP_NAME: step.activity_type,
            ATTEMPT: step.attempt,
        }
    return {}
