"""What a durable cell may do, and what of it is there again when it is restored: a table, each row in a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_workflows.local.runtime import Runtime

from .notebooks import Notebook

PLAIN = """
SETTINGS = {"x": 1}
import dataclasses, collections, datetime, decimal, enum, pathlib, uuid, fractions, re
import numpy as np, pandas as pd
from pydantic import BaseModel
@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: str
class Colour(enum.Enum):
    RED = "red"
class Invoice(BaseModel):
    number: int
    at: datetime.datetime
    lines: list[Point] = []
Pair = collections.namedtuple("Pair", "left right")
class Plain:
    def __init__(self, value):
        self.value = value
    def __repr__(self):
        return f"Plain({self.value!r})"
    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)
def same(one, other):
    if isinstance(one, (pd.DataFrame, pd.Series)):
        return type(one) is type(other) and one.equals(other) and list(one.index) == list(other.index)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if type(one) is dict:
        return type(one) is type(other) and list(one) == list(other) and all(map(same, one.values(), other.values()))
    if type(one) in (list, tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if type(one) in (set, frozenset):  # the order in memory is nobody's
        return type(one) is type(other) and one == other
    return type(one) is type(other) and (one == other or one != one) and repr(one) == repr(other)
""".strip()

VALUES = [
    "None", "True", "3", "10**40", "2.5", "float('nan')", "float('inf')", "'text'", "'\\u00e9\\U0001f600'", "b'bytes'",
    "bytearray(b'x')", "1 + 2j", "[1, 'a', None]", "(1, (2, [3]))", "{1, 2, 'x'}", "frozenset({1})", "{'a': 1}",
    "{1: 'a', (2, 3): 'b', None: 'c'}", "{'$cell': 'tuple', 'items': [1]}", "range(3)", "slice(1, None, 2)", "...",
    "collections.deque([1, 2], maxlen=3)", "collections.Counter('abca')", "collections.OrderedDict(b=1, a=2)",
    "collections.defaultdict(list, a=[1])", "Pair(1, (2,))", "decimal.Decimal('1.10')", "fractions.Fraction(1, 3)",
    "uuid.UUID(int=7)", "pathlib.Path('a/b')", "re.compile('a+', re.I)", "datetime.date(2026, 11, 25)",
    "datetime.datetime(2026, 11, 25, 1, 2, 3, 4)", "datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc)",
    "datetime.timedelta(days=-1, microseconds=1)", "Colour.RED", "Point(1)", "Frozen('a')", "[Point(1), Point(2, 0.0)]",
    "Invoice(number=1, at=datetime.datetime(2026, 1, 1), lines=[Point(3)])", "Plain([1, (2,)])", "int", "Point", "len",
    "np.float32(0.1)", "np.arange(6).reshape(2, 3)", "np.array([[1.5], [2]], order='F')", "pd.Timestamp('2026-11-25')",
    "pd.NaT", "pd.DataFrame({'a': [1, None], 'b': ['x', 'y']}, index=[5, 6])",
    "pd.DataFrame({'t': pd.date_range('2026', periods=3, tz='UTC'), 'c': pd.Categorical(['a', 'b', 'a'])})",
    "pd.Series([1, 2], name='s')", "{'frame': pd.DataFrame({'a': [1]}), 'arrays': [np.zeros(2)]}",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A case.

    Attributes:
        cells: Run twice, all names of the first time forgotten in between.
        then: An expression that is true after either time.
        restored: Which cells the second time restores; all by default.
    """

    name: str
    cells: tuple[str, ...]
    then: str
    restored: tuple[bool, ...] | None = None


D = "%%durable\n"
CHANGED_IN_PLACE = """%%durable
frame['b'] = frame.a * 2
frame.loc[0, 'a'] = 9"""
CODE = """%%durable
import json as js
from math import tau as t
LIMIT = 3
def twice(x, by=LIMIT):
    return by * x
class Box:
    size = LIMIT
box = Box()
box.size = 4
square = lambda x: x * x"""
OWN_CLASS = """%%durable
import dataclasses
@dataclasses.dataclass
class Spot:
    x: int
spots = [Spot(1)]"""
AWAIT = """%%durable
import asyncio
async def give():
    await asyncio.sleep(0)
    return 5
x = await give()"""
BRANCHES = """%%durable
a, *b = 1, 2, 3
for i in range(3):
    k = i
if k:
    z = k"""
MAGICS = """%%durable
listed = !echo hello
%time y = 2 + 2"""
CLOSED = """%%durable
with open('x.txt', 'w') as file:
    k = file.write('abc')"""
FUTURE = """%%durable
from __future__ import annotations
def f(x: Undefined) -> Nothing:
    return x
y = f(1)"""
STEP = """%%durable
from jupyter_workflows import activity
@activity
def load(x: int) -> int:
    return x
k = 1"""
PICKLED = """%%durable --pickle big
import types
big = types.SimpleNamespace(a=1)
k = 2"""
SKIPPED = """%%durable --skip lock
lock = threading.Lock()
k = 2"""
FIGURES = """%%durable
import plotly.graph_objects as go
fig = go.Figure()
figures = [fig, go.Figure()]
k = 1"""
BUMP = """count = 0
def bump():
    global count
    count += 1"""
LIVE = "import threading\nlock = threading.Lock()"

ROWS = [
    Row("a list that a later cell appends to", (D + "items = [1]", D + "items.append(2)"), "items == [1, 2]"),
    Row(
        "a DataFrame that a later cell changes in place",
        (D + "frame = pd.DataFrame({'a': [1, 2]})", CHANGED_IN_PLACE),
        "frame.to_dict('list') == {'a': [9, 2], 'b': [2, 4]}",
    ),
    Row(
        "a value that a function changes",
        ("def add(to):\n    to.append(len(to))", D + "stock = []", D + "add(stock)\nadd(stock)"),
        "stock == [0, 1]",
        (False, True, True),
    ),
    Row("a global that a function assigns", (BUMP, D + "bump()\nbump()"), "count == 2", (False, True)),
    Row("a counter that is counted up", (D + "n = 1", D + "n = n + 1", D + "n += 1"), "n == 3"),
    Row(
        "functions, classes and imports",
        (CODE,),
        "(twice(2), box.size, type(box) is Box, js.dumps(1), t > 6, square(3)) == (6, 4, True, '1', True, 9)",
    ),
    Row("a value of a class of its own cell", (OWN_CLASS,), "spots == [Spot(1)]"),
    Row("an await at the top", (AWAIT,), "x == 5"),
    Row(
        "a deleted name",
        ("gone, left = 1, 2", D + "del gone"),
        "'gone' not in globals() and left == 2",
        (False, True),
    ),
    Row(
        "unpacking, loops and branches",
        (BRANCHES, D + "q = [z, i]"),
        "(a, b, k, z, q) == (1, [2, 3], 2, 2, [2, 2])",
    ),
    Row(
        "names made by exec",
        (D + "exec('made = [1]')\nglobals()['other'] = 2",),
        "made == [1] and other == 2",
    ),
    Row("line magics and shell commands", (MAGICS,), "(listed[0], listed.n, y) == ('hello', 'hello', 4)"),
    Row("a file that is closed again", (CLOSED,), "k == 3"),
    Row("future annotations", (FUTURE,), "y == f(1) == 1"),
    Row("an activity", (STEP,), "load(3) == 3 and k == 1"),
    Row("a value pickled on purpose", (PICKLED, D + "c = big.a + 1"), "big.a == 1 and c == 2"),
    Row("a live object left out on purpose", ("import threading", SKIPPED), "k == 2", (False, True)),
    Row("a live object of another cell", (LIVE, D + "with lock:\n    k = 5"), "k == 5", (False, True)),
    Row("figures", (FIGURES,), "k == 1"),
]


@pytest.fixture(scope="module")
def notebook(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """One kernel for the whole table."""
    kernel = Notebook(runtime.home.data, tmp_path_factory.mktemp("cases"))
    shown = kernel.cell(PLAIN + "\nbefore = set(globals()) | {'before'}")
    assert not shown.error
    yield kernel
    kernel.close()


FORGET = (
    "for name in set(globals()) - before - {'before'}:\n    if not name.startswith('_'):\n        del globals()[name]"
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(notebook: Notebook, row: Row):
    for again in (False, True):
        notebook.cell(FORGET)
        shown = [notebook.cell(source, f"{row.name} {place}") for place, source in enumerate(row.cells)]
        assert "".join(each.error for each in shown) == ""
        if again:
            assert tuple(each.restored for each in shown) == (row.restored or (True,) * len(row.cells))
        result = notebook.cell(row.then)
        assert (result.error, result.texts) == ("", ["True"])


def test_values_come_back_with_their_types(notebook: Notebook):
    listed = ",\n".join(VALUES)
    made = notebook.cell(f"%%durable\nmade = [{listed}]", "made")
    assert not made.error
    notebook.cell("expected = made; del made")

    again = notebook.cell(f"%%durable\nmade = [{listed}]", "made")

    assert again.restored
    different = notebook.cell("[(a, b) for a, b in zip(expected, made) if not same(a, b)]")
    assert (different.error, different.texts) == ("", ["[]"])


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("import sqlite3\nbase = sqlite3.connect(':memory:')", "base is an open connection"),
        ("lazy = (x for x in [1])", "lazy is a generator"),
        ("handle = open('x.txt', 'w')", "handle is an open file"),
        ("import threading\nlock: threading.Thread = object()", "lock is a Thread"),
        ("import queue\nwaiting = queue.Queue()", "waiting is a Queue"),
    ],
)
def test_what_certainly_can_not_be_stored_is_named_before_the_cell_runs(notebook: Notebook, source: str, named: str):
    notebook.cell("import sqlite3, threading, queue; ran = []")
    shown = notebook.cell(f"%%durable\nran.append(1)\n{source}", source)
    assert "DurableCellError: the cell has not run" in shown.error
    assert named in shown.error
    assert "--skip" in shown.error
    assert notebook.value("ran") == []


def test_what_turns_out_not_to_be_storable_is_named_and_recorded_later_without_running_again(notebook: Notebook):
    body = "\nruns = open('ran.log', 'a').write('x')\nholder = {'inner': [object()]}\nkept = 7"
    first = notebook.cell("%%durable" + body, "late")
    second = notebook.cell("%%durable --skip holder" + body, "late")
    notebook.cell("del kept")
    third = notebook.cell("%%durable --skip holder" + body, "late")

    assert "holder['inner'][0] is a object, which can't be stored" in first.error
    assert "`--skip holder`" in first.error
    assert second.notes == ["✓ recorded, without running it again"]
    assert third.restored
    assert notebook.value("[kept, open('ran.log').read()]") == [7, "x"]


def test_a_cell_that_raises_shows_the_users_own_traceback_and_runs_again(notebook: Notebook):
    shown = notebook.cell("%%durable\nstate = 1\ndef inner():\n    return 1 / 0\ninner()", "raises")
    again = notebook.cell("%%durable\nstate = 1\ndef inner():\n    return 1 / 0\ninner()", "raises")

    assert "ZeroDivisionError" in shown.error
    assert "jupyter_workflows" not in shown.error
    assert "line 5" in shown.error
    assert not again.restored
    assert again.notes == ["▸ runs: it has not run to its end yet"]
    notebook.cell("import jupyter_workflows as jw; failed = jw.runs('durable_cells')[0].steps()[-1].failure")
    assert notebook.value("[failed.type, failed.location.cell_id, failed.location.line]") == [
        "ZeroDivisionError",
        "raises",
        4,
    ]


def test_output_is_shown_again(notebook: Notebook):
    source = (
        "%%durable\nimport sys\nfrom IPython.display import HTML, display\nprint('out')\n"
        "print('err', file=sys.stderr)\ndisplay(HTML('<b>rich</b>'))\n"
        "for part in ('a', 'b'):\n    print(part, end='')\n40 + 2"
    )
    first, again = notebook.cell(source, "output"), notebook.cell(source, "output")

    assert again.restored
    assert (again.printed, again.displays) == (first.printed, first.displays)
    assert "<b>rich</b>" in [data.get("text/html") for data in again.displays]
    assert again.texts[-1] == "42"


def test_output_that_the_cell_has_cleared_is_not_shown_again(notebook: Notebook):
    source = "%%durable\nfrom IPython.display import clear_output\nprint('early')\nclear_output()\nprint('late')"
    notebook.cell(source, "cleared")
    again = notebook.cell(source, "cleared")
    assert again.restored
    assert again.printed == "late\n"


# Without `show` IPython shows figures after the cell, when nothing is noted any more.
@pytest.mark.parametrize("last", ["plt.show()", "pass", "plt.figure()\nplt.bar(['a'], [3])"])
def test_figures_are_shown_again(notebook: Notebook, last: str):
    pytest.importorskip("matplotlib")
    source = f"%%durable\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n{last}"
    notebook.cell("%matplotlib inline")
    first, again = notebook.cell(source, f"figure-{last}"), notebook.cell(source, f"figure-{last}")

    assert again.restored
    pictures = [[data["image/png"] for data in each.displays if "image/png" in data] for each in (first, again)]
    assert len(pictures[0]) == 1 + last.count("figure")
    assert pictures[0] == pictures[1]


def test_a_name_that_was_left_out_is_explained_when_it_is_missed(notebook: Notebook):
    source = "%%durable training --skip engine\nimport threading\nengine = threading.Event()\nkept = 1"
    notebook.cell(source, "left out")
    notebook.cell("del engine")
    assert notebook.cell(source, "left out").restored
    shown = notebook.cell("engine.set()")
    assert "NameError" in shown.error
    assert "`engine` was not stored with the cell `training`" in shown.notes[0]


def test_always_runs_the_cell(notebook: Notebook):
    notebook.cell("%%durable\nw = 1", "always")
    shown = notebook.cell("%%durable --always\nw = 1", "always")
    assert shown.notes == ["▸ runs: --always"]


def test_a_module_next_to_the_notebook_counts_with_its_source(notebook: Notebook):
    Path(notebook.folder, "rates.py").write_text("RATE = 2\n")
    cells = ["import sys; sys.path.insert(0, '.')\nimport rates", "%%durable\nyearly = rates.RATE"]
    notebook.cell(cells[0])
    notebook.cell(cells[1], "module")
    assert notebook.cell(cells[1], "module").restored
    Path(notebook.folder, "rates.py").write_text("RATE = 3\n")
    shown = notebook.cell("import importlib; importlib.reload(rates)")
    shown = notebook.cell(cells[1], "module")
    assert shown.notes == ["▸ runs: its input `rates` is another module"]


def test_what_a_function_reads_is_an_input(notebook: Notebook):
    notebook.cell("FACTOR = 2\ndef scaled(x):\n    return x * FACTOR")
    source = "%%durable\nresult = scaled(5)"
    notebook.cell(source, "scaled")
    assert notebook.cell(source, "scaled").restored
    notebook.cell("FACTOR = 3")
    assert notebook.cell(source, "scaled").notes == ["▸ runs: its input `FACTOR` has another value"]
    notebook.cell("def scaled(x):\n    return x * FACTOR + 1")
    assert notebook.cell(source, "scaled").notes == ["▸ runs: its input `scaled` is defined otherwise"]
    assert notebook.value("result") == 16
