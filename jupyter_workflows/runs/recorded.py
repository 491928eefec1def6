"""The effects of a run that has ended, read from its history: an activity of the run that undoes them."""

from __future__ import annotations

import json

import temporalio.activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from ..authoring.bundles import LoadedBundle, bundle_of
from ..authoring.effects import any_undo, key_in, undo_of
from ..authoring.ledger import is_of_another_run
from ..authoring.rollback import undo_run_id
from ..authoring.undo_run import READ_EFFECTS, packed
from ..payloads import bare
from ..schema import RecordedEffect, RollBackOrder
from .orders import check_order


@temporalio.activity.defn(name=READ_EFFECTS)
async def read_effects(order: RollBackOrder) -> bytes:
    """What a run did and nobody has undone, in the order in which its steps ended, as JSON.

    Raises:
        ApplicationError: Nobody with a known key has asked for it; or the run has not ended, or another run is undoing
            it now: that is tried again.
    """
    client, bundle = temporalio.activity.client(), bundle_of(temporalio.activity.info().task_queue)
    await check_order(client, bundle)
    found, undone = await effects_in(client, bundle, order.workflow_id, order.run_id)
    for generation in range(1, order.generation):
        earlier = undo_run_id(order.workflow_id, order.run_id, generation)
        undone |= (await effects_in(client, bundle, earlier, ""))[1]
    left = [effect.model_dump(mode="json") for effect in found if effect.step not in undone]
    return json.dumps(left).encode()


async def effects_in(
    client: Client, bundle: LoadedBundle | None, workflow_id: str, run_id: str
) -> tuple[list[RecordedEffect], set[str]]:
    """The effects of a run and of what it continued as, and the steps that it undid.

    Raises:
        ApplicationError: It has not ended.
    """
    from .history import Reduction

    found: list[RecordedEffect] = []
    undone: set[str] = set()
    while True:
        reduction = Reduction(workflow_id, run_id)
        handle = client.get_workflow_handle(workflow_id, run_id=run_id or None)
        async for event in handle.fetch_history_events():
            reduction.apply(event)
        if reduction.closing is None:
            raise ApplicationError(f"run {workflow_id} has not ended: what it did is read when it has")
        undone |= {draft.undoes for draft in reduction.drafts if draft.undoes and draft.status == "completed"}
        for draft in reduction.ended:
            activity = bundle.activities.get(draft.name) if bundle and draft.kind == "activity" else None
            if draft.undoes or draft.status != "completed":
                continue
            if undo_of(activity):
                inputs = await bare(client.data_converter, draft.arguments)
                output = (await bare(client.data_converter, draft.results[:1]))[0]
                if is_of_another_run(output):
                    continue
                effect = RecordedEffect(
                    step=draft.id,
                    activity=draft.name,
                    inputs=[packed(payload) for payload in inputs],
                    output=packed(output),
                    key=key_in(output, workflow_id, draft.id),
                )
                found.append(effect)
            elif draft.kind == "child" and draft.child_run and any_undo(bundle):
                found.append(RecordedEffect(step=draft.id, child=(draft.child_run, draft.child_run_id)))
        if reduction.closing.status != "continued_as_new":
            return found, undone
        run_id = reduction.closing.next_run_id
