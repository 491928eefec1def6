"""What a step writes, live below the cell, fed by the kernel."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from .lab import Notebook

pytestmark = pytest.mark.timeout(600)

LOAD = """%load_ext jupyter_workflows
import asyncio, os
from datetime import timedelta
from pathlib import Path
from jupyter_workflows import RetryPolicy, activity, ai, workflow
"""
STEPS = """
TWICE = RetryPolicy(max_attempts=2, initial_interval=timedelta(seconds=0.1))

@activity(retry=TWICE, heartbeat_timeout=timedelta(seconds=2))
async def draft(until: str) -> str:
    again = Path(until + ".pid").exists()
    Path(until + ".pid").write_text(str(os.getpid()))
    text = "## Second draft" if again else "## First draft <img src=x onerror=window.pwned=1>"
    for piece in (*text.split(" "), "\\n\\nIt is **bold** \\U0001f600", " and goes on"):
        ai.emit(piece + " ")
        await asyncio.sleep(0.02)
    while not Path(until).exists():
        await asyncio.sleep(0.02)
    return "the final text"
"""
WRITE = """%%workflow
async def write(until: str) -> str:
    return await draft(until)
"""
START = "run = write.start(os.path.abspath('enough'))\nrun"


def test_a_retry_restarts_the_text_and_the_result_is_the_final_one(notebook: Callable[..., Notebook], lab):
    opened = notebook(LOAD, STEPS, WRITE, START, "Path('enough').touch()\nrun.result(timeout=120)")
    for index in range(4):
        opened.run(index)
    view = opened.view(3)
    tokens = view.locator(".jwl-tokens")
    tokens.get_by_text("and goes on").wait_for(timeout=120_000)
    assert tokens.locator("strong", has_text="bold").count() == 1
    assert tokens.get_by_text("<img src=x onerror=window.pwned=1>").count() == 1
    assert tokens.locator(".jwl-caret").count() == 1
    psutil.Process(int((lab[1] / "enough.pid").read_text())).kill()
    tokens.get_by_text("Second draft").wait_for(timeout=120_000)
    tokens.get_by_text("attempt 1 broke off after").wait_for()
    assert tokens.get_by_text("attempt 2").count() == 1
    tokens.locator(".jwl-markdown", has_text="and goes on").wait_for(timeout=120_000)
    opened.run(4)
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    view.get_by_text("the final text").first.wait_for()
    assert opened.page.evaluate("() => window.pwned") is None
