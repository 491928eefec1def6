"""A real server on the loop thread of runs, and bundles written from source text and served in this process."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from jupyter_workflows import schema
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.payloads import FileStorage, data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.runs.access import RunAccess, served_elsewhere
from jupyter_workflows.runs.client import SEARCH_ATTRIBUTES, StartRequest, start_run
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.security import identity
from jupyter_workflows.worker import ANYBODY, bundle_worker, load_bundle, task_queue

from ..dev_server import QUICK_DISPATCH, dev_server
from . import scenarios

NAMES = (
    "RateLimit, RetryPolicy, activity, continue_as_new, heartbeat, human_approval, parallel_map, "
    "set_query_value, sleep, timeout, wait_for_signal, workflow"
)
HEAD = f"import asyncio\nfrom datetime import timedelta\nfrom jupyter_workflows.authoring import {NAMES}\n"
FLAGS = [
    QUICK_DISPATCH,
    "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
    "--dynamic-config-value=history.visibilityProcessorMaxPollRPS=2000",
    '--dynamic-config-value=history.timerProcessorMaxTimeShift="20ms"',
    "--dynamic-config-value=frontend.WorkflowPauseEnabled=true",
]
CELLS = {"models": 1, "activities": 2, "workflows": 3}
# The head and the imports of the modules before stand above a module's own code.
LINES_ABOVE = {name: HEAD.count("\n") + number for number, name in enumerate(CELLS)}


def definitions(source: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    wanted = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in ast.parse(source).body if isinstance(node, wanted)]


def segments(module: Any, source: str) -> list[schema.Segment]:
    return [
        schema.Segment(
            module=module,
            name=node.name,
            start_line=node.lineno,
            end_line=node.end_lineno or node.lineno,
            cell_id=f"{module}-cell",
            cell_number=CELLS[module],
            cell_line=node.lineno - LINES_ABOVE[module],
        )
        for node in definitions(source)
    ]


def bundled_activities(source: str) -> list[schema.BundledActivity]:
    return [
        schema.BundledActivity(
            name=node.name,
            function=node.name,
            signature="(...)",
            is_async=isinstance(node, ast.AsyncFunctionDef),
            cell_id="activities-cell",
            cell_number=CELLS["activities"],
            line=node.lineno - LINES_ABOVE["activities"],
        )
        for node in definitions(source)
        if not isinstance(node, ast.ClassDef)
    ]


def write_bundle(root: Path, workflows: str, activities: str, models: str) -> Path:
    sources = {
        "models": HEAD + models,
        "activities": HEAD + "from .models import *\n" + activities,
        "workflows": HEAD + "from .models import *\nfrom .activities import *\n" + workflows,
    }
    for node in definitions(sources["workflows"]):
        if isinstance(node, ast.AsyncFunctionDef):
            title = node.name.title().replace("_", "")
            sources["workflows"] += f'\n{title} = {node.name}.definition("{title}", __name__)'
    digest = hashlib.sha256(repr((sources, str(root))).encode()).hexdigest()
    path = root / f"jw_{digest[:16]}"
    path.mkdir(parents=True)
    (path / "__init__.py").write_text("")
    for name, source in sources.items():
        (path / f"{name}.py").write_text(source + "\n")
    manifest = schema.Manifest(
        digest=digest,
        behaviour_digest=digest,
        package=path.name,
        python="3.11",
        workflows=[],
        activities=bundled_activities(sources["activities"]),
        segments=[segment for name, source in sources.items() for segment in segments(name, source)],
    )
    (path / "manifest.json").write_text(manifest.model_dump_json())
    return path


@dataclass
class Engine:
    """A server, a home, a client and the bundles being served."""

    client: Client
    home: Any
    stack: contextlib.AsyncExitStack
    digest: str = ""

    @property
    def access(self) -> RunAccess:
        return RunAccess.of(self.client, self.home)

    def serve(self, workflows: str, activities: str = "", models: str = "") -> None:
        async def begin() -> None:
            bundle = load_bundle(write_bundle(self.home.bundles, workflows, activities, models), self.home.trusted)
            self.digest = bundle.manifest.digest
            await self.stack.enter_async_context(bundle_worker(self.client, bundle, identity="test-worker"))

        loop_thread().run(begin(), timeout=30)

    def start(self, workflow: str, *args: Any, result_type: Any = None, **options: Any) -> Run[Any]:
        request = StartRequest(
            workflow=workflow, args=args, task_queue=task_queue(self.digest, ANYBODY), bundle=self.digest, **options
        )
        return start_run(self.client, request, home=self.home, result_type=result_type)

    def run(self, workflow: str, *args: Any, result_type: Any = None, **options: Any) -> Any:
        return self.start(workflow, *args, result_type=result_type, **options).result(timeout=30)


def eventually(read: Callable[[], Any], limit_seconds: float = 15) -> Any:
    """What `read` gives once it gives something true."""
    deadline = time.monotonic() + limit_seconds
    while not (value := read()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    async def begin() -> WorkflowEnvironment:
        environment = await dev_server(FLAGS)
        client = environment.client
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=SEARCH_ATTRIBUTES)
        await client.operator_service.add_search_attributes(request)
        # The server knows new search attributes after about 0.3 s.
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(Exception):
                    await anext(client.list_workflows("JwOpenApprovals = 7 AND JwBundle = 'x'"), None)
                    return environment
                await asyncio.sleep(0.05)

    environment = loop_thread().run(begin(), timeout=60)
    yield environment.client.service_client.config.target_host
    loop_thread().run(environment.shutdown(), timeout=20)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("home")
    trusted = identity.TrustedKeys(root / "keys")
    trusted.load()
    names = ("bundles", "blobs", "limits", "cache", "tokens")
    places = {name: root / name for name in names}
    return SimpleNamespace(data=root, keys=trusted.keys, trusted=trusted, serve=served_elsewhere, **places)


@pytest.fixture(scope="session")
def client(server: str, home: Any) -> Client:
    async def connect() -> Client:
        converter = data_converter(FileStorage(home.blobs))
        return await Client.connect(server, data_converter=converter, plugins=[EnginePlugin(home.limits)])

    return loop_thread().run(connect(), timeout=20)


@contextlib.contextmanager
def serving(client: Client, home: Any) -> Generator[Engine]:
    stack = contextlib.AsyncExitStack()
    yield Engine(client, home, stack)
    loop_thread().run(stack.aclose(), timeout=30)


@pytest.fixture
def engine(client: Client, home: Any) -> Iterator[Engine]:
    """Nothing served yet; what a test serves ends with it."""
    with serving(client, home) as engine:
        yield engine


@pytest.fixture(scope="session")
def scenes(client: Client, home: Any) -> Iterator[Engine]:
    """All workflows of `scenarios`."""
    with serving(client, home) as engine:
        engine.serve(scenarios.WORKFLOWS, scenarios.ACTIVITIES, scenarios.MODELS)
        yield engine


@pytest.fixture(scope="session")
def contracts(client: Client, home: Any) -> Iterator[Engine]:
    """The contract review of the design."""
    with serving(client, home) as engine:
        engine.serve(scenarios.CONTRACT_WORKFLOW, scenarios.CONTRACT_ACTIVITIES, scenarios.CONTRACT_MODELS)
        yield engine
