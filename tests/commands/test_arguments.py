"""The words of a command's line as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_workflows.commands.arguments import call_arguments, parse_duration, parse_json, parse_since, split_line
from jupyter_workflows.errors import CommandError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  show   run-1 ", ["show", "run-1"]),
        ("approve r --comment 'fine by me'", ["approve", "r", "--comment", "fine by me"]),
        ('approve r --comment "it\'s \\"fine\\""', ["approve", "r", "--comment", 'it\'s "fine"']),
        ('start review {"contract_id": "C 17"}', ["start", "review", '{"contract_id": "C 17"}']),
        ("start review '{\"a\": 1}'", ["start", "review", '{"a": 1}']),
        ('start review ["a b", {"c": [1, 2]}] --id x', ["start", "review", '["a b", {"c": [1, 2]}]', "--id", "x"]),
        ("--start {}", ["--start", "{}"]),
        ("start f {not json}", ["start", "f", "{not", "json}"]),
        ("a\\ b c", ["a b", "c"]),
        ("--form={} x", ["--form={}", "x"]),
        ("ein 'Ärger mit Ümlauten' 日本", ["ein", "Ärger mit Ümlauten", "日本"]),
    ],
)
def test_line_is_split_into_words(line: str, words: list[str]):
    assert split_line(line) == words


def test_line_with_an_open_quote_is_refused():
    with pytest.raises(CommandError, match="the quote ' is not closed in: approve r --comment 'fine"):
        split_line("approve r --comment 'fine")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (None, ([], {})),
        ("  ", ([], {})),
        ('{"a": 1, "b": [2]}', ([], {"a": 1, "b": [2]})),
        ('["x", 3]', (["x", 3], {})),
        ("7", ([7], {})),
        ('"C-17"', (["C-17"], {})),
        ("null", ([None], {})),
    ],
)
def test_arguments_of_a_start_are_json(text: str | None, arguments: tuple[list[object], dict[str, object]]):
    assert call_arguments(text) == arguments


def test_text_that_is_no_json_is_refused_with_the_way_to_write_it():
    with pytest.raises(CommandError) as raised:
        parse_json("C-17", "start")
    assert str(raised.value) == """start takes JSON, and 'C-17' is none: a text needs quotes, '"C-17"'"""


def test_broken_json_is_refused_with_the_place():
    with pytest.raises(CommandError) as raised:
        parse_json('{"a": }', "--form")
    assert str(raised.value) == (
        "--form takes JSON, and '{\"a\": }' is none (Expecting value: line 1 column 7 (char 6))"
    )


@pytest.mark.parametrize(
    ("text", "since"),
    [
        (None, None),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1.5d", timedelta(days=1.5)),
        ("2w", timedelta(weeks=2)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ],
)
def test_since_is_a_duration_or_a_time(text: str | None, since: object):
    assert parse_since(text) == since


def test_since_that_is_neither_is_refused():
    with pytest.raises(CommandError) as raised:
        parse_since("soon")
    with pytest.raises(CommandError, match="--since takes"):
        parse_since("9999999999d")
    assert str(raised.value) == (
        "--since takes a duration such as 30m, 2h or 3d, or a time such as 2026-11-22T10:00, not 'soon'"
    )


@pytest.mark.parametrize("text", ["", "5", "0m", "-1m", "m5", "5 parsecs"])
def test_duration_without_sense_is_refused(text: str):
    with pytest.raises(CommandError, match="--timeout takes a duration such as 90s, 5m, 2h or 3d, not"):
        parse_duration(text, "--timeout")
