"""Texts and readers' places in them, without a worker."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows.schema import Token
from jupyter_workflows.tokens import Exchange, Tail, Texts, Writer, emit, last_text, writing
from jupyter_workflows.tokens.checkpoint import BYTES, apart, checkpoint, token_of
from jupyter_workflows.tokens.texts import BLOCK_CHARACTERS
from jupyter_workflows.tokens.writing import LINGER_SECONDS

from .conftest import joined

PIECES = st.lists(st.text(max_size=40), max_size=40)


def nothing() -> None:
    """Nobody is woken."""


def token(offset: int, text: str, attempt: int = 1, number: int = 1) -> Token:
    return Token(step="write-1", attempt=attempt, number=number, offset=offset, text=text)


@given(PIECES, st.integers(1, 7))
def test_a_reader_gets_all_that_was_written_however_seldom_it_looks(pieces: list[str], every: int):
    texts = Texts()
    text = texts.begin("write-1", 1)
    tail = Tail(texts, nothing)
    seen: list[Token] = []
    for number, piece in enumerate(pieces):
        texts.write(text, piece)
        if number % every == 0:
            seen += tail.news()
    seen += tail.news()
    assert joined(seen) == "".join(pieces)
    assert tail.news() == []


@given(PIECES, st.data())
def test_pieces_by_two_ways_make_one_text(pieces: list[str], data: st.DataObject):
    """As from a socket and from heartbeats, of which each tells some end of the text that may overlap the others."""
    whole = "".join(pieces)
    cuts = st.integers(0, len(whole))
    texts = Texts()
    texts.take(token(0, ""))
    known = 0
    for _ in range(10):
        begin = data.draw(cuts.map(lambda cut: min(cut, known)))  # noqa: B023 - drawn at once
        end = data.draw(st.integers(begin, len(whole)))
        texts.take(token(begin, whole[begin:end]))
        known = max(known, end)
        assert texts.by_step["write-1"].since(0) == whole[:known]


def test_a_gap_or_an_earlier_beginning_starts_the_text_over():
    texts = Texts()
    tail = Tail(texts, nothing)
    texts.take(token(10, "middle"))
    assert [(piece.offset, piece.text) for piece in tail.news()] == [(10, "middle")]
    texts.take(token(0, "from the beginning on"))
    assert [(piece.offset, piece.text) for piece in tail.news()] == [(0, "from the beginning on")]
    texts.take(token(90, "end"))
    assert [(piece.offset, piece.text) for piece in tail.news()] == [(90, "end")]


def test_a_late_piece_of_an_earlier_attempt_is_dropped():
    texts = Texts()
    texts.take(token(0, "again", attempt=2))
    texts.take(token(0, "the first attempt's", attempt=1))
    assert texts.by_step["write-1"].since(0) == "again"


def test_of_a_text_that_is_too_long_the_end_is_kept():
    texts = Texts(limit=10_000)
    text = texts.begin("write-1", 1)
    slow = Tail(texts, nothing)
    for number in range(10_000):
        texts.write(text, f"{number:05} ")
    assert 10_000 <= sum(map(len, text.blocks)) <= 10_000 + BLOCK_CHARACTERS
    (piece,) = slow.news()
    assert piece.offset + len(piece.text) == text.length == 60_000
    assert piece.text.endswith("09998 09999 ")
    texts.write(text, "x" * 100_000)
    assert sum(map(len, text.blocks)) <= 10_000 + BLOCK_CHARACTERS


def test_writing_does_not_wait_for_a_reader_and_wakes_it_once():
    texts = Texts()
    text = texts.begin("write-1", 1)
    woken: list[None] = []
    tail = Tail(texts, lambda: woken.append(None))
    for _ in range(1_000):
        texts.write(text, "piece ")
    assert len(woken) == 1, "it has not read since"
    assert len(tail.news()) == 1
    texts.write(text, "piece ")
    assert len(woken) == 2
    tail.close()
    tail.news()
    texts.write(text, "piece ")
    assert len(woken) == 2


def test_several_threads_of_a_step_write_one_text():
    exchange = Exchange()
    writer = Writer("r", "write-1", 1, where=exchange)

    def write(word: str) -> None:
        for _ in range(2_000):
            writer.write(word)

    threads = [threading.Thread(target=write, args=(word,)) for word in ("ab", "cd", "ef")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = exchange.texts("r").by_step["write-1"]
    whole = text.since(0)
    assert text.number == 6_000
    assert sorted(whole[at : at + 2] for at in range(0, len(whole), 2)) == sorted(["ab", "cd", "ef"] * 2_000)


def test_ended_texts_linger_and_are_dropped(monkeypatch: pytest.MonkeyPatch):
    exchange = Exchange()

    def wrote(run_id: str) -> None:
        writer = Writer(run_id, "write-1", 1, where=exchange)
        writer.write("x" * 1_000)
        writer.end()
        writer.write("too late")

    wrote("one")
    assert exchange.texts("one").by_step["write-1"].since(0) == "x" * 1_000
    later = time.monotonic() + LINGER_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    wrote("two")
    assert list(exchange.runs) == ["two"]
    assert exchange.ended_characters == 1_000


def test_a_run_that_is_only_watched_leaves_nothing():
    exchange = Exchange()
    tail = Tail(exchange.texts("r"), nothing)
    exchange.release("r")
    assert "r" in exchange.runs
    tail.close()
    exchange.release("r")
    assert exchange.runs == {}


def test_emit_outside_of_a_step_does_nothing_and_takes_text_only():
    emit("nobody reads it")
    assert last_text() == ""
    with pytest.raises(TypeError, match=r"takes a str, not int: give str"):
        emit(7)  # type: ignore[arg-type]


def test_halves_of_surrogate_pairs_are_mended_or_replaced():
    exchange = Exchange()
    with writing(Writer("r", "write-1", 1, where=exchange)):
        for piece in ("\ud83d", "\ude00", "\ud83d\ude00", "plain"):
            emit(piece)
    text = exchange.texts("r").by_step["write-1"]
    assert text.since(0) == "\ufffd\ufffd\U0001f600plain"
    assert text.done


@given(st.text(max_size=50))
def test_a_checkpoint_carries_the_end_of_a_text(end: str):
    texts = Texts()
    text = texts.begin("write-1", 3)
    texts.write(text, "\U0001f600" * 30_000 + end)
    carried = checkpoint(text)
    found = token_of("write-1", carried)
    assert found is not None
    assert len(found.text.encode()) <= BYTES
    assert found.offset + len(found.text) == text.length
    assert text.since(0).endswith(found.text)
    assert apart(["mine", carried]) == (("mine",), (carried,))


@pytest.mark.parametrize(
    "detail",
    [None, 7, "text", {}, {"jupyter_workflows.tokens": 1}, {"jupyter_workflows.tokens": 1, "attempt": "one"}],
)
def test_a_detail_that_is_no_checkpoint_is_none(detail: object):
    assert token_of("write-1", detail) is None
