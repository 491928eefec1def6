"""What a cell reads and binds, and when its code counts as changed: a table."""

from __future__ import annotations

import pytest

from jupyter_workflows.notebook.cell_names import names_of


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("x = 1\ny = x", ""),
        ("y = x\nx = 1", "x"),
        ("x += 1", "x"),
        ("for i in items:\n    y = i\n    z = y", "items"),
        ("for i in items:\n    y = i\nz = y", "items y"),
        ("if a:\n    b = 1\nelse:\n    b = 2\nc = b", "a"),
        ("if a:\n    b = 1\nc = b", "a b"),
        ("while n:\n    n = n - 1", "n"),
        ("with make() as f:\n    x = f\ny = x", "make"),
        ("try:\n    x = 1\nexcept E as e:\n    print(e)\ny = x", "E print x"),
        ("try:\n    x = 1\nexcept E:\n    x = 2\ny = x", "E"),
        ("match v:\n    case [a, b] if a:\n        c = b", "v"),
        ("def f():\n    return g\ng = 1", ""),
        ("def f():\n    return g", "g"),
        ("def f():\n    global n\n    n = 1", "n"),
        ("h = [v * k for v in vs]", "k vs"),
        ("del d", "d"),
        ("items.append(1)", "items"),
        ("frame['a'] = b", "frame b"),
        ("%time y = run(x)", "run x"),
        ("%run script.py {x}", "run script py x"),
        ("listed = !cat {path}", "cat path"),
    ],
)
def test_reads(source: str, reads: str):
    assert set(names_of(f"%%durable\n{source}").reads) == set(reads.split())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1", "x  =  (1)  # one", True),
        ("%%durable\nx = 1", "%%durable training --always\n\nx = 1", True),
        ("def f():\n    'old'\n    return 1", "def f():\n    return 1", True),
        ("def f():\n    'old'\n    return 1", "def f():\n    'new'\n    return 1", True),
        ("x = 1", "x = 2", False),
        ("x = 1\ny = 2", "y = 2\nx = 1", False),
        ("%time f()", "%time g()", False),
    ],
)
def test_code_counts_as_the_same(one: str, other: str, same: bool):
    assert (names_of(one).code == names_of(other).code) is same
