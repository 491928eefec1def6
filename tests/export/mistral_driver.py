"""Runs an exported package under Mistral's own offline test worker; in the package's environment, not in ours.

`python mistral_driver.py PACKAGE_DIRECTORY TEMPORAL_ADDRESS` prints what came of each case, as JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import uuid
from typing import Any

QUEUE = "contract-review"
ANSWERS: dict[str, list[Any]] = {
    "accepted": [
        {"choice": "accept"},
        {"choice": "accept", "form": {"why": "seen"}, "reviewer": "ada", "value": {"risk_score": 0.5, "note": "less"}},
        {"choice": "decline", "reviewer": "bob"},
    ],
    "declined": [{"choice": "decline", "reviewer": "bob", "comment": "no"}],
}
CASES: dict[str, dict[str, Any]] = {
    "low": {"contract_id": "low"},
    "accepted": {"contract_id": "high"},
    "declined": {"contract_id": "high"},
    "timeout": {"contract_id": "high", "wait": 0.5},
    "caught": {"contract_id": "bad"},
    "raised": {"contract_id": "raise"},
    "slow": {"contract_id": "slow"},
}


async def question(handle: Any) -> dict[str, Any]:
    """What the run asks, once it does."""
    for _ in range(600):
        pending = (await handle.query("__get_pending_inputs", {}))["pending_inputs"]
        if pending:
            return pending[0]
        await asyncio.sleep(0.1)
    raise TimeoutError("nothing was asked")


async def submitted(handle: Any, asked: dict[str, Any], answer: Any) -> str:
    """What the run says to an answer."""
    from temporalio.client import WorkflowUpdateFailedError
    from temporalio.service import RPCError

    try:
        await handle.execute_update("__submit_input", {"task_id": asked["task_id"], "input": answer})
    except WorkflowUpdateFailedError as error:
        return str(error.cause)
    except RPCError as error:
        # The run may have ended on the answer before.
        return str(error)
    return "taken"


async def case(client: Any, name: str) -> dict[str, Any]:
    """Plays a case."""
    from temporalio.client import WorkflowFailureError

    handle = await client.start_workflow("review", CASES[name], id=f"{name}-{uuid.uuid4()}", task_queue=QUEUE)
    told: dict[str, Any] = {}
    if name in ANSWERS:
        asked = await question(handle)
        told["asked"] = asked
        # All at once: what comes second must not win.
        told["said"] = [await submitted(handle, asked, answer) for answer in ANSWERS[name][:1]]
        told["said"] += await asyncio.gather(*(submitted(handle, asked, answer) for answer in ANSWERS[name][1:]))
    try:
        told["result"] = (await asyncio.wait_for(handle.result(), 60))["result"]
    except WorkflowFailureError as error:
        told["failed"] = [type(error.cause).__name__, getattr(error.cause, "type", None), str(error.cause)]
    return told


def texts(events: list[Any]) -> dict[str, Any]:
    """How the text of the slow step was told: how many changes, and the task's last state."""
    named = [event for event in events if getattr(event.attributes, "custom_task_type", "") == "assistant_message"]
    last = next(event for event in reversed(named) if type(event).__name__ == "CustomTaskCompleted")
    mine = [event for event in named if event.attributes.custom_task_id == last.attributes.custom_task_id]
    changes = sum(type(event).__name__ == "CustomTaskInProgress" for event in mine)
    return {"changes": changes, "state": last.attributes.payload.value}


async def main(directory: str, address: str) -> None:
    sys.path.insert(0, f"{directory}/tests")
    importlib.import_module("conftest")
    offline: Any = importlib.import_module("offline")
    from temporalio.client import Client

    client = await Client.connect(address, data_converter=offline.CONVERTER)
    async with offline.worker(client) as events:
        quick = [name for name in CASES if name != "slow"]
        told = dict(zip(quick, await asyncio.gather(*(case(client, name) for name in quick)), strict=True))
        told["slow"] = {**await case(client, "slow"), "text": texts(events)}
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
