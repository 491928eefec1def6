"""Steps and definitions that can't work: one row is one mistake, marked `#! CODE` at the line the refusal must name.

The prelude is cell 1; `# ---` starts the next cell.
"""

from __future__ import annotations

import pytest

REFUSED = {
    "awaited through a variable": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    step = load
    return await step(n)  #! JW201
""",
    "awaited through a loop variable": """
async def load(n: int) -> int:
    return n
async def score(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    for step in (load, score):
        n = await step(n)  #! JW201
    return n
""",
    "awaited through a constant": """
def load(n: int) -> int:
    return n
STEPS = {"load": load}
@workflow
async def flow(n: int) -> int:
    return await STEPS["load"](n)  #! JW201
""",
    "awaited through a parameter": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    async def twice(step):
        return await step(await step(n))
    return await twice(load)  #! JW201
""",
    "awaited through partial": """
import functools
def load(n: int, m: int) -> int:
    return n
step = functools.partial(load, m=1)
@workflow
async def flow(n: int) -> int:
    return await step(n)  #! JW201
""",
    "an activity that is not awaited": """
async def notify(n: int) -> None: ...
@workflow
async def flow(n: int) -> int:
    notify(n)  #! JW202
    return n
""",
    "a decorated activity that is not awaited": """
@activity
def notify(n: int) -> None: ...
@workflow
async def flow(n: int) -> int:
    if n:
        notify(n)  #! JW202
    return n
""",
    "a result used without await": """
async def load(n: int) -> dict:
    return {}
@workflow
async def flow(n: int) -> int:
    return load(n)["a"]  #! JW203
""",
    "a condition without await": """
@activity
def is_risky(n: int) -> bool:
    return True
@workflow
async def flow(n: int) -> int:
    if is_risky(n):  #! JW203
        return 1
    return 0
""",
    "a step given to a step without await": """
async def load(n: int) -> int:
    return n
async def score(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    return await score(load(n))  #! JW203
""",
    "a step returned without await": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    return load(n)  #! JW203
""",
    "an activity awaited in one place and not in the other": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    first = await load(n)
    return first + load(n)  #! JW206
""",
    "assigned and never awaited": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    loaded = load(n)  #! JW204
    return n
""",
    "collected and never awaited": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    tasks = [load(i) for i in range(n)]  #! JW204
    return n
""",
    "a step in one place and a helper in the other": """
def clean(text: str) -> str:
    return text
@workflow
async def flow(text: str) -> str:
    first = await clean(text)  #! JW205
    return clean(first)
""",
    "both ways over two functions": """
def clean(text: str) -> str:
    return text
def twice(text: str) -> str:
    return clean(clean(text))
@workflow
async def flow(text: str) -> str:
    text = twice(text)
    return await clean(text)  #! JW205
""",
    "an approval in an activity": """
async def decide(n: int) -> bool:
    return bool(await human_approval("ok?"))  #! JW207
@workflow
async def flow(n: int) -> bool:
    return await decide(n)
""",
    "a durable sleep in a helper of an activity": """
async def pause():
    await sleep(timeout(seconds=1))  #! JW207
async def load(n: int) -> int:
    await pause()
    return n
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a heartbeat in a workflow": """
@workflow
async def flow(n: int) -> int:
    heartbeat(n)  #! JW208
    return n
""",
    "tokens of a workflow": """
from jupyter_workflows import ai
from jupyter_workflows.ai import stream
# ---
@workflow
async def flow(n: int) -> int:
    ai.emit("text")  #! JW208
    ai.last_text()  #! JW208
    stream(["text"])  #! JW208
    return n
""",
    "a library's coroutine": """
import tqdm_like
# ---
@workflow
async def flow(n: int) -> int:
    return await tqdm_like.fetch(n)  #! JW209
""",
    "a workflow in an activity": """
@workflow
async def child(n: int) -> int:
    return n
async def load(n: int) -> int:
    return child.start(n).result()  #! JW210
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "two activities of one name": """
@activity(name="load")
def load_a(n: int) -> int:
    return n
@activity(name="load")
def load_b(n: int) -> int:  #! JW212
    return n
@workflow
async def flow(n: int) -> int:
    return await load_a(n) + await load_b(n)
""",
    "an approval that is not awaited": """
@workflow
async def flow(n: int) -> int:
    if human_approval("ok?"):  #! JW214
        return 1
    return 0
""",
    "a sleep that is not awaited": """
@workflow
async def flow(n: int) -> int:
    sleep(timeout(seconds=1))  #! JW214
    return n
""",
    "gather that is not awaited": """
import asyncio
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    asyncio.gather(load(1), load(2))  #! JW214
    return n
""",
    "gather assigned and not awaited": """
import asyncio
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    both = asyncio.gather(load(1), load(2))  #! JW204
    return n
""",
    "a lambda that is awaited": """
load = lambda n: n
@workflow
async def flow(n: int) -> int:
    return await load(n)  #! JW215
""",
    "a made function that is awaited": """
def made(k):
    def inner(n):
        return n + k
    return inner
load = made(3)
@workflow
async def flow(n: int) -> int:
    return await load(n)  #! JW215
""",
    "a child that is started": """
@workflow
async def child(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    child.start(n)  #! JW216
    return n
""",
    "a child that is not awaited": """
@workflow
async def child(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    child(n)  #! JW202
    return n
""",
    "a workflow that is a plain function": """
def flow(n: int) -> int:  #! JW501
    return n
""",
    "star arguments": """
@workflow
async def flow(*numbers: int) -> int:  #! JW502
    return 0
""",
    "keyword arguments": """
@workflow
async def flow(**options: int) -> int:  #! JW502
    return 0
""",
    "a generator activity": """
async def load(n: int):
    yield n  #! JW503
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a generator awaited": """
def load(n: int):
    yield n  #! JW503
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a nested workflow": """
@workflow
async def flow(n: int) -> int:
    @workflow
    async def inner(m: int) -> int:  #! JW505
        return m
    return n
""",
    "a workflow in a class that the workflow uses": """
class Pipeline:
    @workflow
    async def run(self, n: int) -> int:  #! JW504
        return n
@workflow
async def flow(n: int) -> int:
    return await Pipeline().run(n)
""",
    "an open file as a parameter": """
from typing import TextIO
async def read(file: TextIO) -> str:  #! JW506
    return file.read()
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a connection as a result": """
import sqlite3
async def connect(n: int) -> sqlite3.Connection:  #! JW506
    return sqlite3.connect(":memory:")
@workflow
async def flow(n: int) -> int:
    await connect(n)
    return n
""",
    "a module as an annotation": """
import json
async def read(n: json) -> str:  #! JW506
    return ""
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a callback as a parameter": """
from collections.abc import Callable
@workflow
async def flow(done: Callable[[int], int]) -> int:  #! JW506
    return 0
""",
    "a plain class as a parameter": """
class Document:
    def __init__(self, text):
        self.text = text
async def read(document: Document) -> str:  #! JW506
    return document.text
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a lock in a list": """
import threading
async def read(locks: list[threading.Lock]) -> str:  #! JW506
    return ""
@workflow
async def flow(n: int) -> str:
    return await read([])
""",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_mistake_is_refused_at_its_line(refused, text: str):
    refused(text)
