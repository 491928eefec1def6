"""One run opened in a notebook and in Temporal's own Web UI, turn and turn about in one browser."""

from __future__ import annotations

from typing import Any

from benchmarks import raw
from benchmarks.live_notebook import SOON_MS, Stage
from benchmarks.measures import Measure
from jupyter_workflows.connection import loop_thread

ACTIVITIES = 2_500
# A view is settled when what is wanted is shown and nothing in it has changed for so long; the last change counts.
QUIET_MS = 1_000
SETTLED = """([link, view, wanted, quiet]) => new Promise(done => {
    const began = link ? performance.now() : 0;
    let last = performance.now();
    const watch = new MutationObserver(changes => {
        // Around it JupyterLab turns its icon to busy and back.
        if (changes.some(each => each.target.closest?.(view))) last = performance.now();
    });
    // Words such as "5 seconds ago" change for ever, and don't count.
    watch.observe(document, { subtree: true, childList: true, attributes: true });
    const look = () => {
        if (!document.querySelector(wanted) || performance.now() - last < quiet) return setTimeout(look, 20);
        watch.disconnect();
        done((last - began) / 1000);
    };
    if (link) [...document.querySelectorAll(link)].find(each => each.textContent.includes("raw-")).click();
    look();
})"""
OUR_LINK = ".jwl-list button.jwl-link"
OUR_VIEW = ".jwl"
OURS = f".jwl-timeline-box[data-painted='{ACTIVITIES}']"
THEIR_VIEW = "main"
# The name of a step beside its bar.
THEIRS = "main span[class*='var(--dot)']"


def measure(stage: Stage, rounds: int) -> list[Measure]:
    """A run of 2,500 activities, until its timeline is settled."""
    web_port = raw.free_port()
    with raw.untouched_server(web_port=web_port) as address:
        with raw.worker(address, "default"):
            run = loop_thread().run(raw.Raw(address, "default").wide(ACTIVITIES))
        page = f"http://127.0.0.1:{web_port}/namespaces/default/workflows/{run}/timeline"
        ours: list[float] = []
        theirs: list[float] = []
        connected = f"%load_ext jupyter_workflows\nimport jupyter_workflows as jw\njw.connect({address!r})"
        context = stage.browser.new_context(viewport={"width": 1280, "height": 900})
        with stage.opened("web-ui", connected, "jw.runs()") as notebook:
            for number in range(rounds + 1):
                notebook.run(1)
                notebook.view(1).locator(OUR_LINK).wait_for(timeout=SOON_MS)
                mine = notebook.page.evaluate(SETTLED, [OUR_LINK, OUR_VIEW, OURS, QUIET_MS])
                other = opened_in_web_ui(context, page)
                if number:  # the first round warms up, and fills the browser's cache
                    ours.append(mine)
                    theirs.append(other)
        context.close()
    what = f"{ACTIVITIES:,} activities: opened in a notebook's list, against its page in Temporal's Web UI"
    return [Measure(what, "at least 10 x faster to a settled timeline", ours, 10, against=theirs, at_least=True)]


def opened_in_web_ui(context: Any, address: str) -> float:
    """Seconds from following the link to a run's page until its timeline is settled."""
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    page.goto(address, wait_until="commit")
    seconds = page.evaluate(SETTLED, [None, THEIR_VIEW, THEIRS, QUIET_MS])
    page.close()
    return seconds
