"""Which definition counts: cells that failed, that were not run, that were edited; and what is only warned of."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_workflows.errors import ClosureError
from jupyter_workflows.notebook import Cell
from jupyter_workflows.notebook.source import parse_cell

FLOW = "@workflow\nasync def flow(n: int) -> int:\n    return grow(n)\n"


def codes(notebook, **options) -> list[tuple[str, int | None, int | None]]:
    return [
        (found.code, *((found.location.cell_number, found.location.line) if found.location else (None, None)))
        for found in notebook.lint(**options)
    ]


def test_name_of_a_failed_cell_is_refused_and_says_so(notebook):
    with pytest.raises(ZeroDivisionError):
        notebook.run("x = 1\n1 / 0\ndef grow(n):\n    return n")
    notebook.run(FLOW)
    assert codes(notebook) == [("JW103", 3, 3)]
    assert "cell [2] line 3" in notebook.lint()[0].message


def test_definitions_before_the_failure_count(notebook):
    with pytest.raises(ZeroDivisionError):
        notebook.run("def grow(n):\n    return n\n1 / 0")
    notebook.run(FLOW)
    assert codes(notebook) == []


def test_failed_new_version_leaves_the_old_one_in_force(notebook):
    notebook.run("def grow(n):\n    return n + 1", id="grow")
    with pytest.raises(ZeroDivisionError):
        notebook.run("1 / 0\ndef grow(n):\n    return n + 2", id="grow")
    notebook.run(FLOW)
    assert asyncio.run(notebook.load().flow.fn(3)) == 4


def test_name_of_a_cell_that_was_not_run_is_refused_and_says_so(notebook):
    notebook.cells.notice(Cell("later", None, "\ndef grow(n):\n    return n"))
    notebook.run(FLOW)
    assert codes(notebook) == [("JW102", 2, 3)]
    notebook.run("\ndef grow(n):\n    return n", id="later")
    assert codes(notebook) == []


def test_wildcard_of_a_missing_module_is_named(notebook):
    with pytest.raises(ModuleNotFoundError):
        notebook.run("from not_installed_anywhere import *")
    notebook.run(FLOW)
    assert codes(notebook) == [("JW112", 3, 3)]
    assert "not_installed_anywhere" in notebook.lint()[0].message


def test_unresolvable_base_is_named(notebook):
    notebook.run("class Parent: ...\nclass Child(Parent): ...")
    notebook.run("@workflow\nasync def flow(n: int) -> bool:\n    return Child is None")
    del notebook.namespace["Parent"]
    assert codes(notebook) == [("JW114", 2, 2)]


def test_name_that_an_edited_cell_no_longer_defines_stays_as_in_the_kernel(notebook):
    notebook.run("def grow(n):\n    return n + 1", id="a")
    notebook.run("def other(n):\n    return n", id="a")
    notebook.run(FLOW)
    assert asyncio.run(notebook.load().flow.fn(3)) == 4


def test_older_definition_counts_when_the_kernel_still_holds_it(notebook):
    notebook.run("def grow(n):\n    return n + 1")
    kept = notebook.namespace["grow"]
    notebook.run("def grow(n):\n    return n + 2")
    notebook.namespace["grow"] = kept
    notebook.run(FLOW)
    assert asyncio.run(notebook.load().flow.fn(3)) == 4


def test_deleted_and_defined_again_is_defined(notebook):
    notebook.run("def grow(n):\n    return n + 1")
    notebook.run("del grow")
    notebook.run("def grow(n):\n    return n + 5")
    notebook.run(FLOW)
    assert asyncio.run(notebook.load().flow.fn(3)) == 8


def test_all_problems_are_told_at_once_in_the_order_of_the_notebook(notebook):
    notebook.run("import time\nclass Holder:\n    pass\nlive = object.__new__(Holder)\nlive.file = (x for x in 'ab')")
    notebook.run("async def load(n: int) -> int:\n    display(n)\n    return missing + get_ipython()")
    notebook.run(
        "@workflow\nasync def flow(n: int, *more: int) -> int:\n    load(n)\n    time.sleep(1)\n"
        "    return await load(n) + undefined\n"
    )
    assert codes(notebook) == [
        ("JW111", 3, 2),
        ("JW101", 3, 3),
        ("JW111", 3, 3),
        ("JW502", 4, 2),
        ("JW202", 4, 3),
        ("JW302", 4, 4),
        ("JW101", 4, 5),
    ]
    with pytest.raises(ClosureError) as caught:
        notebook.resolve()
    text = str(caught.value)
    assert text.startswith("flow can't run outside the notebook, 7 problems:\n")
    assert "JW302 cell [4] line 4: time.sleep blocks the worker" in text
    assert (caught.value.code, caught.value.location.line) == ("JW111", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import random\nSEED = random.randint(1, 9)\n~SEED", [("JW118", 2, 5)]),
        ("import os\nCPUS = os.cpu_count()\n~CPUS", [("JW118", 2, 5)]),
        ("for K in range(3):\n    pass\n~K", [("JW118", 2, 5)]),
        (
            "class M:\n    @staticmethod\n    def now():\n        import time\n        return time.time()\n~M.now()",
            [("JW316", 2, 5)],
        ),
        (
            "class M:\n    @staticmethod\n    def now():\n        import time\n        return time.time()\n~M is None",
            [],
        ),
        (
            """import uuid
from pydantic import BaseModel, Field
class M(BaseModel):
    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
~len(M().id)""",
            [("JW316", 2, 4)],
        ),
        (
            "import asyncio\nasync def load(n: int) -> int:\n    return n\n~bool(asyncio.create_task(load(n)))",
            [("JW213", 2, 6)],
        ),
    ],
)
def test_doubtful_things_are_warned_of_and_bundled(notebook, text: str, expected: list[tuple[str, int, int]]):
    head, _, expression = text.rpartition("~")
    notebook.run(f"{head}@workflow\nasync def flow(n: int) -> int:\n    return {expression}\n")
    assert codes(notebook) == expected
    bundle = notebook.bundle()
    assert [found.code for found in bundle.manifest.warnings] == [code for code, _, _ in expected]


def test_activity_that_calls_itself_is_warned_of(notebook):
    notebook.run("async def load(n: int) -> int:\n    return await load(n - 1) if n else 0")
    notebook.run("@workflow\nasync def flow(n: int) -> int:\n    return await load(n)")
    assert codes(notebook) == [("JW211", 2, 2)]


def test_cache_of_an_activity_is_warned_of_and_starts_empty(notebook):
    notebook.run(
        "_client = None\nasync def load(n: int) -> bool:\n    global _client\n    _client = _client or open\n"
        "    return True"
    )
    notebook.run("@workflow\nasync def flow(n: int) -> bool:\n    return await load(n)")
    assert codes(notebook) == [("JW119", 2, 3)]
    asyncio.run(notebook.namespace["load"](1))
    assert codes(notebook) == [("JW119", 2, 3)]
    assert "_client = None" in notebook.sources()["models"] + notebook.sources()["activities"]


@pytest.mark.parametrize(
    "change",
    ["global SEEN\n    SEEN = SEEN + [n]", "SEEN.append(n)", "SEEN[:] = [n]"],
)
def test_state_that_an_activity_keeps_itself_starts_as_defined(notebook, change: str):
    notebook.run(f"SEEN = []\nasync def load(n: int) -> int:\n    {change}\n    return len(SEEN)")
    notebook.run("@workflow\nasync def flow(n: int) -> int:\n    return await load(n)")
    asyncio.run(notebook.namespace["load"](1))
    assert codes(notebook) == [("JW119", 2, 3)]
    assert asyncio.run(notebook.load().flow.fn(3)) == 1


def test_state_that_only_the_notebook_sets_up_is_refused(notebook):
    notebook.run("MODEL = None\ndef setup():\n    global MODEL\n    MODEL = open\nsetup()")
    notebook.run("@workflow\nasync def flow(n: int) -> bool:\n    return MODEL is None")
    assert codes(notebook) == [("JW106", 3, 3)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nothing", "JW507"),
        ("timeout", "JW507"),
        ("Pipeline.run", "JW504"),
        ("outer.<locals>.inner", "JW505"),
    ],
)
def test_what_is_no_workflow_at_the_top_of_a_cell_is_refused(notebook, name: str, code: str):
    notebook.run("class Pipeline:\n    async def run(self): ...")
    with pytest.raises(ClosureError) as caught:
        notebook.resolve(name)
    assert [found.code for found in caught.value.diagnostics] == [code]


def test_secret_by_its_name_is_not_written_down(notebook):
    notebook.run(
        "import base64\nAPI_KEY = open('/dev/null').read() + 'k'".replace("open('/dev/null').read()", "str(id(1))[:0]")
    )
    notebook.run("@workflow\nasync def flow(n: int) -> str:\n    return API_KEY")
    assert codes(notebook) == [("JW107", 3, 3)]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("%matplotlib inline\na = 1", ["a"]),
        ("!ls\na = 1", ["a"]),
        ("a = 1\n?a\na?\na.b??\n%timeit f(\n!echo \\\n  def\nb = 2", ["a", "b"]),
        ("files = !ls *.py\nb = 2", ["files", "b"]),
        ("x, y = %time f()\nb = 2", ["x", "y", "b"]),
        ("def f():\n    !ls\n    %cd x\n    return 1\n!x", ["f"]),
        ("if True:\n    %magic\nelse:\n    a = 1\n!x", ["a"]),
        ("s = '''\n!no\n%no\nno?\n'''\n!yes\nb = 2", ["s", "b"]),
        ("v = (1\n % 2)\nw = 5 \\\n % 3\n!x", ["v", "w"]),
        ("s = 'it\\'s # not' # '''\n!x\nb = 1", ["s", "b"]),
        ("  a = 1\n  !ls\n  b = 2", ["a", "b"]),
        ("\n%%time\n\na = 1", ["a"]),
        ("%%workflow x --start '{}'\na = 1", ["a"]),
        ("%%capture out\n%%time\na = 1", ["a"]),
        ("%%timeit\na = 1", []),
        ("%%writefile x.py\na = 1", []),
        ("%%js\na = ", []),
        ("a = (", []),
        ("await f()\nasync with g() as h:\n    pass", ["h"]),
        ("for i, (j, *k) in x:\n    l = 1", ["i", "j", "k", "l"]),
        ("import a.b, c as d\nfrom e import f as g, h\nfrom i import *", ["a", "d", "g", "h"]),
        ("x: int\ny: int = 1\nz.a = 1\nw[0] = 1\nu += 1\n(v := 1)", ["y", "u", "v"]),
        ("global_ = 1\ndef f():\n    global g\n    g = 1", ["global_", "f"]),
        ("try:\n    a = 1\nexcept E as e:\n    b = 1\nwith c as d:\n    pass", ["a", "e", "b", "d"]),
        ("[i for i in x if (k := i)]\nlambda q: (r := 1)", ["k"]),
    ],
)
def test_names_that_a_cell_defines(source: str, names: list[str]):
    parsed = parse_cell(source)
    assert [name for statement in parsed.statements for name in statement.names] == names


def test_lines_are_kept_whatever_magics_are_in_the_cell():
    parsed = parse_cell("%%time\n!ls \\\n   -l\n\ndef f():\n    %cd x\n    return 1\n\n@g\n# why\ndef h(): ...")
    assert [
        (statement.names, statement.start_line, statement.end_line)
        for statement in parsed.statements
        if statement.names
    ] == [
        (("f",), 5, 7),
        (("h",), 9, 11),
    ]
    assert parsed.magics == {1: "%%time", 2: "!ls \\", 3: "   -l", 6: "    %cd x"}
