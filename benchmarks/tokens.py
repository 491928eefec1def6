"""Tokens: from a worker's `emit` to the page and to code, many streams at once, what a token costs, memory, events."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import remote_tokens, token_pages
from benchmarks.measures import Measure, Plan
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.schema import Token
from tests.local.conftest import Runs, write_bundle

PER_SECOND = 50
SECONDS_PER_ROUND = 2
STREAMS = 50
LENGTHS = (1_000, 10_000, 100_000)
LONG_STREAMS = 16
WARM_STREAMS = 8

ACTIVITIES = """
import resource
from jupyter_workflows import ai

@activity
def clock(count: int, per_second: float) -> int:
    due = time.monotonic()
    for number in range(count):
        ai.emit(f"{number}t{time.time():.4f}x ")
        due += 1 / per_second
        time.sleep(max(0.0, due - time.monotonic()))
    return count

@activity
def burn(count: int) -> dict:
    began = time.process_time()
    for number in range(count):
        ai.emit("token ")
        if number % 50 == 0:
            time.sleep(0.001)
    with open("/proc/self/statm") as memory:
        pages = int(memory.read().split()[1])
    return {"seconds": time.process_time() - began, "MB": pages * resource.getpagesize() / 1e6}

@activity
async def ask(count: int) -> float:
    began = time.process_time()
    await ai.chat(f"Write {count} tokens", model="m")
    return time.process_time() - began
"""
WORKFLOWS = """
@workflow
async def ticking(count: int, per_second: float) -> int:
    return await clock(count, per_second)

@workflow
async def choir(streams: int, count: int, per_second: float) -> list:
    return await asyncio.gather(*(clock(count, per_second) for _ in range(streams)))

@workflow
async def burning(count: int) -> dict:
    return await burn(count)

@workflow
async def asking(count: int) -> float:
    return await ask(count)
"""


@dataclass(frozen=True)
class Stand:
    """A worker with steps that write."""

    runs: Runs
    access: RunAccess

    @classmethod
    def of(cls, home: Home) -> Stand:
        runs = Runs(local_runtime.ensure(home), write_bundle(home, WORKFLOWS, ACTIVITIES), loop_thread())
        runs.load()
        return cls(runs, RunAccess.of(runs.client(), home))

    def start(self, workflow: str, *args: Any) -> Run[Any]:
        handle = self.runs.start(workflow, *args)
        return Run(self.access, handle.id, handle.first_execution_run_id or "")


def to_code(stand: Stand, streams: int, seconds: float) -> tuple[list[float], int]:
    """Seconds from each token's writing until code has it, and how many were lost, doubled or out of order."""
    count = int(seconds * PER_SECOND)
    run = stand.start("choir", streams, count, PER_SECOND)
    lags: list[float] = []
    texts: dict[str, str] = {}
    wrong = 0
    for token in run.tokens():
        now = time.time()
        known = texts.get(token.step, "")
        wrong += token.offset != len(known)
        texts[token.step] = known + token.text
        lags += [now - written for written in times_of(token)]
    for text in texts.values():
        numbers = [int(part.partition("t")[0]) for part in text.split()]
        wrong += numbers != list(range(count))
    return lags, wrong + (streams - len(texts))


def times_of(token: Token) -> list[float]:
    """When the tokens in a piece were written."""
    return [float(part.partition("t")[2].rstrip("x")) for part in token.text.split()]


def costs(stand: Stand) -> dict[int, list[float]]:
    """Seconds of the worker's processor time for each token of a text of so many, one viewer looking."""
    found: dict[int, list[float]] = {}
    for length in (LENGTHS[0], *LENGTHS):  # once to warm up
        rounds = max(1, 10_000 // length)
        seconds = [burned(stand, length)["seconds"] / length for _ in range(rounds)]
        found[length] = seconds
    return found


def burned(stand: Stand, length: int) -> dict[str, float]:
    """What a text of so many tokens took."""
    run = stand.start("burning", length)
    whole = sum(len(token.text) for token in run.tokens())
    if whole != length * len("token "):
        raise RuntimeError(f"{whole} characters of {length} tokens arrived")
    return run.result(timeout=600)


def model_costs(stand: Stand) -> dict[int, list[float]]:
    """The same where a model writes it: taken from the wire, checked, put together and shown."""
    return {length: [stand.start("asking", length).result(timeout=600) / length] for length in (100, *LENGTHS)}


def cost_measures(what: str, cost: dict[int, list[float]]) -> list[Measure]:
    """That a token costs the same however long its text is."""
    return [
        Measure(
            f"{what}, one of {length:,}; beside it one of {LENGTHS[0]:,}",
            "at most 1.5 x",
            cost[length],
            1.5,
            "µs",
            against=cost[LENGTHS[0]],
        )
        for length in LENGTHS[1:]
    ]


def growth(stand: Stand) -> float:
    """Megabytes by which a worker grows over streams of 100,000 tokens, after the first few."""
    sizes = [burned(stand, LENGTHS[-1])["MB"] for _ in range(LONG_STREAMS)]
    return sizes[-1] - sizes[WARM_STREAMS - 1]


def events(stand: Stand, count: int) -> Counter[str]:
    """The history of a step that writes so many tokens."""
    run = stand.start("ticking", count, 1_000)
    run.result(timeout=60)
    history = loop_thread().run(run.temporal_handle().fetch_history())
    return Counter(str(event.event_type) for event in history.events)


@contextlib.contextmanager
def standing(home: Home) -> Iterator[Stand]:
    """A worker of a home, until it is no longer needed."""
    stand = Stand.of(home)
    try:
        yield stand
    finally:
        stand.runs.runtime.close()


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """All of it; the page only where there is a browser."""
    home = Home.locate(folder / "home")
    seconds = max(4, plan.rounds * SECONDS_PER_ROUND)
    measures: list[Measure] = []
    with token_pages.long_answers(), standing(home) as stand:
        one, one_wrong = to_code(stand, 1, seconds)
        many, many_wrong = to_code(stand, STREAMS, seconds)
        cost = costs(stand)
        model_cost = model_costs(stand)
        grown = growth(stand)
        more = (events(stand, 500) - events(stand, 0)).total()
        measures += [
            Measure("token to code, local, p50", "at most 10 ms", one, 0.01),
            Measure("token to code, local, p99", "at most 120 ms", one, 0.12, share=0.99),
            Measure(f"{STREAMS} streams at {PER_SECOND}/s to code, p99", "at most 250 ms", many, 0.25, share=0.99),
            Measure("tokens lost, doubled or out of order", "none", [one_wrong + many_wrong], 0, ""),
            *cost_measures("processor time of the worker for a token that a step emits", cost),
            *cost_measures("the same for a token of a model", model_cost),
            Measure(
                f"growth of a worker over {LONG_STREAMS - WARM_STREAMS} texts of 100,000 tokens",
                "at most 5 MB",
                [grown],
                5,
                "MB",
            ),
            Measure("events more than without tokens", "none", [more], 0, ""),
        ]
        measures += remote_tokens.measure(
            home, stand.access, write_bundle(home, WORKFLOWS, ACTIVITIES, "elsewhere"), seconds
        )
        measures += token_pages.measure(home, folder, seconds)
    return measures
