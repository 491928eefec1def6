"""Definitions that can be bundled.

One row is a notebook; its bundle is imported and run as the notebook's own functions would be.
Cells are separated by `# ---`; the workflow is `flow`, called with 3.
"""

from __future__ import annotations

import asyncio
import sys

import pytest

BUNDLED = {
    "functions over several cells": (
        """
FACTOR = 2
# ---
def grow(n):
    return n * FACTOR
# ---
async def load(n: int) -> int:
    return grow(n)
# ---
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
        6,
    ),
    "an edited and re-executed cell": (
        """
async def load(n: int) -> int:
    return n
# ---
@workflow
async def flow(n: int) -> int:
    return await load(n)
# ---
async def load(n: int) -> int:
    return n + 100
""",
        103,
    ),
    "cells out of order": (
        """
@workflow
async def flow(n: int) -> int:
    return grow(await load(n))
# ---
def grow(n):
    return n + STEP
# ---
STEP = 4
async def load(n: int) -> int:
    return n
""",
        7,
    ),
    "an alias of a function": (
        """
async def load(n: int) -> int:
    return n + 1
fetch = load
# ---
@workflow
async def flow(n: int) -> int:
    return await fetch(n)
""",
        4,
    ),
    "an alias of a helper": (
        """
def grow(n):
    return n + 1
bigger = grow
@workflow
async def flow(n: int) -> int:
    return bigger(n)
""",
        4,
    ),
    "import aliases": (
        """
import math as m
from json import dumps as to_text
import xml.etree.ElementTree as ET
import os.path
@workflow
async def flow(n: int) -> str:
    return to_text([m.floor(n), ET.Element("a").tag, os.path.join("a", "b")])
""",
        '[3, "a", "a/b"]',
    ),
    "an alias of an import's attribute": (
        """
import math
root = math.sqrt
@workflow
async def flow(n: int) -> float:
    return root(n + 1)
""",
        2.0,
    ),
    "own decorators": (
        """
import functools
def doubled(fn):
    @functools.wraps(fn)
    def inner(*args):
        return fn(*args) * 2
    return inner
@doubled
def grow(n):
    return n + 1
@workflow
async def flow(n: int) -> int:
    return grow(n)
""",
        8,
    ),
    "a decorator factory that registers": (
        """
REGISTRY = dict()
DEFAULT = 7
def times(k=DEFAULT):
    def decorate(fn):
        return lambda n: fn(n) * k
    return decorate
# ---
@times()
def grow(n):
    return n
@workflow
async def flow(n: int) -> int:
    return grow(n)
""",
        21,
    ),
    "third-party decorators": (
        """
import functools
@functools.lru_cache(maxsize=None)
def grow(n):
    return n + 1
@workflow
async def flow(n: int) -> int:
    return grow(n)
""",
        4,
    ),
    "a star import": (
        """
from math import *
@workflow
async def flow(n: int) -> int:
    return floor(n + pi)
""",
        6,
    ),
    "implementations by type": (
        """
import functools
STEP = 2
@functools.singledispatch
def size(value):
    return 0
# ---
@size.register
def _(value: int):
    return value + STEP
@size.register(str)
def _(value):
    return -1
# ---
@size.register(str)
def _(value):
    return len(value)
# ---
def twice(value):
    return size(value) * 2
async def load(n: int) -> int:
    return size(n)
@workflow
async def flow(n: int) -> list:
    return [size(n), size("abcd"), size(None), twice(n), await load(n)]
""",
        [5, 4, 0, 10, 5],
    ),
    "nested helpers": (
        """
@workflow
async def flow(n: int) -> int:
    def inner(k):
        def innermost(j):
            return j + n
        return innermost(k)
    async def load(k):
        return inner(k)
    return await load(1)
""",
        4,
    ),
    "mutual recursion": (
        """
def is_even(n):
    return True if n == 0 else is_odd(n - 1)
# ---
def is_odd(n):
    return False if n == 0 else is_even(n - 1)
@workflow
async def flow(n: int) -> bool:
    return is_odd(n)
""",
        True,
    ),
    "default arguments": (
        """
DEFAULT = [1, 2]
def total(n, more=DEFAULT, *, scale=len(DEFAULT)):
    return (n + sum(more)) * scale
@workflow
async def flow(n: int) -> int:
    return total(n)
""",
        12,
    ),
    "a closure over constants": (
        """
import re
from pathlib import Path
from datetime import timedelta
from decimal import Decimal
PATTERN = re.compile(r"\\d+")
FOLDER = Path("a") / "b"
WAIT = timedelta(days=2)
PRICE = Decimal("1.5")
ALL = {"a": (1, 2), "b": {3}, "c": None, "d": b"x", "e": 1.5e300, "f": frozenset({1})}
@workflow
async def flow(n: int) -> list:
    return [PATTERN.findall("a1b2"), str(FOLDER), WAIT.days, float(PRICE), len(ALL)]
""",
        [["1", "2"], "a/b", 2, 1.5, 6],
    ),
    "constants by unpacking and chaining": (
        """
LOW, (HIGH, *REST) = 1, (2, 3, 4)
A = B = 5
@workflow
async def flow(n: int) -> list:
    return [LOW, HIGH, REST, A, B]
""",
        [1, 2, [3, 4], 5, 5],
    ),
    "values that only the kernel can compute": (
        """
import os, random
random.seed(1)
SAMPLE = [random.random() for _ in range(2)]
CPUS = os.cpu_count()
for LAST in range(4):
    pass
@workflow
async def flow(n: int) -> list:
    return [len(SAMPLE), CPUS > 0, LAST]
""",
        [2, True, 3],
    ),
    "a value taken from a live object": (
        """
import pandas as pd
frame = pd.DataFrame({"a": [1, 2]})
ROWS = len(frame)
@workflow
async def flow(n: int) -> int:
    return ROWS
""",
        2,
    ),
    "type aliases": (
        """
from typing import Union, Optional
Numbers = list[int]
Maybe = Optional[Union[Numbers, str]]
async def load(n: int) -> Maybe:
    return [n]
@workflow
async def flow(n: int) -> Numbers:
    return await load(n)
""",
        [3],
    ),
    "enums": (
        """
import enum
class Verdict(enum.StrEnum):
    GOOD = "good"
    BAD = enum.auto()
DEFAULT = Verdict.GOOD
NAMES = {Verdict.BAD: "x"}
@workflow
async def flow(n: int) -> list:
    return [DEFAULT.value, Verdict.BAD.value, NAMES[Verdict.BAD]]
""",
        ["good", "bad", "x"],
    ),
    "generics": (
        """
from typing import Generic, TypeVar
T = TypeVar("T", bound="Shape")
class Shape: ...
class Box(Generic[T]):
    def __init__(self, held: T) -> None:
        self.held = held
@workflow
async def flow(n: int) -> int:
    return Box[int](n).held
""",
        3,
    ),
    "names in if and try": (
        """
import sys
if sys.version_info >= (3, 11):
    from tomllib import loads
    def grow(n):
        return n + 1
else:
    loads = None
    def grow(n):
        return n + 2
try:
    import missing_accelerator as fast
except ImportError:
    fast = None
@workflow
async def flow(n: int) -> list:
    return [loads("a = 1"), grow(n), fast]
""",
        [{"a": 1}, 4, None],
    ),
    "an activity in a block": (
        """
import sys
if sys.version_info >= (3, 11):
    async def load(n: int) -> int:
        return n + 1
else:
    async def load(n: int) -> int:
        return n + 2
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
        4,
    ),
    "magics in the middle": (
        """
%load_ext autoreload
%autoreload 2
!pip list
FACTOR = 2
text = '''
%not_a_magic
!nor_this
what?
'''
# ---
%%bash
def nonsense (
# ---
%%html
<b>FACTOR</b>
# ---
%%time
def grow(n):
    return n * FACTOR + len(text.split())
# ---
%%workflow flow
@workflow
async def flow(n: int) -> int:
    return grow(n)
# ---
len?
files = !ls
""",
        9,
    ),
    "string annotations": (
        """
from dataclasses import dataclass
from typing import Literal, Annotated
@workflow
async def flow(n: "int", kind: Literal["not a name"] = "not a name") -> "list[Result]":
    return [Result(n, None)]
# ---
@dataclass
class Result:
    n: int
    next: "Result | None"
    mark: Annotated["int", "no name either"] = 0
    def __eq__(self, other): return self.n == other
""",
        [3],
    ),
    "annotations postponed": (
        """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Node:
    n: int
    other: Later | None = None
@dataclass
class Later:
    n: int
async def load(n: int) -> Later:
    return Later(n)
@workflow
async def flow(n: int) -> int:
    return Node((await load(n)).n).n
""",
        3,
    ),
    "dataclasses that hold each other": (
        """
from dataclasses import dataclass, field
@dataclass
class Leaf:
    n: int = 1
@dataclass
class Tree:
    leaves: list[Leaf] = field(default_factory=lambda: [Leaf(), Leaf(2)])
BIG = Tree()
@workflow
async def flow(n: int) -> int:
    return sum(leaf.n for leaf in BIG.leaves)
""",
        3,
    ),
    "pydantic models": (
        """
from pydantic import BaseModel, Field, field_validator
MINIMUM = 1
def checked(value):
    return max(value, MINIMUM)
# ---
class Base(BaseModel):
    n: int = Field(ge=0)
    @field_validator("n")
    @classmethod
    def at_least(cls, value):
        return checked(value)
# ---
class Node(Base):
    children: "list[Leaf]" = []
class Leaf(Base):
    parent: Node | None = None
ROOT = Node(n=0, children=[Leaf(n=5)])
async def load(n: int) -> Node:
    return ROOT
@workflow
async def flow(n: int) -> list:
    node = await load(n)
    return [node.n, node.children[0].n]
""",
        [1, 5],
    ),
    "tuples and dictionaries with names": (
        """
from collections import namedtuple
from typing import NamedTuple, TypedDict, Protocol, NewType
Point = namedtuple("Point", "x y")
class Pair(NamedTuple):
    a: int
    b: Point
class Options(TypedDict, total=False):
    deep: bool
class HasSize(Protocol):
    def size(self) -> int: ...
Identity = NewType("Identity", int)
def size(thing: HasSize) -> int:
    return thing.size()
@workflow
async def flow(n: int, options: Options | None = None) -> int:
    return Pair(Identity(n), Point(1, 2)).b.y
""",
        2,
    ),
    "exceptions of the notebook": (
        """
class Refused(ValueError): ...
async def load(n: int) -> int:
    raise Refused("no")
@workflow
async def flow(n: int) -> str:
    try:
        return str(await load(n))
    except Refused as error:
        return str(error)
""",
        "no",
    ),
}


@pytest.mark.parametrize(("text", "result"), BUNDLED.values(), ids=BUNDLED.keys())
def test_bundle_does_what_the_notebook_does(notebook, text: str, result: object):
    notebook.run_all(text)
    assert asyncio.run(notebook.load().flow.fn(3)) == result


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters_and_aliases_in_brackets_are_bundled(notebook):
    notebook.run_all("""
type Numbers = list[Number]
type Number = int | float
def first[T: Shape](items: list[T]) -> T:
    return items[0]
class Shape: ...
class Box[T]:
    held: T
@workflow
async def flow(n: int) -> Numbers:
    return [first([n])]
""")
    assert asyncio.run(notebook.load().flow.fn(3)) == [3]
