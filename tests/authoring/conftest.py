"""A real Temporal server for the session, and bundles written from source text and served in this process."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from jupyter_workflows import schema
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.security import identity
from jupyter_workflows.worker import ANYBODY, bundle_worker, load_bundle, task_queue

from ..dev_server import QUICK_DISPATCH, dev_server

A = TypeVar("A", schema.SignedDelegation, schema.SignedQuestion, schema.SignedAnswer)
HEAD = "import asyncio\nfrom datetime import timedelta\nfrom jupyter_workflows.authoring import *\n"
FLAGS = [
    "--search-attribute=JwOpenApprovals=Int",
    QUICK_DISPATCH,
    "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
    '--dynamic-config-value=history.timerProcessorMaxTimeShift="20ms"',
]


def segments(module: str, source: str) -> list[schema.Segment]:
    return [
        schema.Segment(
            module=module,  # pyright: ignore[reportArgumentType]
            name=node.name,
            start_line=node.lineno,
            end_line=node.end_lineno or node.lineno,
            cell_id=f"{module}-cell",
            cell_number={"models": 1, "activities": 2, "workflows": 3}[module],
            cell_line=node.lineno - HEAD.count("\n"),
        )
        for node in ast.parse(source).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]


def write_bundle(root: Path, workflows: str, activities: str, models: str = "") -> Path:
    sources = {
        "models": HEAD + models,
        "activities": HEAD + "from .models import *\n" + activities,
        "workflows": HEAD + "from .models import *\nfrom .activities import *\n" + workflows,
    }
    defined = [node.name for node in ast.parse(sources["workflows"]).body if isinstance(node, ast.AsyncFunctionDef)]
    for name in defined:
        sources["workflows"] += (
            f'\n{name.title().replace("_", "")} = {name}.definition("{name.title().replace("_", "")}", __name__)'
        )
    digest = hashlib.sha256(repr((sources, str(root))).encode()).hexdigest()
    path = root / f"jw_{digest[:16]}"
    path.mkdir()
    (path / "__init__.py").write_text("")
    for name, source in sources.items():
        (path / f"{name}.py").write_text(source + "\n")
    manifest = schema.Manifest(
        digest=digest,
        behaviour_digest=digest,
        package=path.name,
        python="3.11",
        workflows=[],
        activities=[],
        segments=[segment for name, source in sources.items() for segment in segments(name, source)],
    )
    (path / "manifest.json").write_text(manifest.model_dump_json())
    return path


@dataclass
class Engine:
    """A server, a client and the bundles being served."""

    client: Client
    root: Path
    stack: contextlib.AsyncExitStack
    trusted: identity.TrustedKeys
    key: bytes
    queue: str = ""

    async def serve(self, workflows: str, activities: str = "", models: str = "") -> None:
        bundle = load_bundle(write_bundle(self.root, workflows, activities, models), self.trusted)
        self.queue = task_queue(bundle.manifest.digest, ANYBODY)
        await self.stack.enter_async_context(bundle_worker(self.client, bundle, identity="test-worker"))

    async def start(
        self, workflow: str, *args: Any, starter: str | None = None, **options: Any
    ) -> WorkflowHandle[Any, Any]:
        open_approvals = SearchAttributePair(SearchAttributeKey.for_int("JwOpenApprovals"), 0)
        name = f"{workflow}-{uuid.uuid4().hex[:8]}"
        if starter is not None:
            options["memo"] = {"starter": self.statement(name, workflow, starter).model_dump(mode="json")}
        return await self.client.start_workflow(
            workflow,
            args=args,
            id=name,
            task_queue=self.queue,
            search_attributes=TypedSearchAttributes([open_approvals]),
            **options,
        )

    def statement(self, id: str, workflow: str, starter: str) -> schema.SignedStart:
        made = schema.SignedStart(
            workflow_id=id, workflow=workflow, starter=starter, issued_at=datetime.now(UTC), nonce=uuid.uuid4().hex
        )
        return identity.sign(made, self.key)

    async def run(self, workflow: str, *args: Any, **options: Any) -> Any:
        return await (await self.start(workflow, *args, **options)).result()

    async def approval(self, handle: WorkflowHandle[Any, Any], id: str = "human_approval-1") -> schema.Approval:
        async def shown() -> Any:
            return (await (await handle.describe()).memo()).get(f"approval:{id}")

        return schema.Approval.model_validate(await eventually(shown))

    async def decide(self, handle: WorkflowHandle[Any, Any], approval: schema.Approval, **changes: Any) -> None:
        await handle.execute_update("jupyter_workflows.decide", self.decision(approval, **changes))

    def act(self, kind: type[A], approval: schema.Approval, **fields: Any) -> A:
        now = datetime.now(UTC)
        shared: dict[str, Any] = {
            "workflow_id": approval.workflow_id,
            "run_id": approval.run_id,
            "approval": approval.id,
            "content_hash": approval.content_hash,
            "issued_at": now,
            "expires_at": now + timedelta(minutes=5),
            "nonce": uuid.uuid4().hex,
        }
        return identity.sign(kind(**{**shared, **fields}), self.key)

    async def send(
        self, handle: WorkflowHandle[Any, Any], kind: type[A], approval: schema.Approval, **fields: Any
    ) -> None:
        await handle.execute_update("jupyter_workflows.act", self.act(kind, approval, **fields))

    async def refused(self, handle: WorkflowHandle[Any, Any], update: str, act: Any) -> str:
        """Why an act is refused; a refusal leaves no trace in history."""
        before = (await handle.describe()).raw_description.workflow_execution_info.history_length
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await handle.execute_update(f"jupyter_workflows.{update}", act)
        after = (await handle.describe()).raw_description.workflow_execution_info.history_length
        assert after == before, "a refused act must leave no trace in history"
        assert getattr(caught.value.cause, "type", None) == "ApprovalRefused"
        return str(caught.value.cause).removeprefix("ApprovalRefused: ")

    def decision(self, approval: schema.Approval, *, signed: bool = True, **changes: Any) -> schema.Decision:
        now = datetime.now(UTC)
        decision = schema.Decision(
            **{
                "workflow_id": approval.workflow_id,
                "run_id": approval.run_id,
                "approval": approval.id,
                "content_hash": approval.content_hash,
                "verdict": "approve",
                "reviewer": "ada",
                "issued_at": now,
                "expires_at": now + timedelta(minutes=5),
                "nonce": uuid.uuid4().hex,
                **changes,
            }
        )
        return identity.sign(decision, self.key) if signed else decision


async def eventually(read: Callable[[], Any], limit_seconds: float = 15) -> Any:
    """What `read` gives once it gives something true."""
    import asyncio

    async with asyncio.timeout(limit_seconds):
        while not (value := await read()):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)
    return value


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[str]:
    async with await dev_server(FLAGS) as environment:
        yield environment.client.service_client.config.target_host


@pytest_asyncio.fixture
async def engine(server: str, tmp_path: Path) -> AsyncIterator[Engine]:
    trusted = identity.TrustedKeys(tmp_path / "keys")
    trusted.load()
    client = await Client.connect(server, data_converter=data_converter(), plugins=[EnginePlugin(tmp_path / "limits")])
    async with contextlib.AsyncExitStack() as stack:
        yield Engine(client, tmp_path, stack, trusted, identity.ensure_key(tmp_path / "keys"))
