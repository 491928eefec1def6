"""The page about publishing, as a reader follows it: its commands, requests and client, and what it says they tell."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_workflows.local.paths import Home

from ..conftest import eventually
from ..kernels import run_cells

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "publish.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"contract_review-[0-9a-f]{16}")
PORT = "8321"
# What the page takes for granted: the workflow. Its step ends when its run was seen running.
CELLS = (
    "%load_ext jupyter_workflows",
    """
import time
from pathlib import Path
from jupyter_workflows import activity, workflow

@activity
def read(contract_id: str) -> str:
    while not Path("seen").exists():
        time.sleep(0.05)
    return f"contract {contract_id}"
""",
    """%%workflow
async def review(contract_id: str) -> dict[str, str]:
    return {"status": "approved"} if await read(contract_id) else {}
""",
)


def told(page: str) -> list[tuple[str, str]]:
    """Each command of the page, without its prompt and in one line, and what it is said to print."""
    found: list[tuple[str, str]] = []
    for block in CONSOLE.findall(page):
        for part in re.split(r"^(?=\$ |%)", block, flags=re.MULTILINE):
            if part:
                command, _, output = part.replace("\\\n", "").partition("\n")
                found.append((command.removeprefix("$ "), output))
    return found


def pattern(line: str) -> str:
    """What a printed line may look like, of which the page shows one example."""
    text = re.sub(r"\\?…|\\\.\\\.\\\.", ".*", re.escape(line.strip()))
    text = re.sub(r"\d{4}\\-\d\d\\-\d\d\\ \d\d:\d\d", r"[-\\d]{10} [:\\d]{5}", text)
    text = re.sub(r"(?<![0-9a-z])[0-9a-f]{8,}(?![0-9a-z])", "[0-9a-f]+", text)
    return re.sub(r"(\\ )+", r"\\s+", text)


def check(shown: str, output: str) -> None:
    """Every line that the page shows is one of those that were printed, and they come in this order."""
    lines = iter(output.splitlines())
    missing = [line for line in shown.splitlines() if not any(re.search(pattern(line), each) for each in lines)]
    assert missing == [], output


def carried_out(command: str, **environment: str) -> str:
    """What a command of the page prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env=reader() | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def reader() -> dict[str, str]:
    """The environment of a terminal in which the package is installed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "120"}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@contextmanager
def running(command: str, shown: str, folder: Path) -> Iterator[None]:
    """A command that serves until it is told to end."""
    log = folder / "gateway.log"
    with log.open("w") as file:
        process = subprocess.Popen(["bash", "-c", f"exec {command}"], env=reader(), stdout=file, stderr=file)
    try:
        assert eventually(lambda: re.search(pattern(shown), log.read_text()), 60), log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in log.read_text()


async def client_of(page: str, token: str) -> None:
    """Runs the page's client, as a notebook would."""
    [source] = PYTHON.findall(page)
    code = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, {"token": token})
    assert inspect.isawaitable(running)
    await asyncio.wait_for(running, 120)


def test_the_page_is_true(own_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    page = PAGE.read_text(encoding="utf-8").replace(PORT, port)
    page = page.replace("workflows gateway\n", f"workflows gateway --port {port}\n")
    todo = told(page)
    names = [command.split()[1:3] for command, _ in todo]
    assert names == [
        ["publish", "review"], ["workflows", "tokens"], ["workflows", "gateway"], ["-X", "POST"],
        [names[4][0], "-H"], ["workflows", "published"],
    ]  # fmt: skip
    (publish, shown_publish), (tokens, shown_tokens), (gateway, shown_gateway), start, look, (calls, shown_calls) = todo
    notebook = run_cells([*CELLS, publish], home=own_home.data, folder=tmp_path)
    check(shown_publish, notebook.cells[-1].outputs[0].data["text/plain"])
    made = carried_out(tokens)
    check(shown_tokens, made)
    [token] = re.findall(r"jw_\S+", made)
    with running(gateway, shown_gateway, tmp_path):
        began = carried_out(start[0], TOKEN=token)
        check(start[1], began)
        (tmp_path / "seen").touch()
        [run] = set(RUN.findall(began))
        check(look[1], carried_out(RUN.sub(run, look[0]), TOKEN=token))
        asyncio.run(client_of(page, token))
    lines = capsys.readouterr().out.splitlines()
    assert "['contract_review', 'workflow_run', 'cancel_workflow_run']" in lines
    assert "read-1 completed" in lines
    assert "'status': 'completed'" in lines[-1]
    assert "'result': {'status': 'approved'}" in lines[-1]
    check(shown_calls, carried_out(calls))
