"""Traces, metrics and logs by OpenTelemetry, turned on by its own `OTEL_*` variables and by nothing else.

Where they are not set, nothing is imported, made or sent. What is sent holds names, ids, times and counts: values,
prompts and the words of errors stay here unless `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .settings import SIGNALS, endpoint, is_on

if TYPE_CHECKING:
    from temporalio.client import Plugin

__all__ = ["SIGNALS", "endpoint", "flush", "is_on", "plugins"]


def plugins(redact: Callable[[str], str]) -> list[Plugin]:
    """What a connection needs beside the package's own plugin; nothing where neither traces nor logs are sent.

    Args:
        redact: Takes the keys of this process out of a text.
    """
    if is_on("logs"):
        from .logs import send_logs

        send_logs(redact)
    from .metrics import meter

    if not is_on("traces") and meter() is None:
        return []
    from .plugin import TelemetryPlugin

    return [TelemetryPlugin()]


def flush() -> None:
    """Sends what waits to be sent, within two seconds: a process that is about to end calls it."""
    import sys

    for part in ("tracing", "logs"):
        module = sys.modules.get(f"{__name__}.{part}")
        if module is not None:
            module.flush()
