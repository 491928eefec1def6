"""Who has ordered that a run is undone: a person by a signature, or a run whose rollback that is a part of.

Whoever reaches Temporal can start the run that undoes another one, with any order. So the worker looks, before it reads
anything of the other run: a signature is for one run and one attempt to undo it, and counts once; without one, the run
that started this one must be the parent of the other, or a run that undoes that parent and was ordered in its turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import temporalio.activity
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from ..authoring.bundles import LoadedBundle
from ..authoring.rollback import UNDO_RUN, undo_run_id
from ..schema import RollBackOrder, SignedRollBack

NOBODY = "it is not signed, and no rollback that somebody ordered has begun it: use `roll_back`"
AGAIN = "it was carried out already, and a signature counts once"


@dataclass(frozen=True)
class Undoing:
    """A run that undoes another one, as it began."""

    workflow_id: str
    run_id: str
    order: RollBackOrder
    at: datetime
    parent: tuple[str, str]


async def check_order(client: Client, bundle: LoadedBundle | None) -> None:
    """Refuses to carry out the order of the run that this activity is part of, where nobody has given it.

    Raises:
        ApplicationError: With the reason.
    """
    info = temporalio.activity.info()
    reason = await objection(client, bundle, (info.workflow_id or "", info.workflow_run_id or ""))
    if reason:
        raise ApplicationError(f"nothing is undone: {reason}", type="ApprovalRefused", non_retryable=True)


async def objection(client: Client, bundle: LoadedBundle | None, run: tuple[str, str]) -> str | None:
    """Why an order does not count, as part of a sentence; None where it does."""
    while True:
        this = await undoing(client, run)
        if this is None:
            return NOBODY
        if this.order.request is not None:
            against = distrust(bundle, this.order, this.order.request, this.at)
            return against or (AGAIN if await is_begun_again(client, this) else None)
        target = (this.order.workflow_id, this.order.run_id)
        if await has_child(client, this.parent, target):
            return None
        above = await undoing(client, this.parent)
        if above is None or not await has_child(client, (above.order.workflow_id, above.order.run_id), target):
            return NOBODY
        run = this.parent


async def undoing(client: Client, run: tuple[str, str]) -> Undoing | None:
    """A run that undoes another one; None for one that does not, or has not the id of one that does."""
    if not all(run):
        return None
    first = await anext(events_of(client, run))
    started = first.workflow_execution_started_event_attributes
    if started.workflow_type.name != UNDO_RUN:
        return None
    (order,) = await client.data_converter.decode(list(started.input.payloads), [RollBackOrder])
    if run[0] != undo_run_id(order.workflow_id, order.run_id, order.generation):
        return None
    parent = started.parent_workflow_execution
    return Undoing(*run, order, first.event_time.ToDatetime(UTC), (parent.workflow_id, parent.run_id))


def distrust(bundle: LoadedBundle | None, order: RollBackOrder, asked: SignedRollBack, at: datetime) -> str | None:
    """Why what somebody signed does not stand for an order, as part of a sentence; None where it does."""
    wanted = (order.workflow_id, order.run_id, order.generation)
    if (asked.workflow_id, asked.run_id, asked.generation) != wanted:
        return f"the rollback that was signed is for another run ({asked.workflow_id})"
    if bundle is None or bundle.trusted is None:
        return "the worker knows no reviewer's key: start it with `jupyter workflows worker`"
    return bundle.trusted.rejection(asked, at=at)


async def has_child(client: Client, parent: tuple[str, str], child: tuple[str, str]) -> bool:
    """Whether a run, or what it continued as, had another one as a child run."""
    run: tuple[str, str] | None = parent
    while run is not None and all(run):
        following = ""
        async for event in events_of(client, run):
            begun = event.child_workflow_execution_started_event_attributes.workflow_execution
            if (begun.workflow_id, begun.run_id) == child:
                return True
            following = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        run = (run[0], following) if following else None
    return False


def events_of(client: Client, run: tuple[str, str]) -> AsyncIterator[HistoryEvent]:
    """The events of an execution, oldest first."""
    return client.get_workflow_handle(run[0], run_id=run[1]).fetch_history_events()


async def is_begun_again(client: Client, this: Undoing) -> bool:
    """Whether there was an execution of the same id before; only a server that is told to makes another."""
    from .listing import clause

    async for other in client.list_workflows(clause("WorkflowId", this.workflow_id)):
        if other.id == this.workflow_id and other.run_id != this.run_id and other.start_time <= this.at:
            return True
    return False
