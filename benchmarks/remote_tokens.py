"""Tokens where worker and viewer share only Temporal: by heartbeats, and by the SDK's workflow streams.

See `docs/decisions/0010-tokens-beside-history.md`: the second is here to be measured, not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.workflow_streams import WorkflowStream, WorkflowStreamClient
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.measures import Measure
from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.connection.client import OFTEN
from jupyter_workflows.local.paths import Home
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.worker import ANYBODY, bundle_worker, load_bundle, task_queue

PER_SECOND = 50
TASK_QUEUE = "streams"
BATCH = timedelta(milliseconds=100)
COOLDOWN = timedelta(milliseconds=50)


@activity.defn
async def publish(count: int) -> int:
    """Publishes so many times of day, fifty a second."""
    async with WorkflowStreamClient.from_within_activity(batch_interval=BATCH) as client:
        topic = client.topic("tokens", type=float)
        due = time.monotonic()
        for _ in range(count):
            topic.publish(time.time())
            due += 1 / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    return count


@workflow.defn
class Streaming:
    """A run whose step publishes."""

    @workflow.init
    def __init__(self, count: int) -> None:
        del count
        self.stream = WorkflowStream()

    @workflow.run
    async def run(self, count: int) -> int:
        done = await workflow.execute_activity(publish, count, start_to_close_timeout=timedelta(minutes=5))
        # So that the last batch is read before the run ends.
        await workflow.sleep(1)
        return done


async def by_streams(client: Client, count: int) -> tuple[list[float], int]:
    """Seconds from writing to reading of each token, and the events of the run's history."""
    lags: list[float] = []
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Streaming],
        activities=[publish],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        handle = await client.start_workflow(Streaming.run, count, id=f"streams-{uuid.uuid4()}", task_queue=TASK_QUEUE)
        reader = WorkflowStreamClient.create(client, handle.id).subscribe(
            ["tokens"], result_type=float, poll_cooldown=COOLDOWN
        )
        with contextlib.suppress(StopAsyncIteration):
            while len(lags) < count:
                item = await anext(reader)
                lags.append(time.time() - item.data)
        await handle.result()
        length = (await handle.describe()).history_length
    return lags, length


async def by_heartbeats(access: RunAccess, bundle: LoadedBundle, client: Client, count: int) -> tuple[list[float], int]:
    """The same by what our steps write, from a worker without a socket to a viewer that reaches only Temporal."""
    elsewhere = replace(access, tokens=None)
    lags: list[float] = []
    async with bundle_worker(client, bundle):
        queue = task_queue(bundle.manifest.digest, ANYBODY)
        started = await client.start_workflow(
            "ticking", args=[count, PER_SECOND], id=f"ticking-{uuid.uuid4()}", task_queue=queue
        )
        rest = ""
        async for token in Run[Any](elsewhere, started.id).tokens():
            now = time.time()
            *whole, rest = (rest + token.text).split(" ")
            lags += [now - float(part.partition("t")[2].rstrip("x")) for part in whole]
        await started.result()
        length = (await started.describe()).history_length
    return lags, length


async def both(home: Home, access: RunAccess, path: Path, count: int) -> list[tuple[list[float], int]]:
    """Lags and events by heartbeats, and by streams."""
    host, _, port = access.address.rpartition(":")
    settings = Settings(f"{host}:{port}", access.client.namespace)
    plugin = EnginePlugin(home.limits, checkpoint=OFTEN)
    client = await connect(settings, home=home, plugins=[plugin], identity="a worker elsewhere")
    return [
        await by_heartbeats(access, load_bundle(path), client, count),
        await by_streams(access.client, count),
    ]


def measure(home: Home, access: RunAccess, path: Path, seconds: float) -> list[Measure]:
    """Lags and events of both.

    Args:
        home: The home of the server.
        access: What its runs are reached with.
        path: A bundle with the workflow `ticking` that no other worker serves.
        seconds: How long tokens are written.
    """
    count = int(seconds * PER_SECOND)
    (ours, our_events), (theirs, their_events) = loop_thread().run(both(home, access, path, count))
    return [
        Measure("token to code elsewhere, by heartbeats, p50", "at most 300 ms", ours, 0.3),
        Measure("the same, p99", "at most 800 ms", ours, 0.8, share=0.99),
        Measure("the same by workflow streams, p50", "for comparison", theirs, float("inf")),
        Measure("the same by workflow streams, p99", "for comparison", theirs, float("inf"), share=0.99),
        Measure(f"events of {count} tokens by heartbeats", "at most 20", [our_events], 20, ""),
        Measure(f"events of {count} tokens by workflow streams", "for comparison", [their_events], float("inf"), ""),
    ]
