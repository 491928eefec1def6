"""A notebook's steps that write, and runs of them on the embedded runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.schema import Token
from tests.local.conftest import Runs, write_bundle

STEPS = """
import temporalio.activity
from jupyter_workflows import ai

SOON = timeout(seconds=0.1)

@activity(heartbeat_timeout=timeout(seconds=2), retry=RetryPolicy(max_attempts=3, initial_interval=SOON))
async def write(pieces: list[str], every: float, until: str) -> str:
    \"\"\"Writes, and is done when there is a file.\"\"\"
    for piece in pieces:
        ai.emit(piece)
        if every:
            await asyncio.sleep(every)
    while until and not Path(until).exists():
        await asyncio.sleep(0.01)
    return "".join(pieces)

@activity
def write_many(count: int, every: float) -> int:
    for number in range(count):
        ai.emit(f"{number} ")
        if every:
            time.sleep(every)
    return count

@activity(heartbeat_timeout=timeout(seconds=30), retry=RetryPolicy(max_attempts=2, initial_interval=SOON))
def fails_once(log: str) -> list:
    heartbeat("half")
    info = temporalio.activity.info()
    before = [ai.last_text(), last_heartbeat(), list(info.heartbeat_details)]
    ai.emit("one ")
    ai.emit("two ")
    if not before[0]:
        raise ValueError("broke off")
    return before

@activity(retry=RetryPolicy(max_attempts=2, initial_interval=SOON))
async def write_late(pieces: list[str], until: str) -> int:
    # The second attempt writes when there is a file; the first one breaks off.
    attempt = temporalio.activity.info().attempt
    while attempt == 2 and not Path(until).exists():
        await asyncio.sleep(0.01)
    for piece in pieces:
        ai.emit(piece)
    if attempt == 1:
        await asyncio.sleep(0.5)
        raise ValueError("broke off")
    return attempt
"""
WORKFLOWS = """
@workflow
async def writer(pieces: list[str], every: float = 0.0, until: str = "") -> str:
    return await write(pieces, every, until)

@workflow
async def crowd(writers: int, count: int, every: float) -> list:
    return await asyncio.gather(*(write_many(count, every) for _ in range(writers)))

@workflow
async def late(pieces: list[str], until: str) -> int:
    return await write_late(pieces, until)

@workflow
async def twice(log: str) -> list:
    return await fails_once(log)
"""


@dataclass
class Writers:
    """Starts runs whose steps write."""

    runs: Runs
    access: RunAccess = field(init=False)

    def __post_init__(self) -> None:
        self.runs.load()
        self.access = RunAccess.of(self.runs.client(), self.runs.runtime.home)

    def start(self, workflow: str, *args: Any) -> Run[Any]:
        handle = self.runs.start(workflow, *args)
        return Run(self.access, handle.id, handle.first_execution_run_id or "")


def writers_of(runtime: Runtime, home: Home) -> Writers:
    return Writers(Runs(runtime, write_bundle(home, WORKFLOWS, STEPS), loop_thread()))


@pytest.fixture(scope="session")
def writers(runtime: Runtime) -> Writers:
    """On the session's runtime."""
    return writers_of(runtime, runtime.home)


@pytest.fixture
def own_writers(own_home: Home) -> Iterator[Writers]:
    """On a runtime of the test's own, which it may break."""
    runtime = local_runtime.ensure(own_home)
    yield writers_of(runtime, own_home)
    runtime.close()


@pytest.fixture
def until(tmp_path: Path) -> Path:
    """A file that ends a step when it is made."""
    return tmp_path / "enough"


def joined(tokens: list[Token], step: str = "write-1") -> str:
    """The newest attempt's text; every piece must begin where the one before ended."""
    text, attempt, number = "", 0, 0
    for token in tokens:
        if token.step != step:
            continue
        if token.attempt != attempt:
            assert token.attempt > attempt
            text, attempt, number = "", token.attempt, 0
        assert token.offset == len(text), f"a gap or an overlap before {token}"
        assert token.number >= number
        text, number = text + token.text, token.number
    return text
