"""What a workspace allows its runs to spend on models: held by the worker, counted from what runs have on record."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    RegisterNamespaceRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError
from temporalio.worker import Replayer

from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.plugin.books import Books, utc_now
from jupyter_workflows.schema.budgets import Spent
from jupyter_workflows.security import identity
from jupyter_workflows.security.workspaces import WorkspacesFile
from jupyter_workflows.testing import ModelServer
from jupyter_workflows.worker import load_bundle
from tests.authoring.conftest import Engine, eventually

HEAD = "from jupyter_workflows import ai\n"
# The scripted server says the prompt back: ten words are ten tokens in, ten out, and two around them.
TEN = "a b c d e f g h i j"
TALK = (
    HEAD
    + f"@workflow\nasync def talk(times: int) -> int:\n    for _ in range(times):\n        await ai.chat('{TEN}')\n"
)
TALK += "    return times\n"


class Workspace:
    """A namespace of its own with a file that says what it allows, and workers that hold it."""

    def __init__(self, server: str, folder: Path, namespace: str) -> None:
        self.server = server
        self.folder = folder
        self.namespace = namespace
        self.file = WorkspacesFile(folder / "workspaces.toml")

    def allow(self, settings: str) -> None:
        self.file.path.write_text(
            f'[workspaces.research]\nnamespace = "{self.namespace}"\nadmin = ["ada"]\n{settings}\n'
        )
        self.file.path.chmod(0o644)

    async def client(self) -> Client:
        plugin = EnginePlugin(self.folder / "limits", workspaces=lambda: self.file)
        return await Client.connect(
            self.server, namespace=self.namespace, data_converter=data_converter(), plugins=[plugin]
        )

    @contextlib.asynccontextmanager
    async def worker(self, workflows: str, activities: str = "") -> AsyncIterator[Engine]:
        """A worker that knows nothing of what others saw."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        trusted = identity.TrustedKeys(folder / "keys")
        trusted.load()
        async with contextlib.AsyncExitStack() as stack:
            engine = Engine(await self.client(), folder, stack, trusted, identity.ensure_key(folder / "keys"))
            await engine.serve(workflows, activities)
            yield engine

    async def spent(self) -> Spent:
        """What the list of runs says was spent today."""
        return (await Books(await self.client()).spent(utc_now())).get(f"{utc_now():%Y-%m-%d}", Spent())

    async def on_record(self, tokens: int) -> None:
        async def told() -> bool:
            return (await self.spent()).tokens >= tokens

        await eventually(told)
        assert (await self.spent()).tokens == tokens


@pytest_asyncio.fixture
async def workspace(server: str, tmp_path: Path) -> Workspace:
    namespace = f"research-{uuid.uuid4().hex[:8]}"
    client = await Client.connect(server)
    keep = Duration(seconds=int(timedelta(days=40).total_seconds()))
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=keep)
    )
    attributes = {"JwOpenApprovals": IndexedValueType.INDEXED_VALUE_TYPE_INT}

    async def known() -> bool:
        with contextlib.suppress(RPCError):
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=namespace, search_attributes=attributes)
            )
        with contextlib.suppress(RPCError):
            request = CountWorkflowExecutionsRequest(namespace=namespace, query="JwOpenApprovals > 0")
            await client.workflow_service.count_workflow_executions(request, retry=False)
            return True
        return False

    await eventually(known, 30)
    return Workspace(server, tmp_path, namespace)


async def refusal(handle: Any) -> str:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    return str(caught.value.cause)


async def test_a_run_stops_at_what_its_workspace_allows_whatever_its_own_budget(
    workspace: Workspace, models: ModelServer
) -> None:
    workspace.allow("budget.run = { tokens = 40 }")
    generous = TALK.replace("@workflow", "@workflow(budget=Budget(tokens=1_000_000))")
    async with workspace.worker(generous) as engine:
        said = await refusal(await engine.start("talk", 5))
        assert re.search(
            r"the run has spent the budget of workspace research for a run: 44 of 40 tokens; "
            r"its admins \(ada\) may raise it in \S+workspaces\.toml",
            said,
        )
        assert models.count == 2
        assert await engine.run("talk", 1) == 1, "each run has a budget of its own"
        workspace.allow("budget.run = { tokens = 4_000 }")
        assert await engine.run("talk", 3) == 3


async def test_the_smaller_budget_of_the_notebook_still_asks(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.run = { tokens = 40 }")
    async with workspace.worker(TALK.replace("@workflow", "@workflow(budget=Budget(tokens=20))")) as engine:
        handle = await engine.start("talk", 3)
        await engine.decide(handle, await engine.approval(handle))
        await engine.decide(handle, await engine.approval(handle, "human_approval-2"))
        assert "44 of 40 tokens" in await refusal(handle), "nobody but an admin allows more than the workspace does"


async def test_a_day_is_shared_by_all_runs_and_workers(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.day = { tokens = 50 }\nbudget.month = { tokens = 10_000 }")
    async with workspace.worker(TALK) as engine:
        assert await engine.run("talk", 2) == 2
    await workspace.on_record(44)
    async with workspace.worker(TALK) as engine:
        assert await engine.run("talk", 1) == 1
        said = await refusal(await engine.start("talk", 1))
        assert "workspace research has spent its budget: 66 of 50 tokens today (UTC); its admins (ada)" in said
    await workspace.on_record(66)
    async with workspace.worker(TALK) as engine:
        await refusal(await engine.start("talk", 1))
        workspace.allow("budget.day = { tokens = 70 }")
        assert await engine.run("talk", 1) == 1
    assert models.count == 4


async def test_calls_in_a_step_that_fails_are_counted_too(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.run = { tokens = 40 }")
    flow = "@workflow\nasync def wasteful() -> None:\n    await waste()\n"
    waste = (
        HEAD + "@activity(retry=RetryPolicy(max_attempts=50, initial_interval=timedelta(milliseconds=1)))\n"
        f"def waste() -> None:\n    asyncio.run(ai.chat('{TEN}'))\n    raise ValueError('again')\n"
    )
    async with workspace.worker(flow, waste) as engine:
        assert "44 of 40 tokens" in await refusal(await engine.start("wasteful"))
    assert models.count == 2


async def test_a_step_that_a_reset_keeps_is_counted_once(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.run = { tokens = 10_000 }")
    async with workspace.worker(TALK) as engine:
        handle = await engine.start("talk", 3)
        await handle.result()
        await workspace.on_record(66)
        history = await handle.fetch_history()
        tasks = [
            event.event_id
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        await engine.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=workspace.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.result_run_id),
                workflow_task_finish_event_id=tasks[2],
                request_id=uuid.uuid4().hex,
            )
        )
        again = engine.client.get_workflow_handle(handle.id)
        assert await again.result() == 3
        await workspace.on_record(66 + 22)
        bundle = load_bundle(next(engine.root.glob("jw_*")))
        replayer = Replayer(
            workflows=bundle.workflow_classes, data_converter=data_converter(), plugins=[EnginePlugin(engine.root)]
        )
        await replayer.replay_workflow(await again.fetch_history())


async def test_a_run_that_begins_anew_is_not_counted_twice(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.run = { tokens = 30 }")
    endless = HEAD + (
        f"@workflow\nasync def laps(left: int) -> int:\n    await ai.chat('{TEN}')\n"
        "    if left:\n        continue_as_new(left - 1)\n    return left\n"
    )
    async with workspace.worker(endless) as engine:
        assert await engine.run("laps", 2) == 0
    await workspace.on_record(66)


async def test_money_is_counted_by_the_prices_of_the_workspace(
    workspace: Workspace, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_WORKFLOWS_MODEL_PRICES", '{"*": {"input": 0}}')
    prices = '[workspaces.research.prices]\n"small*" = { input = 100_000, output = 100_000 }'
    workspace.allow(f"budget.run = {{ cost = 2 }}\n{prices}")
    flow = TALK.replace("times: int", "times: int, model: str").replace(f"'{TEN}')", f"'{TEN}', model=model)")
    async with workspace.worker(flow) as engine:
        assert "2.2 of 2 in money" in await refusal(await engine.start("talk", 2, "small-1"))
        assert "its prices do not name the model large-1" in await refusal(await engine.start("talk", 1, "large-1"))
    assert models.count == 1


async def test_a_file_that_makes_no_sense_lets_no_call_be_made(workspace: Workspace, models: ModelServer) -> None:
    workspace.allow("budget.day = { tokens = 0 }")
    async with workspace.worker(TALK) as engine:
        assert "budget.day tokens = 0 is not a whole number above zero" in await refusal(await engine.start("talk", 1))
    assert models.count == 0


async def test_a_month_is_not_counted_where_temporal_forgets_runs_before_its_end(
    server: str, tmp_path: Path, models: ModelServer
) -> None:
    workspace = Workspace(server, tmp_path, "default")
    workspace.allow("budget.month = { tokens = 1_000_000 }")
    async with workspace.worker(TALK) as engine:
        said = await refusal(await engine.start("talk", 1))
        assert "Temporal keeps closed runs of the namespace default for 1 days: set retention_days = 31" in said
    assert models.count == 0
