"""What goes into a running workflow and what it lets others see: signals, queries, heartbeats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar, overload

import temporalio.activity
import temporalio.workflow

from ..errors import AuthoringError
from .state import run_state

T = TypeVar("T")


@overload
async def wait_for_signal(name: str, *, type: type[T], timeout: timedelta | None = None) -> T: ...
@overload
async def wait_for_signal(name: str, *, type: None = None, timeout: timedelta | None = None) -> Any: ...
async def wait_for_signal(name: str, *, type: Any = None, timeout: timedelta | None = None) -> Any:
    """Waits in a workflow for `run.signal(name, value)` and gives the value; signals are kept in order.

    Args:
        name: The signal's name.
        type: The value's type; plain JSON without one.
        timeout: How long to wait; without end by default.

    Raises:
        AuthoringError: It was called outside a workflow.
        TimeoutError: The signal did not come in time.
    """
    in_workflow_only("wait_for_signal")
    state = run_state()
    try:
        await temporalio.workflow.wait_condition(
            lambda: bool(state.signals.get(name)), timeout=timeout, timeout_summary=f"signal {name}"
        )
    except TimeoutError:
        raise TimeoutError(f"the signal {name!r} did not come within {timeout}") from None
    value = state.signals[name].popleft()
    if value is None:
        return None
    return temporalio.workflow.payload_converter().from_payload(value.payload, type)


def set_query_value(name: str, value: Any) -> None:
    """Lets others read a value of the running workflow by `run.query(name)`.

    Args:
        name: Under which name.
        value: Anything that can travel; read when it is asked for.

    Raises:
        AuthoringError: It was called outside a workflow.
    """
    in_workflow_only("set_query_value")
    run_state().query_values[name] = value


def in_workflow_only(function: str) -> None:
    """Refuses a call from outside a workflow.

    Raises:
        AuthoringError: No workflow code executes now.
    """
    if not temporalio.workflow.in_workflow():
        raise AuthoringError(
            f"{function}() is for workflow code: call it in an `async def` under @workflow", code="JW430"
        )


def heartbeat(*details: Any) -> None:
    """Reports progress from an activity: shown on the step, and handed to the next attempt.

    Signs of life are sent by themselves; call this only to say how far the work is. Outside an activity it
    does nothing, so the function stays usable in the notebook.

    Args:
        details: Anything that can travel, best small: a count, a cursor.
    """
    if temporalio.activity.in_activity():
        temporalio.activity.heartbeat(*details)


def last_heartbeat(default: Any = None) -> Any:
    """What the attempt before this one last reported by `heartbeat`; `default` where there is nothing.

    Args:
        default: What to give on a first attempt and outside an activity.
    """
    if not temporalio.activity.in_activity():
        return default
    details = temporalio.activity.info().heartbeat_details
    return details[0] if details else default
