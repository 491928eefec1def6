"""What OpenTelemetry says about its own failures: once, in one sentence, and never below somebody's cell again."""

from __future__ import annotations

import logging

log = logging.getLogger("jupyter_workflows.telemetry")


class Once(logging.Handler):
    """Passes on the first complaint of an exporter: a collector that is away would be told of with each batch."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a complaint."""
        if not self.told:
            self.told = True
            log.warning("telemetry is not sent, and that is said once: %s", record.getMessage())


def quiet() -> None:
    """Lets exporters complain once per process."""
    exporters = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, Once) for handler in exporters.handlers):
        exporters.addHandler(Once())
        exporters.propagate = False
