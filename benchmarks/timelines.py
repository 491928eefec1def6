"""How fast a timeline is painted and moved, and how large the bundle is: no Jupyter, only the browser."""

from __future__ import annotations

import base64
from typing import Any

from benchmarks.measures import Measure
from jupyter_workflows.live.messages import wire_text
from jupyter_workflows.widgets.host import STATIC
from tests.e2e import stories
from tests.e2e.bare_page import BarePage

PAINTED = """async ([topic, text, buffers, count]) => {
    const views = buffers.map(each => new DataView(Uint8Array.from(atob(each), c => c.charCodeAt(0)).buffer));
    await window.show("run", topic);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)));
    const root = document.getElementById("view");
    const box = () => root.querySelector(".jwl-timeline-box");
    const painted = new Promise(done => {
        const look = () => box()?.dataset.painted === String(count) && done(performance.now());
        new MutationObserver(look).observe(root, { subtree: true, childList: true, attributes: true });
    });
    const began = performance.now();
    window.tellParts(text, views);
    const ended = await painted;
    // What was drawn in a frame is on the screen when the next task runs.
    await new Promise(done => setTimeout(done));
    return (Math.max(ended, performance.now()) - began) / 1000;
}"""
MOVED = """async frames => {
    const box = document.querySelector(".jwl-timeline-box");
    const { left, top, width } = box.getBoundingClientRect();
    const turn = (deltaX, deltaY, ctrlKey) => box.dispatchEvent(new WheelEvent("wheel", {
        deltaX, deltaY, ctrlKey, bubbles: true, cancelable: true,
        clientX: left + width * 0.6, clientY: top + 100,
    }));
    const frame = () => new Promise(done => requestAnimationFrame(done));
    await frame();
    const began = performance.now();
    for (let at = 0; at < frames; at++) {
        // In, then along, then out again.
        if (at < frames / 4) turn(0, -12, true);
        else if (at < frames * 3 / 4) turn(at % 40 < 20 ? 24 : -24, 0, false);
        else turn(0, 12, true);
        await frame();
    }
    return frames * 1000 / (performance.now() - began);
}"""
MOVES = 240


def measure(browser: Any, address: str, rounds: int) -> list[Measure]:
    """Painting and moving ten and fifty thousand steps, and the size of the bundle."""
    found: list[Measure] = []
    for count, limit in ((10_000, 0.3), (50_000, 0.6)):
        (telling,) = stories.large_run(count)
        buffers = [base64.b64encode(buffer).decode() for buffer in telling.buffers]
        painted: list[float] = []
        moved: list[float] = []
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            bare = BarePage(page, address)
            painted.append(bare.page.evaluate(PAINTED, [stories.TOPIC, wire_text(telling.message), buffers, count]))
            moved.append(bare.page.evaluate(MOVED, MOVES))
            page.close()
        what = f"a timeline of {count:,} steps"
        found.append(Measure(f"{what}: data arrived to painted", f"at most {limit} s", painted, limit))
        found.append(Measure(f"{what}: zoom and pan", "at least 55 fps", moved, 55, "fps", at_least=True))
    bundle = (STATIC / "widget.js").stat().st_size / 1000
    found.append(Measure("the view's bundle, minified", "at most 60 kB", [bundle], 60, "kB"))
    return found
