"""A dashboard as text, static HTML, pictures, tables, figures and files; nobody's text is more than text there."""

from __future__ import annotations

import csv
import io
import struct
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.errors import JupyterWorkflowsError
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.listing import Filter
from jupyter_workflows.runs.statistics.collecting import Question, Statistics
from jupyter_workflows.runs.statistics.dashboard import RunDashboard
from jupyter_workflows.runs.statistics.headlines import percent
from jupyter_workflows.runs.statistics.pictures import html_of, svg_of, text_of
from jupyter_workflows.schema import dashboards
from tests.e2e import dashboard_story
from tests.e2e.hostile import PAYLOADS

WEEK = dashboard_story.dashboard()
TABLES = {"periods", "workflows", "steps", "time", "causes", "reviewers", "waiting"}
FIGURES = {"runs", "recovery", "causes", "time", "durations", "reviewers"}


def shown(made: dashboards.Dashboard) -> RunDashboard:
    # Its client is asked nothing here.
    access: Any = RunAccess(None)  # pyright: ignore[reportArgumentType]
    return RunDashboard(Statistics(access, Question(wanted=Filter())), made)


def test_text_answers_the_four_questions():
    text = text_of(WEEK)
    first = text.split("\n\n", maxsplit=1)[0].splitlines()
    assert [line[0] for line in first] == ["✗", "✗", "·", "◔"]
    for words in ("embed_pages", "17 lost", "legal@company.com", "all 1,400 closed runs"):
        assert words in text


def test_bundle_survives_without_us():
    bundle = shown(WEEK)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"].count('role="img"') == 6
    assert "<script" not in bundle["text/html"]


@pytest.mark.parametrize("made", [WEEK, dashboard_story.nothing()], ids=["week", "nothing"])
def test_svg_is_well_formed(made: dashboards.Dashboard):
    root = ET.fromstring(svg_of(made))
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Runs over time", "Recovery rate over time", "Where time goes"} <= texts


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag}@{name}" for name, _ in attrs)}


def tags_of(made: dashboards.Dashboard) -> set[str]:
    parser = Tags()
    parser.feed(html_of(made))
    return parser.seen


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_text_adds_nothing_to_html_and_svg(text: str):
    made = dashboard_story.hostile(lambda sink: text)
    assert tags_of(made) == tags_of(dashboard_story.hostile(lambda sink: "plain"))
    names = {each.tag.partition("}")[2] for each in ET.fromstring(svg_of(made)).iter()}
    assert names <= {"svg", "style", "rect", "text", "g", "path", "circle"}
    assert text_of(made).isprintable() or "\n" in text_of(made)


def test_csv_holds_every_table_and_no_formula(tmp_path: Path):
    made = dashboard_story.hostile(lambda sink: "=1+1\ud800")
    files = shown(made).to_csv(tmp_path / "new" / "folder")
    assert {path.stem for path in files} == TABLES
    text = (tmp_path / "new" / "folder" / "causes.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0][:3] == ["workflow", "step", "error"]
    assert rows[1][:3] == ["'=1+1\\ud800"] * 3


def test_tables_and_figures_have_their_names():
    dashboard = shown(WEEK)
    frames = dashboard.to_pandas()
    assert set(frames) == TABLES
    assert str(frames["periods"]["start"].dtype).endswith("UTC]")
    assert frames["workflows"]["completed"].sum() == WEEK.counts["completed"]
    figures = dashboard.figures
    assert set(figures) == FIGURES
    assert figures["recovery"].layout.shapes[0].y0 == 0.95
    assert all(figure.layout.paper_bgcolor == "rgba(0,0,0,0)" for figure in figures.values())
    hostile = shown(dashboard_story.hostile(lambda sink: "<b>bold</b><a href='x'>y</a>")).figures
    assert "<b>" not in str(hostile["causes"].data[0].y)


def test_nothing_has_tables_and_figures_too():
    dashboard = shown(dashboard_story.nothing())
    assert set(dashboard.figures) == FIGURES
    assert {name: len(frame) for name, frame in dashboard.to_pandas().items() if name != "periods"} == dict.fromkeys(
        TABLES - {"periods"}, 0
    )
    assert dashboard.recovery_rate is None


def test_png_needs_no_browser(tmp_path: Path):
    path = shown(WEEK).png(tmp_path / "a.png", scale=1)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", content[16:20]) == (956,)


def test_png_without_resvg_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(JupyterWorkflowsError, match=r"pip install .*svg\(path\)"):
        shown(WEEK).png(tmp_path / "a.png")
    assert shown(WEEK).svg(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


def test_html_is_one_file_under_a_strict_policy(tmp_path: Path):
    page = shown(WEEK).html(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("question", "words"),
    [({"target": 1.5}, "from 0 to 1"), ({"limit": 0}, "limit=0"), ({"histories": -1}, "histories=-1")],
)
def test_a_question_that_makes_no_sense_is_refused(question: dict[str, Any], words: str):
    with pytest.raises(JupyterWorkflowsError, match=words):
        Question(**question)


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0 %"), (1, "100 %"), (0.9999, "99.9 %"), (0.00001, "0.1 %"), (0.973, "97.3 %")]
)
def test_all_and_none_are_said_only_where_it_is_so(share: float, words: str):
    assert percent(share) == words
