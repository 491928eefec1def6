"""The rollback of a run: what its steps did is undone, the latest first, one after the other.

A rollback goes on whatever happens: the run may be cancelled again, and workers and servers may die in between. What
was undone is in history, so it is not undone twice. An undo that fails for good waits for a person, who lets it be
tried again or leaves the effect as it is.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import temporalio.exceptions
import temporalio.workflow

from ..errors import StepFailed
from ..schema import Rollback, RollbackCause
from .approval import human_approval
from .compensation import arguments
from .effects import Effect, settled, undo_of
from .irreversible import quoted

if TYPE_CHECKING:
    from .state import RunState

T = TypeVar("T")
MEMO_KEY = "rollback"
UNDO = "undo:"
SHOWN_CHARACTERS = 1_000


def undo_id(step: str, time: int) -> str:
    """The id of the step that undoes `step` for the first, second, ... time."""
    return f"{UNDO}{step}" if time == 1 else f"{UNDO}{step}:{time}"


async def rolled_back_on_failure(state: RunState, running: Awaitable[T], *, partial: bool) -> T:
    """The result of workflow code; where it ends without one, its effects are undone before the run ends.

    Args:
        state: The memory of the run.
        running: The workflow code.
        partial: Whether a failing or cancelled run keeps what it did; who asks for a rollback gets it nevertheless.
    """
    try:
        result = await running
    except temporalio.workflow.ContinueAsNewError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if state.effects.undoable and (state.effects.asked or not partial):
            await shielded(functools.partial(roll_back, state, cause_of(state, error)))
        raise
    if state.effects.asked:
        await shielded(functools.partial(roll_back, state, cause_of(state, None)))
        raise asyncio.CancelledError
    return result


def cause_of(state: RunState, error: BaseException | None) -> Rollback:
    """Why a run is rolled back."""
    now = temporalio.workflow.now()
    asked = state.effects.asked
    if asked is not None:
        return Rollback(cause="asked", by=asked.by, reason=asked.reason, started_at=now)
    cause: RollbackCause = (
        "cancelled" if temporalio.exceptions.is_cancelled_exception(error or Exception()) else "failed"
    )
    text = (temporalio.workflow.cancellation_reason() or "") if cause == "cancelled" else str(error)
    return Rollback(cause=cause, reason=text[:SHOWN_CHARACTERS], started_at=now)


async def shielded(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Lets work begin and end, whatever is cancelled meanwhile."""
    task: asyncio.Task[None] | None = None
    while task is None or not task.done():
        try:
            # Raises where a worker lets go of the run: then nothing may begin, and nothing here may outlast that.
            await temporalio.workflow.wait_condition(settled if task is None else task.done)
        except asyncio.CancelledError:
            continue
        task = task or asyncio.create_task(work())
    task.result()


async def roll_back(state: RunState, record: Rollback) -> None:
    """Undoes what the run did, if there is anything to undo."""
    effects = state.effects
    effects.rolling = True
    await all_ended(state)
    if not effects.undoable:
        return
    await undone_all(list(effects.done), record)


async def all_ended(state: RunState) -> None:
    """Ends the branches that still run; what they were doing is waited for."""
    for branch in list(state.branches):
        if branch is not state.main and not branch.done():
            branch.cancel()
    await temporalio.workflow.wait_condition(lambda: not state.effects.open)


async def undone_all(effects: list[Effect], record: Rollback) -> None:
    """Undoes effects, the last one first, and puts on record why and what was left."""
    publish(record)
    for effect in reversed(effects):
        if not (effect.child or undo_of(effect.activity)):
            continue
        if not await undone(effect):
            record = record.model_copy(update={"kept": [*record.kept, effect.step]})
            publish(record)
    publish(record.model_copy(update={"finished_at": temporalio.workflow.now()}))


async def undone(effect: Effect) -> bool:
    """Undoes one effect; whether that was done, or a person left it as it is."""
    time = 0
    while True:
        time += 1
        try:
            await undo_step(effect, undo_id(effect.step, time))
        except StepFailed as error:
            decision = await human_approval(question(effect, error))
            if not decision:
                return False
        else:
            return True


async def undo_step(effect: Effect, step: str) -> None:
    """Undoes one effect, as a step of its own.

    Raises:
        StepFailed: It failed for good.
    """
    from .steps import performed

    undo = undo_of(effect.activity)
    assert undo is not None
    await performed(undo, arguments(undo, effect), step)


def question(effect: Effect, error: StepFailed) -> str:
    """What a person is asked when an undo has failed."""
    undo = undo_of(effect.activity)
    who = f"`{undo.name}` could not undo" if undo else "Nothing could undo"
    why = quoted(f"{error.error_type}: {error}", SHOWN_CHARACTERS)
    return f"{who} `{effect.step}`. Approve to try it again; reject to leave the effect as it is.\n\n{why}"


def publish(record: Rollback) -> None:
    """Puts the rollback on record, where it is seen without a worker."""
    temporalio.workflow.upsert_memo({MEMO_KEY: record.model_dump(mode="json")})
