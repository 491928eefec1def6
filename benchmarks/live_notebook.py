"""How soon a notebook's page shows what happens to its runs, how soon a click reaches them, and what they cost it."""

from __future__ import annotations

import bisect
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from benchmarks.measures import Measure
from benchmarks.notebooks import GATED, MARK, MARKED, OPEN, Marks
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from tests.e2e.lab import Notebook, write_notebook

RUNS = 20
INLINE_RUNS = 50
WARM_UP = 3
SOON_MS = 180_000
BEAT = """import asyncio, random
async def beat(number: int, seconds: float) -> int:
    await asyncio.sleep(seconds * (0.5 + random.random()))
    return number"""
HEART = """%%workflow
async def heart(beats: int) -> int:
    for number in range(beats):
        await beat(number, 1.0)
    return beats"""
WIDE = """%%workflow
async def wide(beats: int) -> int:
    await asyncio.gather(*(beat(number, 0.2) for number in range(beats)))
    return beats"""
SHOWN = (
    "from IPython.display import display\nfor run in [{name}.start({beats}) for _ in range({runs})]:\n    display(run)"
)
# Notes when a run's count of steps is in the page.
WATCH = """() => {
    window.seen = [];
    const known = new Map();
    const look = () => {
        const now = Date.now();
        for (const view of document.querySelectorAll("section.jwl")) {
            const id = view.querySelector(".jwl-bar > .jwl-mono")?.textContent;
            const steps = parseInt(view.querySelector(".jwl-tools > .jwl-muted")?.textContent ?? "0");
            for (let step = (known.get(id) ?? 0) + 1; id && step <= steps; step++) window.seen.push([id, step, now]);
            if (id) known.set(id, Math.max(steps, known.get(id) ?? 0));
        }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
ALL_ENDED = """runs => [...document.querySelectorAll("section.jwl > .jwl-bar > .jwl-pill")]
    .filter(each => each.textContent.includes("completed")).length >= runs"""
SLEEPING = "time.sleep(2)"
COMPUTING = "end = time.time() + 2\nwhile time.time() < end:\n    sum(range(100_000))"
ENDED = """index => !document.querySelector(`.jp-Cell[data-windowed-list-index='${index}'] .jp-InputPrompt`)
    .textContent.includes("*")"""
CLICK = """view => {
    const button = [...view.querySelectorAll("button")].find(each => each.textContent === "Approve");
    const now = Date.now();
    button.click();
    return now / 1000;
}"""


class Traffic:
    """What a page is told of each run, by the kernel's socket or by the stream.

    Args:
        page: A page that is not loaded yet.
    """

    ABOUT = re.compile(rb'topic\\*": *\\*"(run:[^"\\]+)')

    def __init__(self, page: Any) -> None:
        self.told: defaultdict[bytes, list[float]] = defaultdict(list)
        page.on("websocket", lambda socket: socket.on("framereceived", self.take))

    def take(self, frame: str | bytes) -> None:
        """Notes a message, where it is about a run."""
        about = self.ABOUT.search(frame.encode() if isinstance(frame, str) else frame)
        if about:
            self.told[about[1]].append(time.monotonic())

    def busiest(self) -> list[float]:
        """Of each run, the messages of the second that had most."""
        return [
            float(max(bisect.bisect_left(times, at + 1) - index for index, at in enumerate(times)))
            for times in self.told.values()
        ]


@dataclass(frozen=True)
class Stage:
    """A JupyterLab with a browser before it.

    Args:
        browser: The browser.
        address: Of the Jupyter server.
        folder: Of the notebooks.
        home: Of the embedded runtime.
        host: What feeds the views.
    """

    browser: Any
    address: str
    folder: Path
    home: Home
    host: str

    def new_page(self) -> Any:
        """An empty page."""
        page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(SOON_MS)
        return page

    @contextmanager
    def opened(self, name: str, *cells: str, page: Any = None) -> Iterator[Notebook]:
        """A notebook in a page of its own; the cells but the last are run."""
        page = page or self.new_page()
        try:
            path = write_notebook(self.folder / f"{name}.ipynb", cells)
            notebook = Notebook(page, self.address, path)
            for index in range(len(cells) - 1):
                notebook.run(index)
            yield notebook
            page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        finally:
            page.close()


def seen_events(stage: Stage, beats: int) -> list[float]:
    """Seconds from each step's event in Temporal until the page says so, with twenty runs live."""
    show = SHOWN.format(name="heart", beats=beats, runs=RUNS)
    with stage.opened("events", OPEN, BEAT, HEART, show) as notebook:
        notebook.page.evaluate(WATCH)
        notebook.run(3)
        notebook.page.wait_for_function(ALL_ENDED, arg=RUNS)
        seen = notebook.page.evaluate("() => window.seen")
    runtime = local_runtime.ensure(stage.home)
    events = loop_thread().run(scheduled(runtime.address, runtime.namespace, {run for run, _, _ in seen}))
    return [now / 1000 - events[run, step] for run, step, now in seen if step > WARM_UP]


async def scheduled(address: str, namespace: str, runs: set[str]) -> dict[tuple[str, int], float]:
    """When Temporal scheduled the n-th step of each run."""
    client = await Client.connect(address, namespace=namespace)
    found: dict[tuple[str, int], float] = {}
    for run in runs:
        count = 0
        async for event in client.get_workflow_handle(run).fetch_history_events():
            if event.HasField("activity_task_scheduled_event_attributes"):
                count += 1
                found[run, count] = event.event_time.ToNanoseconds() / 1e9
    return found


def approved(stage: Stage, name: str, rounds: int, blocking: str = "0") -> list[float]:
    """Seconds from a click on Approve until the next step runs, while a cell is at work."""
    path = stage.folder / f"{name}.log"
    marks = Marks(path)
    start = f"run = gated.start({str(path)!r})\nrun"
    times: list[float] = []
    with stage.opened(name, OPEN, MARK.format(edition=1), MARKED, GATED, start, blocking) as notebook:
        for _ in range(rounds + 1):
            notebook.run(4)
            count = marks.count()
            notebook.run(5, wait=False)
            view = notebook.view(4)
            view.get_by_role("button", name="Approve").wait_for(timeout=SOON_MS)
            clicked = view.evaluate(CLICK)
            times.append(marks.next_after(count) - clicked)
            notebook.page.wait_for_function(ENDED, arg=5)
    return times[1:]


def many_inline(stage: Stage) -> tuple[float, list[float]]:
    """Megabytes that fifty inline runs add to a page, and of each the messages of its busiest second.

    Raises:
        RuntimeError: Not of every run messages were seen.
    """
    page = stage.new_page()
    traffic = Traffic(page)
    show = SHOWN.format(name="wide", beats=40, runs=INLINE_RUNS)
    with stage.opened("many", OPEN, BEAT, WIDE, show, page=page) as notebook:
        session = notebook.page.context.new_cdp_session(notebook.page)
        before = page_bytes(session)
        notebook.run(3)
        notebook.page.wait_for_function(ALL_ENDED, arg=INLINE_RUNS)
        after = page_bytes(session)
    busiest = traffic.busiest()
    if len(busiest) < INLINE_RUNS:
        raise RuntimeError(f"the page was told of {len(busiest)} of {INLINE_RUNS} runs")
    return (after - before) / 1e6, busiest


def page_bytes(session: Any) -> float:
    """What a page holds: objects, their buffers, and the pixels of canvases."""
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")
    pixels = "[...document.querySelectorAll('canvas')].reduce((sum, each) => sum + each.width * each.height * 4, 0)"
    canvases = session.send("Runtime.evaluate", {"expression": pixels})["result"]["value"]
    return used["usedSize"] + used.get("embedderHeapUsedSize", 0) + used.get("backingStorageSize", 0) + canvases


def measure(stage: Stage, rounds: int) -> list[Measure]:
    """All of it in one kind of host."""
    seen = seen_events(stage, max(8, 2 * rounds))
    clicks = {
        "": approved(stage, "idle", rounds),
        ", while a cell sleeps": approved(stage, "sleeping", rounds, SLEEPING),
        ", while a cell computes": approved(stage, "computing", rounds, COMPUTING),
    }
    megabytes, busiest = many_inline(stage)
    event = f"{stage.host}: event in Temporal to the page, {RUNS} runs live"
    return [
        Measure(event, "at most 100 ms", seen, 0.1),
        Measure(f"{event}, p99", "at most 300 ms", seen, 0.3, share=0.99),
        *(
            Measure(f"{stage.host}: click on Approve to the next step{when}", "at most 150 ms", times, 0.15)
            for when, times in clicks.items()
        ),
        Measure(f"{stage.host}: memory of {INLINE_RUNS} inline runs", "at most 60 MB", [megabytes], 60, "MB"),
        Measure(
            f"{stage.host}: messages about one of them, the busiest second of the busiest run",
            "at most 50/s",
            busiest,
            50,
            "/s",
            share=1.0,
        ),
    ]
