"""Runs that no other test makes, and that the corpus should have: children that fail, branches that are given up."""

from __future__ import annotations

from typing import Any

import pytest

from ..authoring.conftest import Engine

STEPS = """
@activity(retry=RetryPolicy(max_attempts=1))
async def breaks(text: str) -> str:
    raise ValueError(text)

@activity(timeout=timeout(minutes=5), heartbeat_timeout=timeout(seconds=5))
async def stays(text: str) -> str:
    await asyncio.sleep(300)
    return text

@activity
async def takes(text: str) -> str:
    return text
"""
FLOWS = """
@workflow
async def child(text: str) -> str:
    return await breaks(text)

@workflow
async def caught(text: str) -> str:
    try:
        return await child(text)
    except Exception as error:
        return await takes(f"caught {type(error).__name__}")

@workflow
async def given_up(text: str) -> str:
    slow = asyncio.ensure_future(stays(text))
    quick = await takes(text)
    slow.cancel()
    try:
        await slow
    except Exception:
        return await takes(f"{quick} alone")
    return "both"

@workflow
async def first_of(texts: list[str]) -> str:
    todo = [asyncio.ensure_future(stays(text)) for text in texts] + [asyncio.ensure_future(takes("quick"))]
    done, pending = await asyncio.wait(todo, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().result()

@workflow
async def timed(text: str) -> str:
    try:
        return await asyncio.wait_for(stays(text), 0.1)
    except Exception:
        return await takes("too late")

@workflow
async def some_fail(texts: list[str]) -> list:
    steps = [breaks(text) if "b" in text else takes(text) for text in texts]
    results = await asyncio.gather(*steps, return_exceptions=True)
    return [str(result) for result in results]

@workflow
async def helped(count: int) -> list:
    async def branch(number: int) -> str:
        text = await takes(str(number))
        await sleep(timedelta(milliseconds=10 * number))
        return await takes(text + "!")
    return await asyncio.gather(*(branch(number) for number in range(count)))
"""


@pytest.mark.parametrize(
    ("workflow", "argument", "result"),
    [
        ("caught", "x", "caught StepFailed"),
        ("given_up", "x", "x alone"),
        ("first_of", ["a", "b"], "quick"),
        ("timed", "x", "too late"),
        ("some_fail", ["a", "b", "c"], ["a", "b", "c"]),
        ("helped", 3, ["0!", "1!", "2!"]),
    ],
)
async def test_scene_ends_as_it_should(engine: Engine, workflow: str, argument: Any, result: Any):
    await engine.serve(FLOWS, STEPS)
    assert await engine.run(workflow, argument) == result
