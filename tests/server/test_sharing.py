"""The hub on a real run: one look however many pages, asleep while nobody looks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jupyter_workflows.live import topics
from jupyter_workflows.live.messages import AskStart, Follow
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.security.workspaces import Person
from jupyter_workflows.server import hub as hubs
from jupyter_workflows.server.frames import Frame, decode_frame
from jupyter_workflows.server.hub import Hub, Viewer
from jupyter_workflows.server.outlet import Outlet
from jupyter_workflows.server.page import Page

from .conftest import on_loop


class Told:
    """What a page in this process was told."""

    def __init__(self, hub: Hub, reviewer: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.page = Page(
            hub, Viewer(Person(reviewer)), Outlet(self.write, lambda _: None, lambda: None), lambda *_: None
        )
        self.delivering = asyncio.ensure_future(self.page.outlet.deliver(asyncio.get_running_loop()))

    async def write(self, frame: Frame) -> None:
        self.messages.append(json.loads(decode_frame(frame)[0]))

    async def until(self, type: str, **fields: Any) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                for message in self.messages:
                    if message["type"] == type and fields.items() <= message.items():
                        return message
                await asyncio.sleep(0.01)

    async def ask(self, type: str, topic: str, **fields: Any) -> dict[str, Any]:
        await self.page.receive(AskStart(request=1, topic=topic, **fields))
        return await self.until("answer", request=1)

    async def close(self) -> None:
        self.delivering.cancel()
        await self.page.leave()


def made(runtime: Runtime) -> Hub:
    return Hub(runtime.home, may_start=True, list_seconds=0.2, status_seconds=0.5)


def test_a_run_is_read_once_for_all_pages(runtime: Runtime, bundles: None, monkeypatch: pytest.MonkeyPatch):
    reading: list[str] = []
    changes = RunReader.changes

    def counted(self: RunReader) -> Any:
        reading.append(self.workflow_id)
        return changes(self)

    monkeypatch.setattr(RunReader, "changes", counted)

    async def story() -> None:
        hub = made(runtime)
        pages = [Told(hub, name) for name in ("ada", "ada", "bob")]
        answer = await pages[0].ask("start", "workflow:/many", arguments={"count": 3})
        topic = answer["topic"]
        for each in pages:
            await each.page.receive(Follow(topic=topic))
        snapshots = [await each.until("snapshot", topic=topic) for each in pages]
        assert [snapshot["head"]["reviewer"] for snapshot in snapshots] == ["ada", "ada", "bob"]
        assert len(reading) == 1
        assert list(hub.topics) == [topic]
        for each in pages:
            await each.close()
        assert not any(hub.lookers.values())

    on_loop(story())


def test_a_topic_sleeps_while_nobody_looks(runtime: Runtime, bundles: None, monkeypatch: pytest.MonkeyPatch):
    for module in (topics, hubs):
        monkeypatch.setattr(module, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(hubs, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(hubs, "LINGER_SECONDS", 0.1)

    async def story() -> None:
        hub = made(runtime)
        told = Told(hub, "ada")
        await hub.backend.reached()
        await told.page.receive(Follow(topic="runs"))
        first = await told.until("runs")
        topic = hub.topics["runs"]
        assert isinstance(topic, topics.PolledTopic)
        async with asyncio.timeout(30):
            while "runs" in hub.topics:  # noqa: ASYNC110 - the hub tells nobody what it gives up
                await asyncio.sleep(0.05)
        assert topic.work.task is not None
        assert topic.work.task.done()
        assert told.page.followed == set()
        told.messages.clear()
        await told.page.receive(Follow(topic="runs", have=first["number"]))
        again = await told.until("runs")
        assert again["number"] > first["number"], "a topic that comes back goes on with higher numbers"
        await told.close()

    on_loop(story())
