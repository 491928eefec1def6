"""The target `temporal-plain`: nothing of ours in it, and it runs on a real server."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.export.plain import PlainProject
from jupyter_workflows.export.writing import write_package

from ..dev_server import dev_server
from ..notebook.conftest import PRELUDE, Notebook

CELLS = """
import asyncio
import time
from pydantic import BaseModel

class Page(BaseModel):
    number: int
    text: str

@activity(retry=RetryPolicy(max_attempts=2), timeout=timeout(minutes=1))
async def fetch(number: int) -> Page:
    return Page(number=number, text=f"page {number}")

def loud(page: Page) -> str:
    return page.text.upper()

@activity(heartbeat_timeout=timeout(seconds=0.4), retry=RetryPolicy(max_attempts=1))
def count(text: str, times: int = 2) -> int:
    # Longer than it may be silent.
    time.sleep(1)
    return len(text) * times
# ---
@workflow(retry=RetryPolicy(max_attempts=4))
async def flow(number: int) -> dict[str, int]:
    pages = await asyncio.gather(fetch(number), fetch(number + 1))
    await sleep(timeout(seconds=0.01))
    return {loud(page): await count(page.text) for page in pages}
"""


FAILING = """
import asyncio
import pathlib

class Refused(Exception):
    pass

class Coded(Refused):
    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code}: {text}")

def note(log: str, word: str) -> None:
    with pathlib.Path(log).open("a") as file:
        file.write(f"{word} ")

@activity(retry=RetryPolicy(max_attempts=2, initial_interval=timeout(seconds=0.01), non_retryable=[Refused]))
def fail(what: str, log: str) -> int:
    note(log, what)
    if what == "coded":
        raise Coded(7, text="no")
    raise {"value": ValueError, "key": KeyError}[what]("bad")

@activity(timeout=timeout(seconds=0.2), retry=RetryPolicy(max_attempts=1))
async def slow() -> int:
    await asyncio.sleep(60)
    return 1
# ---
@workflow
async def flow(log: str) -> list[str]:
    seen = []
    try:
        await fail("value", log)
    except (KeyError, TimeoutError):
        seen.append("wrong")
    except ValueError as error:
        seen.append(f"value {error}")
    try:
        await fail("coded", log)
    except Refused as error:
        seen.append(f"coded {error}")
    try:
        await slow()
    except TimeoutError:
        seen.append("slow")
    try:
        await fail("key", log)
    except LookupError as error:
        seen.append(f"key {error}")
    return seen
# ---
@workflow
async def lost(log: str) -> int:
    return await fail("value", log)
"""


def project(folder: Path, cells: str = CELLS, *flows: str) -> PlainProject:
    notebook = Notebook(folder)
    notebook.run(PRELUDE)
    notebook.run_all(cells)
    return PlainProject("plain-pages", notebook.bundle(*flows or ("flow",)))


def imported(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def test_a_search_finds_nothing_of_ours(tmp_path: Path):
    files = project(tmp_path).files()
    code = {path: data.decode() for path, data in files.items() if path.endswith(".py")}
    assert {path for path, text in code.items() if "jupyter_workflows" in imported(text)} == set()
    assert {path for path, text in code.items() if "jupyter_workflows" in text} == set()
    assert b"jupyter" not in files["pyproject.toml"] + files["constraints.txt"]
    assert not [path for path in files if path.startswith("wheels/")]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    environment: WorkflowEnvironment = await dev_server()
    async with environment:
        yield await Client.connect(
            environment.client.service_client.config.target_host, data_converter=pydantic_data_converter
        )


async def test_it_runs_on_temporal_alone(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch):
    made = project(tmp_path)
    write_package(tmp_path / "package", made.name, made.files(), {})
    monkeypatch.syspath_prepend(str(tmp_path / "package" / "src"))
    program: Any = importlib.import_module("plain_pages.__main__")
    serving = program.asyncio.create_task(program.serve(client))
    try:
        assert await program.start(client, "flow", {"number": 7}) == {"PAGE 7": 12, "PAGE 8": 12}
    finally:
        serving.cancel()
        await program.asyncio.gather(serving, return_exceptions=True)
        for name in [name for name in sys.modules if name.startswith("plain_pages")]:
            del sys.modules[name]


async def test_a_step_s_error_is_caught_by_its_own_kind(tmp_path: Path, client: Client):
    made = project(tmp_path, FAILING, "flow", "lost")
    write_package(tmp_path / "package", made.name, made.files(), {})
    address = client.service_client.config.target_host
    environment = os.environ | {"TEMPORAL_ADDRESS": address, "PYTHONPATH": str(tmp_path / "package" / "src")}

    async def program(*words: str) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "plain_pages", *words]
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)

    async def started(name: str, log: Path) -> tuple[str, str]:
        process = await program("start", name, json.dumps([str(log)]))
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return out.decode().strip(), err.decode().strip()

    worker = await program("worker")
    try:
        out, err = await started("flow", tmp_path / "caught")
        assert json.loads(out) == ["value bad", "coded 7: no", "slow", "key 'bad'"], err
        # What is of a kind that is not tried again is not tried again.
        assert (tmp_path / "caught").read_text() == "value value coded key key "
        assert await started("lost", tmp_path / "lost") == ("", "lost failed: StepFailed: bad")
    finally:
        worker.terminate()
        await asyncio.wait_for(worker.communicate(), 60)


REFUSED = [
    ("await human_approval('?')\n    return 1", "", "uses human_approval"),
    ("return len(await parallel_map(fetch, [1]))", "", "uses parallel_map"),
    (
        "return await fetch(1)",
        "(rate_limit=RateLimit(calls=1, per=timeout(seconds=1)))",
        r"cell \[\d+\] line 2: fetch has rate_limit=",
    ),
    ("return await fetch(1)", "(irreversible=True)", r"cell \[\d+\] line 2: fetch has irreversible="),
]


@pytest.mark.parametrize(
    ("body", "options", "reason"), REFUSED, ids=[reason.rpartition(": ")[2] for _, _, reason in REFUSED]
)
def test_what_can_t_be_expressed_is_refused(tmp_path: Path, body: str, options: str, reason: str):
    cells = (
        f"@activity{options}\nasync def fetch(number: int) -> int:\n    return number\n# ---\n"
        f"@workflow\nasync def flow(number: int) -> int:\n    {body}\n"
    )
    with pytest.raises(ExportFailed, match=reason):
        project(tmp_path, cells).files()
