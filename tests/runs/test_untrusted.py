"""Text and values of workflows made safe to show: bounded in length and work, nothing invisible left."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows.runs.untrusted import (
    ago,
    coarse_seconds,
    human_bytes,
    human_seconds,
    one_line,
    preview,
    printable,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本", "plain é 日本"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("a\u200bb\ufeffc", "a\\u200bb\\ufeffc"),
        ("\ud800", "\\ud800"),
        ("a\nb\tc", "a\nb\tc"),
        ("a\r\nb", "a\\x0d\nb"),
        ("\u2028", "\\u2028"),
        ("a\n\n\n \n\nb\n\nc", "a\n\nb\n\nc"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("Z" + "\u0300" * 50 + "x", "Z" + "\u0300" * 4 + "x"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    for shown in (printable(text), one_line(text), preview(text)):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
        shown.encode()


@given(st.text(), st.integers(10, 200))
def test_one_line_is_one_line_and_bounded(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert "\n" not in shown
    assert len(shown) <= limit


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(JSON, st.integers(10, 300))
def test_a_preview_is_bounded(value: Any, limit: int) -> None:
    assert len(preview(value, limit)) <= limit


def test_a_preview_of_ten_megabytes_costs_nothing() -> None:
    huge = {"text": "x" * 10_000_000, "rows": list(range(1_000_000)), "n": 10**100_000}
    begun = time.process_time()
    for value in (huge, huge["text"], huge["rows"], huge["n"], b"x" * 10_000_000):
        assert len(preview(value)) <= 160
    assert len(printable("x" * 10_000_000, 100)) < 140
    assert time.process_time() - begun < 1.0


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"risk": 0.5, "ok": True, "none": None}, '{"risk": 0.5, "ok": true, "none": null}'),
        (["a", 1], '["a", 1]'),
        ([[[[[1, 2]]]]], "[[[[[2 items]]]]]"),
        (Rude(), "Rude object"),
        (b"12345", "5 bytes of bytes"),
        ("a\nb", '"a b"'),
        (10**200, "a very large integer"),
    ],
)
def test_previews(value: Any, shown: str) -> None:
    assert preview(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""), (-1, "0 ms"), (0.0421, "42 ms"), (0.5, "0.5 s"), (3.21, "3.2 s"), (42.3, "42 s"), (59.97, "1 min"),
        (250, "4 min 10 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h"), (86_400, "1 d"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, shown: str) -> None:
    assert human_seconds(seconds) == shown


def test_moments_and_sizes() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(minutes=5, seconds=9), now) == "5 min ago"
    assert ago(now + timedelta(hours=2, seconds=1), now) == "in 2 h"
    assert ago(now, now) == "just now"
    assert coarse_seconds(59.9) == "59 s"
    assert [human_bytes(size) for size in (5, 1500, 10_500_000, 250_000_000)] == [
        "5 bytes",
        "1.5 kB",
        "10.5 MB",
        "250 MB",
    ]
