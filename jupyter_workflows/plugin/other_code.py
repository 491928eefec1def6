"""Undoing a step with the code that it ran with, on a worker of another code.

A run that was resumed has steps of more than one bundle, and each bundle knows how to undo its own. The run that undoes
it has one queue, so its worker loads the other bundles as it needs them. The name of such a step ends with that of its
code: `refund@jw_0a1b2c3d4e5f6071`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import temporalio.activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from ..authoring.bundles import LoadedBundle, bundle_of
from ..authoring.effects import named_code


@temporalio.activity.defn(dynamic=True)
def undo_of_other_code(args: Sequence[RawValue]) -> Any:
    """Takes all that the worker has no activity for; what has a code is run by `at_hand`.

    Raises:
        ApplicationError: It has none.
    """
    del args
    info = temporalio.activity.info()
    raise ApplicationError(
        f"the worker of {info.task_queue} has no activity {info.activity_type!r}", type="NotFoundError"
    )


async def at_hand(input: ExecuteActivityInput) -> ExecuteActivityInput:
    """The call of an activity; one of another code with its function, and its arguments in their types.

    Raises:
        ApplicationError: The code is not on this machine, or has no such activity.
    """
    info = temporalio.activity.info()
    name, code = named_code(info.activity_type)
    if input.fn is not undo_of_other_code or not code:
        return input
    bundle = await asyncio.to_thread(beside, bundle_of(info.task_queue), code)
    activity = bundle.activities.get(name) if bundle else None
    if activity is None:
        raise ApplicationError(f"the code jw_{code}, which has {name!r}, is not on the machine of the worker")
    fn = activity.travelling()
    payloads = [raw.payload for raw in cast("list[RawValue]", input.args[0])]
    hints = [hint for key, hint in fn.__annotations__.items() if key != "return"]
    types = cast("list[type] | None", hints if len(hints) == len(payloads) else None)
    values = temporalio.activity.payload_converter().from_payloads(payloads, types)
    return dataclasses.replace(input, fn=fn, args=values)


def beside(own: LoadedBundle | None, code: str) -> LoadedBundle | None:
    """The bundle of a code that lies beside a worker's own; None where it is not at hand."""
    return own.beside(code) if own is not None else None
