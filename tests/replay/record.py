"""Records the corpus anew, from the runs that the tests and tours make: `python -m tests.replay.record [AREA ...]`.

Each area's tests run with a plugin that, before a Temporal server of theirs ends, takes the histories of all its runs
and the bundles they ran on. Of runs that did the same, a few are kept. What tells of a machine or a person goes away.
"""

from __future__ import annotations

import asyncio
import base64
import getpass
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

import jupyter_workflows.worker
from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.replay import replay
from jupyter_workflows.replay.files import fetch_values, without_persons
from jupyter_workflows.testing import ModelServer

from ..test_notebooks import says
from .corpus import FOLDER, Recorded, unpacked, write_lines

AREAS = {
    "authoring": ["tests/authoring"],
    "runs": ["tests/runs"],
    "ai": ["tests/ai"],
    "durable": ["tests/durable"],
    "scenes": ["tests/replay/test_scenes.py"],
    "notebooks": ["tests/test_contract_notebook.py"],
    # What is kept there was given numbers alone; texts within the record of it are not looked at.
    "resuming": ["tests/resuming/test_kept_steps.py", "-k", "race"],
    "tours": [],
}
# Their runs are in homes of their own; the first one's history is too long for the corpus.
TOURS = ("02_agents", "03_fix_and_resume", "04_ship_it")
ALIKE = 2
MAX_EVENTS = 1_500
MAX_CHARACTERS = 400_000
QUEUE = re.compile(r"^jw-([0-9a-f]{16})")
ROOT = Path(__file__).parents[2]
PLACES = [
    (re.compile(r"/tmp/pytest-of-[^/\"'\\ ]+/[^/\"'\\ ]+"), "/recorded"),
    (re.compile(re.escape(str(ROOT))), "/recorded/repository"),
    (re.compile(re.escape(sys.prefix)), "/recorded/python"),
    (re.compile(re.escape(sys.base_prefix)), "/recorded/python"),
    (re.compile(re.escape(str(Path.home())) + r"(?=[/\"])"), "/recorded/home"),
    (re.compile(r"/tmp/(?!recorded)[\w.-]+"), "/recorded/tmp"),
    (re.compile(r"(?<=[a-z0-9_-])[0-9]+@" + re.escape(socket.gethostname())), "process@machine"),
    (re.compile(rf"\b{re.escape(socket.gethostname())}\b"), "machine"),
    (re.compile(rf'"{re.escape(getpass.getuser())}"'), '"somebody"'),
]
SECRET_KEYS = re.compile(r'"(signature|key_id|starter_signature)":"[^"]*"')


def impersonal_text(text: str) -> str:
    """A text without places of this machine, its name and its user's."""
    for pattern, stand_in in PLACES:
        text = pattern.sub(stand_in, text)
    return SECRET_KEYS.sub(r'"\1":""', text)


def impersonal_values(value: Any) -> Any:
    """Events whose values, which are base64 there, tell of no machine and no person."""
    if isinstance(value, list):
        return [impersonal_values(item) for item in value]
    if not isinstance(value, dict):
        return impersonal_text(value) if isinstance(value, str) else value
    if set(value) <= {"metadata", "data"} and "metadata" in value:
        data = impersonal_bytes(value.get("data", ""))
        metadata = {key: impersonal_bytes(told) for key, told in value["metadata"].items()}
        return {"metadata": metadata, **({"data": data} if data else {})}
    return {key: impersonal_values(item) for key, item in value.items()}


def impersonal_bytes(encoded: str) -> str:
    """Bytes as base64 that tell of no machine and no person, where they are text."""
    try:
        text = base64.b64decode(encoded).decode()
    except ValueError:
        return encoded
    return base64.b64encode(impersonal_text(text).encode()).decode()


class Harvest:
    """The pytest plugin; `found` are histories as JSON with the digits of their bundle."""

    def __init__(self) -> None:
        self.bundles: dict[str, dict[str, str]] = {}
        self.converters: dict[str, DataConverter] = {}
        self.found: list[tuple[str, str, list[Any]]] = []
        self.patch = pytest.MonkeyPatch()

    def pytest_sessionstart(self) -> None:
        register, begin, down = jupyter_workflows.worker.register, Worker.__init__, local_runtime.down
        environment = type_of_environment()
        shutdown = environment.shutdown

        def registered(bundle: LoadedBundle) -> None:
            self.take_bundle(bundle.path)
            register(bundle)

        def begun(worker: Worker, client: Client, **settings: Any) -> None:
            self.converters[settings["task_queue"]] = client.data_converter
            begin(worker, client, **settings)

        async def shut(ended: WorkflowEnvironment) -> None:
            await self.take_histories(ended.client, None)
            await shutdown(ended)

        def went_down(home: Home, *args: Any, **options: Any) -> Any:
            self.take_home(home)
            return down(home, *args, **options)

        self.patch.setattr(jupyter_workflows.worker, "register", registered)
        self.patch.setattr(Worker, "__init__", begun)
        self.patch.setattr(environment, "shutdown", shut)
        self.patch.setattr(local_runtime, "down", went_down)

    def pytest_sessionfinish(self) -> None:
        self.patch.undo()

    def take_bundle(self, path: Path) -> None:
        digits = path.name.removeprefix("jw_")
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        texts = {name: file for name, file in files.items() if file.suffix in (".py", ".json")}
        self.bundles[digits] = {
            name: impersonal_text(file.read_text(encoding="utf-8")) for name, file in sorted(texts.items())
        }

    def take_home(self, home: Home) -> None:
        for manifest in home.bundles.glob("jw_*/manifest.json"):
            self.take_bundle(manifest.parent)
        found = local_runtime.status(home)
        if found.state != "running":
            return
        try:
            settings = Settings(address=found.address, namespace=found.namespace)
            client = loop_thread().run(connect(settings, home=home), timeout=20)
            loop_thread().run(self.take_histories(client, client.data_converter), timeout=120)
        except Exception as error:  # noqa: BLE001 - a test may have left a server that is of no use
            print(f"not recorded: {error}")

    async def take_histories(self, client: Client, converter: DataConverter | None) -> None:
        async for execution in client.list_workflows():
            digits = QUEUE.match(execution.task_queue)
            if digits is None or digits[1] not in self.bundles:
                continue
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            history = await handle.fetch_history()
            if len(history.events) > MAX_EVENTS:
                continue
            used = converter or self.converters.get(execution.task_queue) or data_converter()
            events = [HistoryEvent.FromString(event.SerializeToString()) for event in history.events]
            _, left_out = await fetch_values(events, used)
            if not left_out:
                plain = MessageToDict(History(events=events))["events"]
                self.found.append((execution.id, digits[1], impersonal_values(without_persons(plain))))


def type_of_environment() -> Any:
    from temporalio.testing import _workflow

    return _workflow._HasAServer


def shape(events: list[Any]) -> str:
    """What a run did, without what it did it with."""
    return " ".join(
        f"{event['eventType']}:{event.get('activityTaskScheduledEventAttributes', {}).get('activityId', '')}"
        for event in events
    )


def renamed(files: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A bundle under a name of its content: tests write the same one again and again."""
    sources = {name: text for name, text in files.items() if name != "manifest.json"}
    key = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()[:16]
    manifest = json.loads(files["manifest.json"])
    manifest |= {"package": f"jw_{key}", "digest": key * 4}
    return key, {**sources, "manifest.json": json.dumps(manifest)}


def kept(harvest: Harvest) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """The histories that say something new, and the bundles they need."""
    seen: Counter[tuple[str, str]] = Counter()
    names: Counter[str] = Counter()
    lines: list[dict[str, Any]] = []
    bundles: dict[str, dict[str, str]] = {}
    for workflow_id, digits, events in harvest.found:
        key, files = renamed(harvest.bundles[digits])
        workflow = events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
        alike = (f"{key} {workflow}", shape(events))
        text = json.dumps(events)
        if seen[alike] >= ALIKE or len(text) > MAX_CHARACTERS:
            continue
        seen[alike] += 1
        names[workflow_id] += 1
        bundles[key] = files
        unique = workflow_id if names[workflow_id] == 1 else f"{workflow_id} ({names[workflow_id]})"
        lines.append(
            {"workflow": workflow, "workflow_id": workflow_id, "name": unique, "bundle": key, "events": events}
        )
    return lines, bundles


async def disagreeing(area: str, lines: list[dict[str, Any]], bundles: dict[str, dict[str, str]]) -> set[int]:
    """Which histories their own code doesn't agree with: tests change code below open runs; says each."""
    root = Path(tempfile.mkdtemp(prefix="corpus-"))
    wrong: set[int] = set()
    for index, line in enumerate(lines):
        recorded = Recorded(area, line["workflow"], line["workflow_id"], line["bundle"], line)
        history: WorkflowHistory = recorded.history()
        try:
            found = await replay(history, unpacked(root, line["bundle"], bundles[line["bundle"]]))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown to whoever records
            print(f"{recorded.name} ({line['workflow']}): {type(error).__name__}: {error}")
            wrong.add(index)
            continue
        if not found.compatible or found.remarks:
            print(f"{recorded.name} ({line['workflow']}): {found.divergence} {found.remarks}")
            wrong.add(index)
    return wrong


def run_tours(harvest: Harvest) -> None:
    """Runs the tours, and takes what they leave in their homes."""
    for tour in TOURS:
        with tempfile.TemporaryDirectory() as output, ModelServer(answer=says) as server:
            command = [sys.executable, "notebooks/run_tour.py", f"notebooks/{tour}.ipynb", "--output", output]
            subprocess.run(command, cwd=ROOT, check=True, env=os.environ | server.environment)
            home = Home.locate(Path(output) / "state" / "home")
            runtime = local_runtime.ensure(home)
            harvest.take_home(home)
            runtime.close()
            local_runtime.down(home)


def record(area: str) -> None:
    harvest = Harvest()
    if area == "tours":
        run_tours(harvest)
    else:
        pytest.main(["-q", "-p", "no:cacheprovider", *AREAS[area]], plugins=[harvest])
    lines, bundles = kept(harvest)
    wrong = asyncio.run(disagreeing(area, lines, bundles))
    good = [line for index, line in enumerate(lines) if index not in wrong]
    used = {line["bundle"] for line in good}
    FOLDER.mkdir(exist_ok=True)
    write_lines(FOLDER / f"{area}.jsonl.gz", [json.dumps(line, separators=(",", ":")) for line in good])
    chosen = {key: files for key, files in sorted(bundles.items()) if key in used}
    write_lines(FOLDER / f"{area}.bundles.json.gz", [json.dumps(chosen, separators=(",", ":"))])
    sizes = sum(path.stat().st_size for path in FOLDER.glob(f"{area}.*"))
    print(f"{area}: {len(harvest.found)} runs, {len(good)} histories, {len(used)} bundles, {sizes:,} bytes")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or AREAS:
        record(wanted)
