"""The dashboard in a real browser: filters, tables beside charts, files to take along, runs that open."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import dashboard_story, stories
from .bare_page import BarePage, bare_page_server


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with bare_page_server() as server:
        yield server.address


@pytest.fixture
def bare(page: Any, address: str) -> BarePage:
    return BarePage(page, address)


def shown(bare: BarePage, made: Any = None) -> Any:
    view = bare.show("dashboard", dashboard_story.TOPIC, dashboard_story.told(made))
    view.locator(".jwl-tiles").wait_for()
    return view


def test_the_first_look_answers_what_failed_recovered_was_slow_and_waits(bare: BarePage):
    sentences = shown(bare).locator(".jwl-headlines li").all_inner_texts()
    for sentence, words in zip(
        sentences, ("failed, most by", "met a failure completed", "of the time", "wait"), strict=True
    ):
        assert words in sentence
    bare.page.set_viewport_size({"width": 1280, "height": 900})
    below = bare.page.locator(".jwl-tiles").bounding_box()
    assert below["y"] + below["height"] < 450, "it is in sight without scrolling"


def test_a_filter_asks_for_another_topic_and_shows_the_old_one_until_it_comes(bare: BarePage):
    view = shown(bare)
    view.get_by_label("Workflow").select_option("licence_review")
    asked = "dashboard?workflow=licence_review&since=604800"
    bare.page.wait_for_function("topic => window.sent.some(each => each.topic === topic)", arg=asked)
    # Sent at once, drawn with the next frame.
    bare.page.locator('[aria-busy="true"]').first.wait_for()
    assert view.get_attribute("aria-busy") == "true"
    assert view.locator(".jwl-tiles").count() == 1
    view.get_by_label("Since").select_option("last 24 hours")
    view.get_by_label("Status").select_option("failed")
    view.get_by_label("Notebook").fill("reviews & more.ipynb")
    view.get_by_label("Notebook").press("Enter")
    asked = "dashboard?workflow=licence_review&notebook=reviews+%26+more.ipynb&status=failed&since=86400"
    bare.page.wait_for_function("topic => window.sent.some(each => each.topic === topic)", arg=asked)


def test_each_chart_has_a_table_and_says_itself(bare: BarePage):
    view = shown(bare)
    charts = view.locator("svg[role=img]")
    assert charts.count() == 6
    assert all(len(label) > 20 for label in charts.evaluate_all("all => all.map(each => each.ariaLabel)"))
    for button in view.get_by_role("button", name="table").all():
        button.focus()
        bare.page.keyboard.press("Enter")
    assert charts.count() == 0
    tables = view.locator(".jwl-figures")
    assert tables.count() == 7, "the six, and the table of steps"
    recovered = tables.nth(1).locator("tbody tr").count()
    assert recovered == len(dashboard_story.dashboard().periods)


def test_nothing_has_run_yet(bare: BarePage):
    view = shown(bare, dashboard_story.nothing())
    text = view.inner_text()
    for words in ("No run has ended yet", "No approval waits", "no runs", "no run met a failure", "no approvals"):
        assert words in text


def test_a_cause_opens_the_newest_run_that_met_it(bare: BarePage):
    view = shown(bare)
    cause = dashboard_story.dashboard().causes[0]
    view.get_by_role("button", name=cause.workflow_id).first.click()
    asked = bare.sent("open")[0]
    assert (asked["workflow_id"], asked["run_id"]) == (cause.workflow_id, cause.run_id)
    bare.answer("open", topic=stories.TOPIC)
    for telling in stories.failed_run():
        bare.tell(telling)
    view.locator(".jwl-nested .jwl").get_by_text("page 3 has no text layer").first.wait_for()


def test_a_sample_says_that_it_is_one(bare: BarePage):
    made = dashboard_story.dashboard(runs=1_400, histories=300)
    text = shown(bare, made).inner_text()
    assert f"{made.basis.histories} histories drawn of 1,400" in text
    assert f"target 95 % ({made.recovery.low * 100:.1f} %" in text


def download(bare: BarePage, button: Any, folder: Path) -> Path:
    with bare.page.expect_download() as started:
        button.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_csv_holds_every_table_and_no_formula(bare: BarePage, tmp_path: Path):
    view = shown(bare, dashboard_story.hostile(lambda sink: '=HYPERLINK("http://x","y"),\n1'))
    path = download(bare, view.get_by_role("button", name="CSV", exact=True), tmp_path)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    names = [row[0] for row in rows if len(row) == 1]
    assert names == ["runs", "recovery", "durations", "time", "causes", "reviewers", "steps", "waiting"]
    fields = [field for row in rows for field in row]
    assert not [field for field in fields if field.startswith(("=", "+", "@"))]
    assert any(field.startswith("'=HYPERLINK") for field in fields)
    one = download(bare, view.get_by_role("button", name="Failures by cause: CSV"), tmp_path)
    assert one.name == "causes.csv"
    assert one.read_text(encoding="utf-8").startswith("error,step,workflow,retries")


@pytest.mark.parametrize("made", [dashboard_story.dashboard, dashboard_story.nothing], ids=["week", "nothing"])
def test_png_is_a_picture(bare: BarePage, tmp_path: Path, made: Any):
    path = download(bare, shown(bare, made()).get_by_role("button", name="PNG"), tmp_path)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == 2_200
    assert height > 800
    assert bare.violations == []
