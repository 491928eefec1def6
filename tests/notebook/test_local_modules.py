"""Modules next to the notebook travel with the bundle."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest

from jupyter_workflows.errors import ClosureError

WORKFLOW = """
@workflow
async def flow(n: int) -> int:
    return {expression}
"""


def files(directory: Path, **sources: str) -> None:
    for name, source in sources.items():
        path = directory / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        if path.parent != directory:
            (path.parent / "__init__.py").touch()
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    ("imports", "expression"),
    [
        ("import rates_a", "rates_a.grow(n)"),
        ("import rates_a as r", "r.grow(n)"),
        ("from rates_a import grow", "grow(n)"),
        ("from rates_a import grow as g", "g(n)"),
        ("from rates_a import *", "grow(n)"),
        ("import rates_p.inner", "rates_p.inner.grow(n)"),
        ("import rates_p.inner as r", "r.grow(n)"),
        ("from rates_p import inner", "inner.grow(n)"),
        ("from rates_p.inner import grow", "grow(n)"),
        ("import json, rates_a", "rates_a.grow(n)"),
        ("def grow(n):\n    from rates_a import (\n        grow as g,\n    )\n    return g(n)", "grow(n)"),
        ("def grow(n):\n    import json, rates_p.inner; return rates_p.inner.grow(n)", "grow(n)"),
        ("try:\n    import rates_a\nexcept ImportError:\n    rates_a = None", "rates_a.grow(n)"),
    ],
)
def test_module_is_copied_with_what_it_imports(notebook, imports: str, expression: str):
    files(
        notebook.directory,
        rates_a="import rates_b, json\nfrom rates_b import STEP\ndef grow(n):\n    return n + STEP + rates_b.MORE\n",
        rates_b="STEP = 10\nMORE = 100\n",
        rates_p__inner=(
            "from . import deep\nfrom .deep import MORE\nimport rates_b as b\n"
            "def grow(n):\n    return n + b.STEP + deep.MORE\n"
        ),
        rates_p__deep="import rates_b\nMORE = rates_b.MORE\n",
        rates_unused="raise SystemExit\n",
    )
    notebook.run(imports)
    notebook.run(WORKFLOW.format(expression=expression))
    bundle = notebook.bundle()
    assert "rates_unused" not in str(sorted(bundle.path.rglob("*")))
    code = (
        f"import asyncio, sys; sys.path.insert(0, {str(bundle.path.parent)!r})\n"
        f"from {bundle.package}.workflows import flow\n"
        "assert not [name for name in sys.modules if name.startswith('rates')], 'imported from outside'\n"
        "print(asyncio.run(flow.fn(3)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{code}"],
        capture_output=True, text=True, timeout=60, check=False, cwd=notebook.directory / "bundles",
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("113\n", "")
    assert set(bundle.manifest.local_modules) >= {"rates_b"}


def test_steps_of_a_module_are_steps_of_the_bundle(notebook):
    files(
        notebook.directory,
        rates_steps=(
            "from jupyter_workflows import activity\n@activity\nasync def load(n: int) -> int:\n    return n + 1\n"
        ),
    )
    notebook.run("import rates_steps\nfrom rates_steps import load")
    notebook.run("@workflow\nasync def flow(n: int) -> int:\n    return await load(n) + await rates_steps.load(n)\n")
    module = notebook.load()
    assert asyncio.run(module.flow.fn(3)) == 8
    activities = importlib.import_module(module.__name__.replace("workflows", "activities"))
    assert activities.load.name == "load"
    assert [found.name for found in notebook.bundle().manifest.activities] == ["load"]


def test_changed_module_gives_another_bundle(notebook):
    files(notebook.directory, rates_c="STEP = 1\n")
    notebook.run("import rates_c")
    notebook.run(WORKFLOW.format(expression="n + rates_c.STEP"))
    first = notebook.bundle()
    files(notebook.directory, rates_c="STEP = 2\n")
    assert notebook.bundle().digest != first.digest


def test_module_that_is_no_python_is_refused(notebook):
    files(notebook.directory, rates_d="STEP = 1\n")
    notebook.run("import rates_d")
    notebook.run(WORKFLOW.format(expression="n + rates_d.STEP"))
    files(notebook.directory, rates_d="STEP = (1\n")
    with pytest.raises(ClosureError, match=r"JW601 .*rates_d.*line 1"):
        notebook.resolve()


def test_module_on_a_path_that_the_notebook_added_is_copied(notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    files(elsewhere, rates_e__inner="STEP = 5\n")
    monkeypatch.syspath_prepend(str(elsewhere))
    notebook.run("from rates_e.inner import STEP")
    notebook.run(WORKFLOW.format(expression="n + STEP"))
    bundle = notebook.bundle()
    assert set(bundle.manifest.local_modules) == {"rates_e", "rates_e.inner"}
    sys.modules.pop("rates_e")
    sys.modules.pop("rates_e.inner")


def test_module_made_at_run_time_is_refused(notebook, monkeypatch: pytest.MonkeyPatch):
    made = types.ModuleType("rates_f")
    made.STEP = 3
    monkeypatch.setitem(sys.modules, "rates_f", made)
    notebook.run("import rates_f")
    notebook.run(WORKFLOW.format(expression="n + rates_f.STEP"))
    with pytest.raises(ClosureError, match=r"JW607 .*rates_f"):
        notebook.resolve()


def test_module_of_the_same_name_that_is_installed_stays_outside(notebook):
    (notebook.directory / "json.py").write_text("raise SystemExit")
    (notebook.directory / "pydantic.py").write_text("raise SystemExit")
    notebook.run("import json, pydantic")
    notebook.run(WORKFLOW.format(expression="len(json.dumps(n)) + len(pydantic.__name__)"))
    assert notebook.bundle().manifest.local_modules == {}


def test_package_itself_stays_outside_in_a_checkout_of_it(notebook):
    notebook.directory = Path(__file__).parents[2]
    notebook.run("from jupyter_workflows import sleep, timeout")
    notebook.run(WORKFLOW.format(expression="await sleep(timeout(seconds=n)) or n"))
    assert notebook.bundle().manifest.local_modules == {}
