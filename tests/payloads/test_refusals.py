"""What can't travel is refused before anything is sent, with its path, its type and the remedy."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import io
import pathlib
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from google.protobuf.duration_pb2 import Duration
from pydantic import BaseModel, SecretStr

from jupyter_workflows.errors import PayloadError
from jupyter_workflows.payloads import check


@dataclasses.dataclass
class Document:
    name: str
    handle: Any = None


class Request(BaseModel):
    payload: Any = None
    key: SecretStr | None = None


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def circle() -> Any:
    one: list[Any] = []
    one.append({"back": one})
    return one


PLAIN = "Turn it into plain data, a dataclass or a pydantic model first"
LIST = "Pass a list of its items, list(...)"
CLEAN = (
    "half a character, which no other reader accepts. "
    "Clean the text first: text.encode('utf-8', 'replace').decode()"
)  # fmt: skip

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: [1, 2, 3, Document("d", io.StringIO())],
        "[3].handle is of type StringIO, which can't travel. Pass the path and open the file inside the step",
    ),
    (
        lambda: {"a": [Request(payload=threading.Lock())]},
        ("['a'][0].payload is of type lock, which can't travel. "
        "Locks, threads, queues and events do not leave their process"),
    ),
    (
        lambda: Request(key=SecretStr("sk-1")),
        ".key is of type SecretStr, which can't travel. It would arrive masked; read the secret inside the step",
    ),
    (lambda: print, (" is of type builtin_function_or_method, which can't travel. "
                    "Call it inside the step, or pass its name")),
    (lambda: check, " is of type function, which can't travel. Call it inside the step, or pass its name"),
    (lambda: sys, " is of type module, which can't travel. Import the module inside the step"),
    (lambda: int, " is of type type, which can't travel. Pass the name of the class"),
    (lambda: (i for i in ()), f" is of type generator, which can't travel. {LIST}"),
    (lambda: [iter([])], f"[0] is of type list_iterator, which can't travel. {LIST}"),
    (lambda: range(3), f" is of type range, which can't travel. {LIST}"),
    ({}.keys, f" is of type dict_keys, which can't travel. {LIST}"),
    (collections.ChainMap, " is of type ChainMap, which can't travel. Pass a dict, dict(...)"),
    (lambda: ValueError("x"), " is of type ValueError, which can't travel. Pass its text, str(error)"),
    (object, f" is of type object, which can't travel. {PLAIN}"),
    (lambda: {"x": {1: object()}}, f"['x'][1] is of type object, which can't travel. {PLAIN}"),
    (asyncio.Event, (" is of type Event, which can't travel. "
                              "Locks, threads, queues and events do not leave their process")),
    (lambda: {(1, 2): 3}, " has the key (1, 2) (tuple); keys must be text, numbers or the like"),
    (lambda: "a\ud800", rf" holds '\ud800' at position 1, {CLEAN}"),
    (lambda: {"k": ["é\udfff"]}, rf"['k'][0] holds '\udfff' at position 1, {CLEAN}"),
    (lambda: pathlib.Path("\udcff"), rf" holds '\udcff' at position 0, {CLEAN}"),
    (circle, "[0]['back'] contains itself (list). Pass the parts without the way back"),
    (lambda: [Duration()], ("[0] is of type Duration, which can't travel. "
                           "A protobuf message travels alone; pass it as an argument of its own")),
    (lambda: np.array([object()]), (" is an array of Python objects, which would need pickle. "
                                   "Give it a dtype: array.astype(...)")),
    (lambda: {"m": np.ma.array([1])}, "['m'] is a masked array. Pass array.filled(...), or data and mask apart"),
    (lambda: np.longdouble(1), " holds a longdouble, which Python has no number for. Convert it first: float(...)"),
    (lambda: pd.Index([1]), " is of type Index, which can't travel. Pass it as a pandas Series or as a list"),
    (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), " is a DataFrame with two columns 'a'. Rename one of them"),
    (
        lambda: pd.DataFrame({"d": [{"a": 1}, {"b": 2}]}),
        (" is a DataFrame whose column 'd' holds Python objects that would arrive as struct<a: int64, b: int64>. "
        "Give the column one type, .astype(...), or split it into columns"),
    ),
    (
        lambda: pd.DataFrame({"ok": [1], "bad": [1 + 1j]}).astype({"bad": object}),
        (" is a DataFrame whose column 'bad' holds values that Arrow has no one type for "
        "(Could not convert (1+1j) with type complex: did not recognize Python value type when inferring an Arrow "
        "data type). Give the column one type, .astype(...)"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), REFUSED, ids=lambda each: each[:60] if isinstance(each, str) else "")
def test_message_names_path_type_and_remedy(make: Callable[[], Any], expected: str):
    with pytest.raises(PayloadError) as caught:
        check(make(), "argument 'docs'")
    assert str(caught.value) == f"argument 'docs'{expected}"


@pytest.mark.parametrize("levels", [201, 1_000, 100_000])
def test_deep_nesting_is_refused(levels: int):
    value = nested(levels)
    with pytest.raises(PayloadError, match=r"argument 'docs'(\[0\])+.* is nested deeper than 200 levels"):
        check(value, "argument 'docs'")
    while isinstance(value, list):  # the interpreter's own way to end it would recurse
        value = value.pop()


def test_open_file_socket_and_cursor_are_refused_unread(tmp_path: pathlib.Path):
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    with path.open(encoding="utf-8") as file, socket.socket() as connection:
        database = sqlite3.connect(":memory:")
        cursor = database.execute("select 1")
        for value in (file, [file], {"f": file}, connection, database, [cursor]):
            with pytest.raises(PayloadError):
                check(value, "argument 'docs'")
        assert file.read() == "one\ntwo\n"
        assert cursor.fetchall() == [(1,)]
        database.close()


def test_unawaited_coroutine_is_refused():
    async def fetch() -> None: ...

    coroutine = fetch()
    with pytest.raises(PayloadError, match="Await it first and pass the result"):
        check({"x": coroutine}, "argument 'docs'")
    coroutine.close()


def test_repeated_containers_are_no_circle():
    row = {"a": 1}
    check([row] * 1000, "argument 'docs'")
