"""Durable AI pipelines, written, run, watched, corrected and shipped from the notebook."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .authoring import (
    Activity,
    Approval,
    Budget,
    Check,
    Escalation,
    Partial,
    PartialResults,
    Quorum,
    RateLimit,
    Reminders,
    RetryPolicy,
    Workflow,
    activity,
    continue_as_new,
    heartbeat,
    history_is_long,
    human_approval,
    last_heartbeat,
    parallel_map,
    set_query_value,
    sleep,
    timeout,
    wait_for_signal,
    workflow,
)

if TYPE_CHECKING:
    from .export.exporting import export
    from .runs.handle import Run
    from .scheduling.handle import Schedule, schedule, schedules
    from .session import compare, connect, dashboard, get_run, inbox, replay, runs

__version__ = "0.1.0"

# Imported on first use: a worker needs none of them.
_LATE = {
    "Run": "runs.handle",
    "Schedule": "scheduling.handle",
    "compare": "session",
    "connect": "session",
    "dashboard": "session",
    "export": "export.exporting",
    "get_run": "session",
    "inbox": "session",
    "replay": "session",
    "runs": "session",
    "schedule": "scheduling.handle",
    "schedules": "scheduling.handle",
    "_jupyter_server_extension_points": "server.extension",
    "load_ipython_extension": "magics",
    "unload_ipython_extension": "magics",
}

__all__ = [
    "Activity",
    "Approval",
    "Budget",
    "Check",
    "Escalation",
    "Partial",
    "PartialResults",
    "Quorum",
    "RateLimit",
    "Reminders",
    "RetryPolicy",
    "Run",
    "Schedule",
    "Workflow",
    "activity",
    "compare",
    "connect",
    "continue_as_new",
    "dashboard",
    "export",
    "get_run",
    "heartbeat",
    "history_is_long",
    "human_approval",
    "inbox",
    "last_heartbeat",
    "parallel_map",
    "replay",
    "runs",
    "schedule",
    "schedules",
    "set_query_value",
    "sleep",
    "timeout",
    "wait_for_signal",
    "workflow",
]


class _Package(ModuleType):
    """Keeps `runs`, `replay` and `export` the public functions: importing a subpackage would put it under its name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in ("runs", "replay", "export") and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{module}", __name__), name)
