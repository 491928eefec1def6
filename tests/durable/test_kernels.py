"""Kernels that come, go, are stopped, or stand side by side; workers that die under a cell; runs that grow long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from chaos.processes import kill, of_role
from jupyter_workflows.authoring.durable_cells import BEGIN, WORKFLOW, DurableCells, hand_over
from jupyter_workflows.durable.history import NotebookRecord, Reading, payload_of
from jupyter_workflows.durable.kernels import is_dead, this_kernel
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.payloads.values import ValueConverter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.schema.durable import CellRecord, CellRun, DurableCellsStart
from tests.conftest import eventually
from tests.dev_server import dev_server
from tests.kernels import printed, run_cells

from .conftest import Open
from .notebooks import LOAD, Notebook, Shown

SLOW = """%%durable
import os, time
written = open('begun', 'a').write('x')
while not os.path.exists('go'):
    time.sleep(0.02)
slow = 1"""


def finish(notebook: Notebook, sent: str) -> Shown:
    shown = Shown()
    while True:
        message = notebook.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == sent:
            shown.take(message["msg_type"], message["content"])
            if message["content"].get("execution_state") == "idle":
                return shown


def begun(folder: Path) -> None:
    assert eventually((folder / "begun").exists)


def steps(notebook: Notebook) -> list[list[Any]]:
    """Id, status and cell of each step of the notebook's run."""
    notebook.cell(
        "import jupyter_workflows, json, os\n"
        "run = jupyter_workflows.runs('durable_cells', notebook=os.environ['JPY_SESSION_NAME'])[0]"
    )
    return notebook.value("[[step.id, step.status, step.location.cell_id] for step in run.steps()]")


def test_a_second_kernel_of_the_notebook_restores_and_may_not_record(open_notebook: Open):
    first, second = open_notebook(), open_notebook()
    first.cell("%%durable\nx = 1", "one")

    restored = second.cell("%%durable\nx = 1", "one")
    refused = second.cell("%%durable\ny = 2", "two")
    taken = second.cell("%workflow durable take-over")
    after = second.cell("%%durable\ny = 2", "two")
    outdone = first.cell("%%durable\nz = 3", "three")

    assert restored.restored
    assert f"pid {first.pid}" in refused.error
    assert "take-over" in refused.error
    assert "taken over" in taken.texts[0]
    assert not after.error
    assert f"pid {second.pid}" in outdone.error


def test_a_cell_that_is_stopped_is_recorded_as_failed_and_runs_again(open_notebook: Open, tmp_path: Path):
    notebook = open_notebook()
    sent = notebook.send(SLOW, "slow")
    begun(tmp_path)
    notebook.interrupt()
    stopped = finish(notebook, sent)
    (tmp_path / "go").touch()
    again = notebook.cell(SLOW, "slow")

    assert "KeyboardInterrupt" in stopped.error
    assert not again.error
    assert again.notes == ["▸ runs: it has not run to its end yet"]
    assert steps(notebook) == [["cell-1", "failed", "slow"], ["cell-2", "completed", "slow"]]


def test_the_step_of_a_cell_whose_kernel_died_fails_when_the_next_kernel_goes_on(open_notebook: Open, tmp_path: Path):
    notebook = open_notebook()
    notebook.send(SLOW, "slow")
    begun(tmp_path)
    notebook.kill()
    (tmp_path / "go").touch()
    again = open_notebook()

    shown = again.cell(SLOW, "slow")

    assert not shown.error
    assert shown.notes == ["▸ runs: it has not run to its end yet"]
    assert steps(again) == [["cell-1", "failed", "slow"], ["cell-2", "completed", "slow"]]


def test_a_cell_is_recorded_though_the_worker_host_dies_under_it(open_notebook: Open, tmp_path: Path):
    notebook = open_notebook()
    sent = notebook.send(SLOW, "slow")
    begun(tmp_path)
    kill(*of_role(notebook.home, "host"))
    (tmp_path / "go").touch()
    shown = finish(notebook, sent)

    assert not shown.error
    assert notebook.cell(SLOW, "slow").restored


def test_a_cell_whose_step_was_given_up_meanwhile_is_recorded_by_another_one(open_notebook: Open, tmp_path: Path):
    notebook, other = open_notebook(), open_notebook("other.ipynb")
    sent = notebook.send(SLOW, "slow")
    begun(tmp_path)
    other.cell(
        "import jupyter_workflows as jw\n"
        "from temporalio.exceptions import ApplicationError\n"
        "from jupyter_workflows.connection import loop_thread\n"
        "from jupyter_workflows.session import current\n"
        f"found = jw.runs('durable_cells', notebook={notebook.path!r})[0]\n"
        "step = current().client().get_async_activity_handle(workflow_id=found.id, run_id=None, activity_id='cell-1')\n"
        "loop_thread().run(step.fail(ApplicationError('silent', non_retryable=True)))\nprint('given up')"
    )
    (tmp_path / "go").touch()
    shown = finish(notebook, sent)

    assert not shown.error
    assert notebook.cell(SLOW, "slow").restored
    assert steps(notebook) == [["cell-1", "failed", "slow"], ["cell-2", "completed", "slow"]]


def test_the_record_of_a_renamed_notebook_is_adopted(open_notebook: Open, tmp_path: Path):
    before = open_notebook("old.ipynb")
    source = "%%durable\nimport numpy as np\nlarge = np.arange(50_000)"
    before.cell(source, "one")
    before.kill()
    renamed = open_notebook("new.ipynb")

    adopted = renamed.cell(f"%workflow durable adopt {tmp_path / 'old.ipynb'}")
    shown = renamed.cell(source, "one")

    assert "adopted 1 cells" in adopted.texts[0]
    assert shown.restored
    assert renamed.value("int(large.sum())") == sum(range(50_000))


def test_the_record_is_listed_forgotten_and_begun_anew(open_notebook: Open):
    notebook = open_notebook()
    notebook.cell("%%durable load\nrows = [1, 2]", "one")
    notebook.cell("%%durable\n1 / 0", "two")

    listed = notebook.cell("%workflow durable").texts[0]
    forgotten = notebook.cell("%workflow durable forget load")
    unknown = notebook.cell("%workflow durable forget lod")
    shown = notebook.cell("%%durable load\nrows = [1, 2]", "one")
    notebook.cell("%workflow durable restart")
    anew = notebook.cell("%%durable load\nrows = [1, 2]", "one")

    assert "✓ finished" in listed
    assert "✗ failed" in listed
    assert "rows" in listed
    assert "forgot load" in forgotten.texts[0]
    assert "CommandError" in unknown.error
    assert [shown.restored, anew.restored] == [False, False]


def test_without_cell_ids_and_without_a_path_a_notebook_is_restored_too(runtime_home: Path, tmp_path: Path):
    cells = [LOAD, "%%durable\nprint('ran', file=open('log', 'a'))\nx = 1", "%%durable\ny = x + 1", "print(x, y)"]
    for _ in range(2):
        notebook = run_cells(cells, home=runtime_home, folder=tmp_path)
        assert printed(notebook.cells[3]) == "1 2\n"
    assert (tmp_path / "log").read_text() == "ran\n"


def test_a_process_that_lives_is_not_taken_for_dead():
    kernel = this_kernel()
    assert not is_dead(kernel)
    assert is_dead(kernel.model_copy(update={"started_seconds": kernel.started_seconds - 60}))
    assert not is_dead(kernel.model_copy(update={"host": "elsewhere boot"}))


@asynccontextmanager
async def served() -> AsyncIterator[Client]:
    """A server that soon calls a run long, and a worker."""
    async with await dev_server(["--dynamic-config-value=limit.historyCount.suggestContinueAsNew=40"]) as server:
        client = await Client.connect(
            server.client.service_client.config.target_host, data_converter=data_converter(), plugins=[EnginePlugin()]
        )
        async with Worker(
            client,
            task_queue="cells",
            workflows=[DurableCells],
            activities=[hand_over],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield client


async def record_cell(client: Client, number: int) -> None:
    """Runs a cell as a kernel does."""
    handle = client.get_workflow_handle("long")
    cell = CellRun(cell=f"id:{number}", title="x", source="x", why="", code="c", kernel=this_kernel())
    step = await handle.execute_update(BEGIN, cell, result_type=str)
    record = CellRecord(cell=cell.cell, title="x", code="c", seconds=0.0, finished_at=datetime.now(UTC))
    payload = payload_of(record, [], ValueConverter().encode(record, "the record"))
    await client.get_async_activity_handle(workflow_id="long", run_id=None, activity_id=step).complete(
        RawValue(payload)
    )


async def read(client: Client) -> NotebookRecord:
    return await Reading(client.data_converter).read(client.get_workflow_handle("long").fetch_history_events())


async def grown(cells: int) -> tuple[NotebookRecord, bool]:
    """The record of a run of many cells, and whether it went on in another execution."""
    async with served() as client:
        started = await client.start_workflow(WORKFLOW, DurableCellsStart(), id="long", task_queue="cells")
        for number in range(cells):
            await record_cell(client, number)
        for _ in range(300):
            found = await read(client)
            if len(found.records) == cells:
                break
            await asyncio.sleep(0.05)
        described = await client.get_workflow_handle("long").describe()
        return found, described.run_id != started.result_run_id


def test_a_long_run_goes_on_as_new_and_keeps_what_is_recorded():
    found, went_on = asyncio.run(grown(12))
    assert went_on
    assert sorted(found.records) == sorted(f"id:{number}" for number in range(12))
    assert found.count == 12
    assert found.is_open
