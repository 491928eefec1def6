"""The live view: painted, moved, fed from the kernel and from the Jupyter server, and beside Temporal's own Web UI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks import live_notebook, timelines, web_ui
from benchmarks.live_notebook import Stage
from benchmarks.measures import Measure, Plan
from jupyter_workflows.local.paths import Home
from tests.e2e.bare_page import bare_page_server
from tests.e2e.lab import chromium, jupyter_lab


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """All of it, in one browser.

    Raises:
        RuntimeError: This machine has no browser.
    """
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        raise RuntimeError("the live view is measured in Chromium: apt-get install chromium")
    home = Home.locate(folder / "home")
    found: list[Measure] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        with bare_page_server() as pages:
            found += timelines.measure(browser, pages.address, plan.rounds)
        for host, with_extension in (("kernel", False), ("Jupyter server", True)):
            notes = folder / host.split()[0]
            notes.mkdir()
            with jupyter_lab(home.data, notes, with_extension=with_extension) as address:
                stage = Stage(browser, address, notes, home, f"fed by the {host}")
                found += live_notebook.measure(stage, plan.rounds)
                if not with_extension:
                    found += web_ui.measure(replace(stage, host="kernel"), min(plan.rounds, 5))
        browser.close()
    return found
