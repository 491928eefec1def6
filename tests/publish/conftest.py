"""One gateway for these tests, on the session's runtime, with workflows that a notebook published."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.publish.callers import make_token

from ..kernels import run_cells

CELLS = (
    "%load_ext jupyter_workflows",
    """
import asyncio
from enum import Enum
from pydantic import BaseModel
from jupyter_workflows import activity, ai, human_approval, workflow

class Colour(Enum):
    red = "red"
    green = "green"

class Check(BaseModel):
    risk: int
    colour: Colour = Colour.green

class Verdict(BaseModel):
    approved: bool
    by: str | None
    size: int

@activity
async def measure(text: str) -> int:
    for number in range(8):
        ai.emit(f"word{number} ")
        await asyncio.sleep(0.05)
    return len(text)
""",
    """%%workflow
async def appraise(contract: str, urgent: bool = False) -> Verdict:
    '''Measures a contract and asks.'''
    size = await measure(contract)
    approval = await human_approval(f"Publish {contract}?", form=Check)
    return Verdict(approved=bool(approval), by=approval.by, size=size)
""",
    """%%workflow
async def count_letters(text: str) -> int:
    '''Counts letters.'''
    if text == "bad":
        raise ValueError("no such text")
    return await measure(text)
""",
    """
from typing import Literal

class Place(BaseModel):
    city: str
    zip: int

class Survey(BaseModel):
    place: Place
    tags: list[str] = []
    level: Literal[1, 2] = 1
    colour: Colour | None = None
""",
    """%%workflow
async def survey_site(name: str) -> dict:
    '''Asks for what no plain field can hold.'''
    approval = await human_approval(f"Take {name}?", form=Survey)
    return {"approved": bool(approval), "form": approval.form.model_dump(mode="json") if approval.form else None}
""",
    "%workflow publish survey_site --as survey",
    "%workflow publish appraise --as review",
    "%workflow publish count_letters --as count-letters --description 'Counts the letters of a text'",
)


class Reply(NamedTuple):
    """An answer of the gateway."""

    status: int
    headers: dict[str, str]
    json: Any


class Gateway:
    """A running gateway, and who may call it."""

    def __init__(self, address: str, home: Any) -> None:
        self.address = address
        self.home = home
        self.ada = make_token(home, "ada", may_decide=True)[1]
        self.bob = make_token(home, "bob")[1]

    def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = "", headers: dict[str, str] | None = None
    ) -> Reply:
        """Sends a request as Ada, or with another token or none; errors are answers too."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token or self.ada}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, dict(answer.headers), json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), json.load(error))

    def until(self, run: str, *statuses: str, token: str | None = "") -> Any:
        """A run as soon as it has one of these statuses."""
        for _ in range(20):
            found = self.send("GET", f"/runs/{run}?wait=10", token=token).json
            if found["status"] in statuses:
                return found
        raise AssertionError(found)


@contextlib.contextmanager
def serving(home: Any, *options: str) -> Iterator[str]:
    """A gateway of a process of its own; gives its address."""
    command = [sys.executable, "-m", "jupyter_workflows.cli", "gateway", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    told: list[str] = []
    try:
        found = re.search(r"http://\S+?(?=: )", process.stderr.readline())
        assert found
        # A pipe that nobody reads would stop it.
        reading = threading.Thread(target=lambda: told.extend(process.stderr or ()))
        reading.start()
        yield found.group()
        process.terminate()
        process.wait(30)
        reading.join(30)
        assert "Traceback" not in "".join(told), "".join(told)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="session")
def published(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a notebook that published two workflows, and whose kernel has ended."""
    folder = tmp_path_factory.mktemp("published")
    run_cells(CELLS, home=runtime.home.data, folder=folder)
    return folder


@pytest.fixture(scope="session")
def gateway(runtime: Runtime, published: Path) -> Iterator[Gateway]:
    with serving(runtime.home, "--wait", "60", "--rate", "1000") as address:
        yield Gateway(address, runtime.home)
