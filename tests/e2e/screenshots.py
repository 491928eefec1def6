"""The pictures of the documentation: `python -m tests.e2e.screenshots [NAME]...` draws them into docs/images/live/.

It needs Pillow, which nothing else does: `pip install pillow`.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from . import correction_stories, dashboard_story, stories
from .bare_page import BarePage, bare_page_server
from .durable_picture import durable_cells
from .lab import chromium

TARGET = Path(__file__).parents[2] / "docs" / "images" / "live"
PICTURES = {
    "approval": ("run", stories.TOPIC, stories.waiting_run),
    "finished": ("run", stories.TOPIC, stories.finished_run),
    "failed": ("run", stories.TOPIC, stories.failed_run),
    "tokens": ("run", stories.TOPIC, stories.writing_run),
    "rolling-back": ("run", stories.TOPIC, stories.rolling_back_run),
    "roll-back": ("run", stories.TOPIC, stories.undoable_run),
    "ten-thousand-steps": ("run", stories.TOPIC, lambda: stories.large_run(10_000)),
    "inbox": ("inbox", "inbox", stories.inbox),
    "runs": ("runs", "runs", stories.runs_list),
    "workflow": ("workflow", "workflow:contract_review", stories.workflow_card),
    "panel": ("inbox", "inbox", stories.panel),
    "dashboard": ("dashboard", dashboard_story.TOPIC, dashboard_story.told),
}
# Shown once, light.
MORE_PICTURES = {
    "viewer-run": ("run", stories.TOPIC, lambda: stories.seen_by("viewer", stories.waiting_run())),
    "resume-plan": ("run", stories.TOPIC, correction_stories.failed),
    "comparison": ("run", stories.TOPIC, correction_stories.fork),
    "viewer-inbox": ("inbox", "inbox", lambda: stories.seen_by("viewer", stories.inbox())),
}
WIDTHS = {"wide": 960, "narrow": 480}


def open_details(bare: BarePage, name: str) -> None:
    """Shows what a click shows, in the picture that is about it."""
    if name == "resume-plan":
        bare.page.get_by_role("button", name="Resume…").click()
        bare.answer("resume", plan=correction_stories.plan(), runs=[])
    if name == "comparison":
        bare.answer("forks", runs=[])
        bare.page.get_by_role("button", name="Compare with the run").click()
        bare.answer("compare", comparison=correction_stories.comparison(), runs=[])
    if name == "roll-back":
        bare.page.get_by_role("button", name="Roll back…").click()
    if name != "finished":
        return
    bare.page.locator(".jwl-decided summary").click()
    bare.page.locator(".jwl-timeline-box").click(position={"x": 60, "y": 22 + 25 * 2 + 12})
    bare.page.mouse.move(0, 0)
    bare.answer("details", details=stories.details_of(stories.review_steps(), "read_terms-2"))


def save(picture: bytes, path: Path) -> None:
    """Writes a picture with the colours it needs: a third of the size, and no difference to be seen."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


def main(wanted: Sequence[str]) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    looks = [(name, look) for name in PICTURES for look in ("light", "dark", "narrow")]
    looks += [(name, "light") for name in MORE_PICTURES]
    with bare_page_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        for name, look in looks:
            if wanted and name not in wanted:
                continue
            kind, topic, tellings = (PICTURES | MORE_PICTURES)[name]
            width = WIDTHS["narrow" if look == "narrow" else "wide"]
            scheme = "dark" if look == "dark" else "light"
            context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
            bare = BarePage(context.new_page(), server.address)
            view = bare.show(kind, topic, tellings())
            view.wait_for()
            open_details(bare, name)
            bare.page.wait_for_timeout(700)
            save(view.screenshot(), TARGET / f"{name}-{look}.png")
            context.close()
        if not wanted or "durable-cells" in wanted:
            save(durable_cells(browser), TARGET.parent / "lab" / "durable-cells-light.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
