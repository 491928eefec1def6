"""Hostile text at every place of every view, in a browser whose policy forbids inline script (RELIABILITY S1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import Tokens, wire_text
from jupyter_workflows.runs.audit.chain import audit_file
from jupyter_workflows.runs.audit.report import render_report
from jupyter_workflows.runs.audit.verifying import verify
from tests.runs import audit_records

from . import hostile_views, stories
from .bare_page import BarePage, PageServer, bare_page_server
from .hostile import PAYLOADS

# Told, but shown nowhere: ids and names that only link things, and what a newer failure or question stands for.
UNSHOWN = {
    "approval form reference", "approval form required", "card function", "notebook", "starter",
    "start form reference", "start form required", "step source",
}  # fmt: skip
# What Temporal itself keeps short, names and ids, can't be as large.
VALUES = {
    "approval form default", "approval form help", "approval message", "argument", "argument value", "comment",
    "edit after", "edit before", "editable value", "form value", "heartbeat value", "input", "input value",
    "output value", "reason", "run failure cause message", "run failure message", "run failure traceback",
    "step failure message", "stuck message", "stuck traceback",
}  # fmt: skip
TEN_MEGABYTES = 10_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with bare_page_server() as server:
        yield server


@pytest.fixture
def bare(page: Any, server: PageServer) -> BarePage:
    return BarePage(page, server.address)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [1280, 480])
@pytest.mark.parametrize("part", range(3))
def test_hostile_text_is_text_everywhere(bare: BarePage, part: int, width: int):
    assert len(PAYLOADS) >= 100
    bare.page.set_viewport_size({"width": width, "height": 900})
    for text in PAYLOADS[part::3]:
        assert bare.explore(hostile_views.views(lambda sink, text=text: text)) == {}, text[:80]


def test_every_place_that_takes_hostile_text_is_shown(bare: BarePage):
    sinks: dict[str, str] = {}

    def say(sink: str) -> str:
        return sinks.setdefault(sink, f"«{len(sinks)}»")

    assert bare.explore(hostile_views.views(say)) == {}
    shown = bare.page.evaluate(
        """() => document.body.innerText + [...document.querySelectorAll('#root *')].map(
            each => [each.value, each.title, each.ariaLabel].join(' ')).join(' ')"""
    )
    unshown = {sink for sink, text in sinks.items() if text not in shown}
    assert (unshown - UNSHOWN, UNSHOWN - unshown) == (set(), set())


@pytest.mark.parametrize(
    "markup",
    [
        "<img src=x onerror=window.pwned=1>",
        "<a href=javascript:window.pwned=1>x</a>",
        "<div onclick=window.pwned=1>",
        "<div class='jwl-nowrap'>" + "x" * 5_000,
        "<script>window.pwned=1</script>",
    ],
)
def test_harm_would_be_seen(bare: BarePage, markup: str):
    bare.page.evaluate("markup => { document.getElementById('root').innerHTML = markup }", markup)
    assert bare.page.evaluate("() => window.harm()") != {}


def test_hostile_text_is_text_in_the_saved_picture(page: Any, server: PageServer):
    cards = [card for text in PAYLOADS for card in hostile_views.static_pages(lambda sink, text=text: text)]
    server.pages["static"] = f"<!doctype html><meta charset=utf-8><main id=root>{''.join(cards)}</main>"
    noticed: list[str] = []
    page.on("console", lambda message: noticed.append(message.text) if "favicon" not in message.text else None)
    page.on("request", lambda request: noticed.append(request.url))
    page.set_viewport_size({"width": 480, "height": 900})
    page.goto(f"{server.address}static")
    found = page.evaluate(
        """() => ({
            cards: document.querySelectorAll('#root > .jw').length,
            ran: window.pwned !== undefined,
            made: [...document.querySelectorAll(
                '#root :is(script,img,iframe,object,embed,link,base,meta,audio,video,form,input,a)')].length,
            handlers: [...document.querySelectorAll('#root *')].flatMap(each => each.getAttributeNames())
                .filter(name => /^on|^href|^src/.test(name)),
            wide: document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
        })"""
    )
    assert found == {"cards": len(cards), "ran": False, "made": 0, "handlers": [], "wide": False}
    assert noticed == [f"{server.address}static"]


def test_hostile_text_is_text_in_an_audit_report(page: Any, server: PageServer):
    entries = [entry for text in PAYLOADS for entry in audit_records.told(printed(text))]
    data = audit_file(entries, private=bytes(32), signer=PAYLOADS[0])
    verdict = verify(data, {})
    verdict.remarks += PAYLOADS
    server.pages["report"] = render_report(verdict.records, checked=verdict)
    noticed: list[str] = []
    page.on("console", lambda message: noticed.append(message.text) if "favicon" not in message.text else None)
    page.on("request", lambda request: noticed.append(request.url))
    page.set_viewport_size({"width": 480, "height": 900})
    page.goto(f"{server.address}report")
    found = page.evaluate(
        """() => ({
            sections: document.querySelectorAll('main > section').length,
            ran: window.pwned !== undefined,
            made: [...document.querySelectorAll(
                'body :is(script,img,iframe,object,embed,link,base,meta,audio,video,form,input,a,style,svg)')].length,
            handlers: [...document.querySelectorAll('body *')].flatMap(each => each.getAttributeNames())
                .filter(name => !['class', 'datetime'].includes(name)),
            wide: document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
        })"""
    )
    assert found == {"sections": 7, "ran": False, "made": 0, "handlers": [], "wide": False}
    assert noticed == [f"{server.address}report"]


def printed(text: str) -> str:
    """A text of bearable length: the report has each of them many times."""
    return text[:3_000]


def test_ten_megabytes_anywhere_stay_small(bare: BarePage):
    text = "megabyte " * (TEN_MEGABYTES // 9)
    views = hostile_views.views(lambda sink: text if sink in VALUES else sink)
    assert sum(len(wire_text(telling.message)) for view in views for telling in view.tellings) < 2_000_000
    assert len(str(views[0].details)) < 200_000
    began = time.monotonic()
    assert bare.explore(views) == {}
    assert time.monotonic() - began < 30
    assert bare.page.evaluate("() => document.getElementById('root').textContent.length") < 500_000


def test_ten_megabytes_of_tokens_stay_small(bare: BarePage):
    first, _ = stories.writing_run()
    view = bare.show("run", stories.TOPIC, [first])
    part = "megabyte " * 10_000 + "**bold**\n\n"
    pieces = [
        schema.Token(step="draft_answer-1", attempt=1, number=number, offset=number * len(part), text=part)
        for number in range(TEN_MEGABYTES // len(part))
    ]
    for number, at in enumerate(range(0, len(pieces), 15)):
        bare.tell(Telling(Tokens(topic=stories.TOPIC, number=number + 1, pieces=pieces[at : at + 15])))
    view.locator(".jwl-tokens").get_by_text("characters that are not shown").wait_for()
    assert view.locator(".jwl-tokens").evaluate("each => each.textContent.length") < 150_000
    assert bare.outside() == {}


@pytest.mark.parametrize("sink", ["input", "output value", "approval message", "editable value", "run failure message"])
def test_an_approval_or_value_that_is_cut_says_so(bare: BarePage, sink: str):
    text = "megabyte " * (TEN_MEGABYTES // 9)
    bare.explore(hostile_views.views(lambda each: text if each == sink else each))
    shown = bare.page.evaluate("() => document.getElementById('root').innerText")
    assert any(words in shown for words in ("too large to show", "The value is longer", "characters)")), sink
