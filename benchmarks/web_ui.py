"""One run opened from a list, in a notebook and in Temporal's own Web UI, turn and turn about in one browser."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import raw
from benchmarks.live_notebook import SOON_MS, Stage
from benchmarks.measures import Measure
from jupyter_workflows.connection import loop_thread

ACTIVITIES = 2_500
# A page is settled when what is wanted is shown and nothing has changed for so long; the last change counts.
QUIET_MS = 1_000
SETTLED = """([link, scope, wanted, quiet]) => new Promise(done => {
    const began = performance.now();
    let last = began;
    const watch = new MutationObserver(() => (last = performance.now()));
    watch.observe(document.querySelector(scope), {
        subtree: true, childList: true, attributes: true, characterData: true,
    });
    const look = () => {
        if (!document.querySelector(wanted) || performance.now() - last < quiet) return setTimeout(look, 20);
        watch.disconnect();
        done((last - began) / 1000);
    };
    [...document.querySelectorAll(link)].find(each => each.textContent.includes("raw-")).click();
    look();
})"""
THEIRS = ["a[href*='/workflows/raw-']", "main", "main svg"]
OURS = [".jwl-list button.jwl-link", ".jwl", f".jwl-timeline-box[data-painted='{ACTIVITIES}']"]


def measure(stage: Stage, rounds: int) -> list[Measure]:
    """A run of 2,500 activities, from the click in a list to its settled timeline."""
    web_port = raw.free_port()
    with raw.untouched_server(web_port=web_port) as address:
        with raw.worker(address, "default"):
            loop_thread().run(raw.Raw(address, "default").wide(ACTIVITIES))
        ours: list[float] = []
        theirs: list[float] = []
        connected = f"%load_ext jupyter_workflows\nimport jupyter_workflows as jw\njw.connect({address!r})"
        with stage.opened("web-ui", connected, "jw.runs()") as notebook:
            for number in range(rounds + 1):
                notebook.run(1)
                notebook.view(1).locator(OURS[0]).wait_for(timeout=SOON_MS)
                mine = notebook.page.evaluate(SETTLED, [*OURS, QUIET_MS])
                other = opened_in_web_ui(stage.browser, f"http://127.0.0.1:{web_port}")
                if number:  # the first round warms up
                    ours.append(mine)
                    theirs.append(other)
    what = f"a run of {ACTIVITIES:,} activities: click in the list to its settled timeline; against Temporal's Web UI"
    return [Measure(what, "at least 10 x faster", ours, 10, against=theirs, at_least=True)]


def opened_in_web_ui(browser: Any, address: str) -> float:
    """Seconds from the click on the run in Temporal's Web UI to its settled timeline; the list was open before."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SOON_MS)
    page.goto(f"{address}/namespaces/default/workflows")
    page.locator(THEIRS[0]).first.wait_for()
    time.sleep(1)  # its own lists and counts are still being fetched
    seconds = page.evaluate(SETTLED, [*THEIRS, QUIET_MS])
    page.close()
    return seconds
