"""Temporal's own Web UI on a server of its own: plain values with a ticket of the codec endpoint, else ciphertext."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.errors import ConnectionFailed
from jupyter_workflows.local.paths import Home
from jupyter_workflows.security import keyrings

from ..conftest import temporary_home
from ..dev_server import outside_of_the_home, temporal_binary
from ..server.pages import Server, jupyter_server
from .lab import free_port

pytestmark = pytest.mark.timeout(300)
SECRET = "a-diagnosis-of-somebody"
NAMESPACE = "default"
# A page of the Web UI is drawn from many requests.
SLOW = 60_000


@workflow.defn
class Keep:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


class Place(NamedTuple):
    """A Temporal server with its Web UI, and a Jupyter server that opens what is encrypted there."""

    ui: str
    run: str
    jupyter: Server


def keep_one(address: str, home: Home) -> str:
    """Runs a workflow whose values are encrypted; gives the path of its page."""

    async def kept() -> str:
        deadline = time.monotonic() + 60
        while True:
            try:
                client = await connect(Settings(address, NAMESPACE), home=home, plugins=())
                break
            except ConnectionFailed:
                if time.monotonic() > deadline:
                    raise
        worker = Worker(client, task_queue="kept", workflows=[Keep], workflow_runner=UnsandboxedWorkflowRunner())
        async with worker:
            handle = await client.start_workflow(Keep.run, SECRET, id="kept", task_queue="kept")
            assert await handle.result() == SECRET
            return f"namespaces/{NAMESPACE}/workflows/kept/{handle.first_execution_run_id}/history"

    return loop_thread().run(kept(), timeout=120)


@pytest.fixture(scope="module")
def place(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port, ui = free_port(), free_port()
    command = [temporal_binary(), "server", "start-dev", "--port", str(port), "--ui-port", str(ui)]
    with temporary_home(tmp_path_factory.mktemp("encrypted") / "home") as home, outside_of_the_home():
        keyrings.turn_on(home.keys, NAMESPACE)
        process = subprocess.Popen([*command, "--log-level", "never"], stdout=subprocess.DEVNULL)
        try:
            run = keep_one(f"127.0.0.1:{port}", home)
            known = {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "TEMPORAL_NAMESPACE": NAMESPACE}
            known["JUPYTER_WORKFLOWS_UI_ADDRESS"] = f"http://127.0.0.1:{ui}"
            with jupyter_server(home.data, tmp_path_factory.mktemp("server"), environment=known) as server:
                yield Place(f"http://127.0.0.1:{ui}", run, server)
        finally:
            process.terminate()
            process.wait(30)


def shown(page: Any, place: Place, ui: str = "") -> str:
    """What the page of the run says, once it has told how the run ended."""
    page.goto(f"{ui or place.ui}/{place.run}")
    page.get_by_text("Workflow Execution Completed").first.wait_for(timeout=SLOW)
    page.get_by_text("Result").first.wait_for(timeout=SLOW)
    return str(page.locator("main").inner_text())


def set_codec(page: Any, endpoint: str) -> None:
    """Fills in the Web UI's settings of its codec server, as a person does."""
    page.locator("[data-testid^='data-encoder-status']").click()
    dialog = page.get_by_role("dialog").filter(has_text="decodes your data")
    dialog.get_by_label("Use my browser setting").check()
    dialog.get_by_role("textbox").first.fill(endpoint)
    dialog.get_by_role("button", name="Apply").click()
    dialog.wait_for(state="hidden")


def test_values_are_shown_with_a_ticket_and_are_ciphertext_without(page: Any, place: Place):
    assert SECRET not in shown(page, place)
    ticket = place.jupyter.post("api/codec").json["path"]
    for endpoint, is_plain in ((f"codec/{'x' * 43}", False), (ticket, True)):
        set_codec(page, place.jupyter.url(endpoint))
        text = shown(page, place)
        if is_plain:
            page.locator("main").get_by_text(SECRET).first.wait_for(timeout=SLOW)
        else:
            assert SECRET not in text
    assert "values in Temporal's tools" in place.jupyter.read_log()
