"""What the steps of a run did to the world: recorded when they end, undone by a rollback.

Invariants:
- an effect is recorded in the order in which history says that the steps ended;
- a step with an effect has really ended before anything is undone: a cancellation waits for what became of it;
- the key of an effect is that of the execution that made it, and survives resets: the worker writes it to the result.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import temporalio.workflow
from temporalio.api.common.v1 import Payload

if TYPE_CHECKING:
    from ..schema import RollBackRequest, SignedRollBack
    from .bundles import LoadedBundle
    from .definitions import Activity

# In the metadata of a result's payload: what tells this effect from all others.
EFFECT_KEY = "jw-effect"
# Beside it: the name of what undoes the step; empty where nothing can.
UNDO_KEY = "jw-undo"
# And the first 16 digits of the digest of the bundle that the step ran with: its code knows how to undo it.
CODE_KEY = "jw-code"
# What the name of the activity begins with that answers for a child run which a fork keeps.
KEPT_CHILD = "jupyter_workflows.child:"
# What the name of an activity ends with that runs with the code of another bundle than the worker's own.
OF_CODE = re.compile(r"(?P<name>.+)@jw_(?P<code>[0-9a-f]{16})")


@dataclass(frozen=True)
class Effect:
    """One step that has ended and left something behind.

    Args:
        step: Its id.
        activity: What ran; None for a child run.
        inputs: Its arguments as they travelled, one per parameter.
        output: Its result as it travelled.
        key: What tells this effect from all others, the same whenever it is undone.
        child: Workflow id and run id of the child run, where it was one.
        arguments: What its undo is called with, where that has been worked out.
    """

    step: str
    activity: Activity[Any, Any] | None
    inputs: Sequence[Payload] = ()
    output: Payload | None = None
    key: str = ""
    child: tuple[str, str] | None = None
    arguments: Sequence[Payload] | None = None


@dataclass
class Effects:
    """The effects of one run.

    Attributes:
        done: What has ended, in that order.
        open: The steps with an effect that have not ended.
        asked: Who asked for a rollback, where a person did.
        rolling: Whether the run is being rolled back: it does nothing else then.
    """

    done: list[Effect] = field(default_factory=list[Effect])
    open: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, "asyncio.Task[Any]"])
    asked: SignedRollBack | RollBackRequest | None = None
    rolling: bool = False

    @property
    def undoable(self) -> bool:
        """Whether there is, or may be in a moment, something to undo."""
        return bool(self.open) or any(effect.child or undo_of(effect.activity) for effect in self.done)


def undo_of(activity: Activity[Any, Any] | None) -> Activity[Any, Any] | None:
    """What undoes an activity."""
    return activity.options.compensate if activity is not None else None


def has_effect(activity: Activity[Any, Any]) -> bool:
    """Whether an activity says that it leaves something behind."""
    return activity.options.compensate is not None or activity.options.irreversible


def kept_child(workflow: str) -> str:
    """The name of the activity that gives a fork the result of a child run of the run it was forked from."""
    return f"{KEPT_CHILD}{workflow}"


def with_code(activity: str, code: str) -> str:
    """The name under which an activity runs with the code of another bundle."""
    return f"{activity}@jw_{code}"


def named_code(activity: str) -> tuple[str, str]:
    """The name of an activity, and the code it is to run with; empty for the worker's own."""
    found = OF_CODE.fullmatch(activity)
    return (found["name"], found["code"]) if found else (activity, "")


def any_undo(bundle: LoadedBundle | None) -> bool:
    """Whether anything of a bundle can be undone."""
    return bundle is not None and any(undo_of(activity) for activity in bundle.activities.values())


def effect_key(workflow_id: str, run_id: str, step: str) -> str:
    """What tells an effect from all others."""
    return f"{workflow_id}/{run_id}/{step}"


def key_in(payload: Payload, workflow_id: str, step: str) -> str:
    """The key that the worker wrote to a result."""
    found = payload.metadata.get(EFFECT_KEY)
    return found.decode("utf-8", "replace") if found else effect_key(workflow_id, "", step)


async def ended(step: asyncio.Task[Any]) -> Any:
    """The outcome of a step, waited for also where the run is cancelled meanwhile.

    A cancellation is passed on to the step, once all that came with it has been taken in: a step that has ended by
    then is not cut off, and one that ends in spite of it has had its effect.

    Raises:
        asyncio.CancelledError: The run, or the branch of it, was cancelled.
    """
    interrupted = passed_on = False
    while not step.done():
        try:
            # Also raises while a worker lets go of the run: nothing here may outlast that.
            await temporalio.workflow.wait_condition(settled if interrupted and not passed_on else step.done)
        except asyncio.CancelledError:
            interrupted = True
            continue
        if interrupted and not passed_on and not step.done():
            passed_on = True
            step.cancel()
    if interrupted:
        if not step.cancelled():
            # Looked at, so that nobody is told that it was not.
            step.exception()
        raise asyncio.CancelledError
    return step.result()


def settled() -> bool:
    """True: conditions are looked at when all that has come is taken in."""
    return True
