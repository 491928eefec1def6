"""Steps that an execution keeps of the one before without their events: told by a record, in the order of then.

Temporal's replay takes time that grows with the square of a history. Where a long one has nothing but steps, the new
execution begins at its first workflow task. What it asks for there is answered as ever, and one of the answers brings
the record of all kept steps; from then on the workflow is answered from that.

Invariants:
- workflow code is told of the steps as a replay would tell it: those that one workflow task was told of together, and
  no others before the code has done all it can;
- nothing new is begun, and no other result is passed on, before all kept steps are told: what came after them then,
  comes after them now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

import temporalio.common
import temporalio.workflow
from temporalio.api.common.v1 import Payload

from ..schema.resumes import KeptStep, KeptSteps
from .effects import settled
from .payload_text import unpacked

# In the metadata of a kept step's result: the record as JSON; empty where another one's brings it.
KEPT_STEPS_KEY = "jw-kept-steps"
PAUSE = timedelta(milliseconds=1)
PAUSE_SUMMARY = "jupyter_workflows.kept"


def is_retold(payload: Payload) -> bool:
    """Whether a step's result is to be passed on only when a record of kept steps says that it is its turn."""
    return KEPT_STEPS_KEY in payload.metadata


def kept_steps_in(payload: Payload) -> KeptSteps | None:
    """The record of kept steps that a step's result brings.

    Raises:
        ValueError: It is none.
    """
    told = payload.metadata[KEPT_STEPS_KEY] if is_retold(payload) else b""
    return KeptSteps.model_validate_json(told) if told else None


class Retelling:
    """Tells workflow code again how steps ended.

    Args:
        asked: The steps that workers are asked for; changes while they answer.
    """

    def __init__(self, asked: set[str]) -> None:
        self.asked = asked
        self.steps: dict[str, KeptStep] = {}
        self.told: set[str] = set()
        self.awaited: dict[str, asyncio.Future[None]] = {}
        self.over = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def begin(self, kept: KeptSteps) -> None:
        """Takes the record, and begins to tell as soon as all that it has of what was asked for is answered."""
        self.steps = {step.id: step for step in kept.steps}
        self.task = asyncio.create_task(self.tell(kept))

    def has(self, step: str, activity: str) -> bool:
        """Whether the record has a step."""
        found = self.steps.get(step)
        return found is not None and found.name == activity

    async def result(self, step: str) -> temporalio.common.RawValue:
        """What a step gave, when its turn has come."""
        # As many turns of the event loop as the SDK takes to pass on a result: what races is to race as it did.
        return await asyncio.create_task(self.passed_on(step))

    async def passed_on(self, step: str) -> temporalio.common.RawValue:
        """What a step gave."""
        if step not in self.told:
            waiting = self.awaited[step] = asyncio.get_running_loop().create_future()
            await asyncio.shield(waiting)
        results = self.steps[step].result
        converter = temporalio.workflow.payload_converter()
        return temporalio.common.RawValue(unpacked(results[0]) if results else converter.to_payload(None))

    async def tell(self, kept: KeptSteps) -> None:
        """Tells of one step after the other, to the last."""
        await temporalio.workflow.wait_condition(lambda: self.asked.isdisjoint(self.steps))
        since_pause = 0
        for _, together in groupby(kept.steps, key=lambda step: step.told_event):
            await temporalio.workflow.wait_condition(settled)
            since_pause += self.tell_together([step.id for step in together])
            if since_pause >= kept.steps_per_task:
                since_pause = 0
                await temporalio.workflow.sleep(PAUSE, summary=PAUSE_SUMMARY)
        await temporalio.workflow.wait_condition(settled)
        self.over.set()

    def tell_together(self, steps: Sequence[str]) -> int:
        """Tells of the steps that one workflow task was told of; gives how many they are."""
        self.told.update(steps)
        for step in steps:
            waiting = self.awaited.pop(step, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        return len(steps)
