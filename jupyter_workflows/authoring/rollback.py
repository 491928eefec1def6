"""The rollback of a run: what its steps did is undone, the latest first, one after the other.

A rollback goes on whatever happens: the run may be cancelled again, and workers and servers may die in between. What
was undone is in history, so it is not undone twice. An undo that fails for good waits for a person, who lets it be
tried again or leaves the effect as it is.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import temporalio.common
import temporalio.exceptions
import temporalio.workflow
from temporalio.common import RawValue

from ..errors import StepFailed
from ..schema import Rollback, RollbackCause, RollBackOrder, SignedRollBack
from .acts import check_signature, refuse
from .approval import human_approval
from .compensation import arguments
from .effects import Effect, named_code, settled, undo_of
from .irreversible import quoted
from .starter import starter_memo
from .state import child_search_attributes

if TYPE_CHECKING:
    from .state import RunState

T = TypeVar("T")
MEMO_KEY = "rollback"
ASK = "jupyter_workflows.roll_back"
SIGNED_PATCH = "jupyter_workflows.signed_rollback"
UNDO_RUN = "jupyter_workflows.undo"
UNDO = "undo:"
UNDO_ID = re.compile(r"undo:(?P<step>.+?)(:\d+)?")
SHOWN_CHARACTERS = 1_000
SHOWN_STEPS = 200


def undo_run_id(workflow_id: str, run_id: str, generation: int) -> str:
    """The id of the run that undoes another one for the first, second, ... time; each exists once."""
    return f"{workflow_id}/{UNDO}{run_id}" + ("" if generation == 1 else f":{generation}")


def undone_by(step: str) -> str | None:
    """The step that an activity undoes, as its id says."""
    found = UNDO_ID.fullmatch(step) if step.startswith(UNDO) else None
    return found["step"] if found else None


def undo_id(step: str, time: int) -> str:
    """The id of the step that undoes `step` for the first, second, ... time."""
    return f"{UNDO}{step}" if time == 1 else f"{UNDO}{step}:{time}"


def check_asked(state: RunState, asked: SignedRollBack) -> None:
    """Refuses a rollback that nobody with a known key has asked of this run, or that was taken already.

    Raises:
        ApplicationError: With the reason.
    """
    info = temporalio.workflow.info()
    if (asked.workflow_id, asked.run_id, asked.generation) != (info.workflow_id, info.run_id, 0):
        refuse(f"the rollback is for another run ({asked.workflow_id}): roll back this run itself")
    check_signature(asked, at=temporalio.workflow.now())
    if asked.nonce in state.used_nonces:
        refuse("the rollback was recorded already: it counts once")


def apply_asked(state: RunState, asked: SignedRollBack) -> None:
    """Takes down who wants the run undone; the cancellation that follows ends it."""
    state.used_nonces.add(asked.nonce)
    state.effects.asked = state.effects.asked or asked


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
    text = (temporalio.workflow.cancellation_reason() or "") if cause == "cancelled" else words_of(error)
    return Rollback(cause=cause, reason=text[:SHOWN_CHARACTERS], started_at=now)


def words_of(error: BaseException | None) -> str:
    """What a failure says of itself."""
    return error.message if isinstance(error, temporalio.exceptions.FailureError) else str(error)


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
    await undone_all(effects.done, record)


async def all_ended(state: RunState) -> None:
    """Ends the branches that still run; what they were doing is waited for."""
    for branch in list(state.branches):
        if branch is not state.main and not branch.done():
            branch.cancel()
    await temporalio.workflow.wait_condition(lambda: not state.effects.open)


async def undone_all(effects: Sequence[Effect], record: Rollback) -> list[str]:
    """Undoes effects, the last one first, and puts on record why; gives the steps that a person left as they are."""
    todo = [effect for effect in reversed(effects) if effect.child or undo_of(effect.activity)]
    record = record.model_copy(update={"steps": [effect.step for effect in todo[:SHOWN_STEPS]]})
    publish(record)
    for effect in todo:
        if not await undone(effect):
            record = record.model_copy(update={"kept": [*record.kept, effect.step]})
            publish(record)
    publish(record.model_copy(update={"finished_at": temporalio.workflow.now()}))
    return record.kept


async def undone(effect: Effect) -> bool:
    """Undoes one effect; whether that was done, or a person left it as it is."""
    time = 0
    while True:
        time += 1
        try:
            if effect.child:
                await undo_child(effect.step, *effect.child)
            else:
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
    given = arguments(undo, effect) if effect.arguments is None else list(map(RawValue, effect.arguments))
    await performed(undo, given, step)


async def undo_child(step: str, workflow_id: str, run_id: str) -> None:
    """Undoes what a child run did, by a run of its own.

    Raises:
        StepFailed: That run did not come to its end.
    """
    from .steps import raise_step_failed

    for generation in itertools.count(1):
        order = RollBackOrder(workflow_id=workflow_id, run_id=run_id, generation=generation)
        try:
            await temporalio.workflow.execute_child_workflow(
                UNDO_RUN,
                order,
                id=undo_run_id(workflow_id, run_id, generation),
                id_reuse_policy=temporalio.common.WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=child_search_attributes(),
                memo=starter_memo(),
            )
        except temporalio.exceptions.WorkflowAlreadyStartedError:
            # A person was here before, or it is tried again: the next one undoes what is left.
            continue
        except temporalio.exceptions.ChildWorkflowError as error:
            raise_step_failed(error, step)
        return


def question(effect: Effect, error: StepFailed) -> str:
    """What a person is asked when an undo has failed."""
    undo = undo_of(effect.activity)
    who = f"`{named_code(undo.name)[0]}` could not undo" if undo else "Nothing could undo"
    why = quoted(f"{error.error_type}: {error}", SHOWN_CHARACTERS)
    return f"{who} `{effect.step}`. Approve to try it again; reject to leave the effect as it is.\n\n{why}"


def publish(record: Rollback) -> None:
    """Puts the rollback on record, where it is seen without a worker."""
    temporalio.workflow.upsert_memo({MEMO_KEY: record.model_dump(mode="json")})
