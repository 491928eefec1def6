"""Tokens on their way from a model server's socket to the page, in both kinds of notebook host."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.live_notebook import Stage
from benchmarks.measures import Measure
from jupyter_workflows.local.paths import Home
from jupyter_workflows.testing import ModelServer, Reply
from tests.e2e.lab import chromium, jupyter_lab

PER_SECOND = 50
# What was written before the view was there comes late: it is not counted.
WARM_TOKENS = 50
CELLS = (
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import ai, workflow",
    "%%workflow\nasync def talk(prompt: str) -> str:\n    return (await ai.chat(prompt, model='m')).text",
    "run = talk.start('Go')\nrun",
)
# Notes when each token is in the page: it carries the time it was written at.
WATCH = """() => {
    window.seen = [];
    let text = "";
    const look = records => {
        const now = (performance.timeOrigin + performance.now()) / 1000;
        for (const record of records)
            for (const node of record.addedNodes)
                if (node.parentElement?.closest(".jwl-markdown")) text += node.nodeType === 3 ? node.textContent : "";
        const tokens = text.matchAll(/(\\d+)t([\\d.]+)x/g);
        for (const [, number, written] of tokens) window.seen.push([+number, now - +written]);
        text = text.slice(text.lastIndexOf("x") + 1);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
}"""


@dataclass(frozen=True)
class Ticks:
    """Tokens that each tell the time at which they are sent.

    Args:
        count: How many.
    """

    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        for number in range(self.count):
            yield f"{number}t{time.time():.4f}x "


@dataclass(frozen=True)
class Ticking(Reply):
    """An answer of such tokens."""

    count: int = 0

    @property
    def tokens(self) -> Any:
        """They are made while they are sent."""
        return Ticks(self.count)


def ticking(count: int) -> ModelServer:
    """A model server whose every answer is so many tokens, 50 a second."""
    return ModelServer(answer=lambda _: Ticking(count=count), tokens_per_second=PER_SECOND)


@contextlib.contextmanager
def long_answers() -> Iterator[None]:
    """A model server that gives as many tokens as the prompt asks for, at once; the environment names it."""
    with ModelServer(answer=lambda call: Ticking(count=int(call.prompt.split()[1]))) as server:
        os.environ.update(server.environment)
        yield


def to_page(stage: Stage, count: int) -> tuple[list[float], int]:
    """Seconds from each token's sending until it is in the page, and how many were lost, doubled or out of order."""
    with stage.opened("tokens", *CELLS) as notebook:
        notebook.page.evaluate(WATCH)
        notebook.run(len(CELLS) - 1)
        notebook.view(2).locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=180_000)
        seen = notebook.page.evaluate("() => window.seen")
    numbers = [int(number) for number, _ in seen]
    wrong = sum(number != wanted for number, wanted in zip(numbers, range(count), strict=False))
    return [lag for number, lag in seen if number >= WARM_TOKENS], wrong + abs(count - len(numbers))


def measure(home: Home, folder: Path, seconds: float) -> list[Measure]:
    """Both hosts, one after the other; nothing where there is no browser.

    Args:
        home: Of the embedded runtime.
        folder: For notebooks.
        seconds: How long the model writes.
    """
    from playwright.sync_api import sync_playwright

    if (path := chromium()) is None:
        return []
    count = WARM_TOKENS + int(seconds * PER_SECOND)
    found: list[Measure] = []
    with sync_playwright() as playwright, ticking(count) as server:
        os.environ.update(server.environment)
        browser = playwright.chromium.launch(executable_path=path)
        for host, with_extension in (("kernel", False), ("Jupyter server", True)):
            notes = folder / host.split()[0]
            notes.mkdir()
            with jupyter_lab(home.data, notes, with_extension=with_extension) as address:
                lags, wrong = to_page(Stage(browser, address, notes, home, f"fed by the {host}"), count)
            what = f"fed by the {host}: token from the model server's socket to the page"
            found += [
                Measure(f"{what}, p50", "at most 30 ms", lags, 0.03),
                Measure(f"{what}, p99", "at most 120 ms", lags, 0.12, share=0.99),
                Measure(f"fed by the {host}: tokens lost, doubled or out of order", "none", [wrong], 0, ""),
            ]
        browser.close()
    return found
