"""What undoes a step comes into the bundle with it, or is refused with the place and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from jupyter_workflows.authoring import Activity
from jupyter_workflows.errors import AuthoringError

from .conftest import Notebook

SHOP = """
PRICES = {"a": 1}
def log(key: str) -> None:
    print(key)
# ---
def refund(output: str, key: str) -> None:
    log(key)
# ---
@activity(compensate=refund)
def charge(amount: int) -> str:
    return f"paid {PRICES['a'] * amount}"
# ---
@activity(irreversible=True)
def wire(amount: int) -> None: ...
# ---
@workflow
async def flow(n: int) -> str:
    await wire(n)
    return await charge(n)
"""


def test_undo_is_an_activity_of_the_bundle_with_all_it_reads(notebook: Notebook):
    notebook.run_all(SHOP)
    sources = notebook.sources()
    assert "@activity\ndef refund(output" in sources["activities"]
    assert "def log(key" in sources["activities"] + sources["models"]
    module = notebook.load()
    assert isinstance(module.charge, Activity)
    assert module.charge.options.compensate.name == "refund"


def test_manifest_says_what_undoes_what_and_what_nothing_can_undo(notebook: Notebook):
    notebook.run_all(SHOP)
    entries = json.loads((notebook.bundle().path / "manifest.json").read_text())["activities"]
    told = {entry["name"]: (entry["undo"], entry["irreversible"], entry["cell_number"]) for entry in entries}
    assert told == {"charge": ("refund", False, 4), "refund": (None, False, 3), "wire": (None, True, 5)}


def test_undo_that_is_run_again_comes_in_its_new_form(notebook: Notebook):
    notebook.run_all(SHOP)
    notebook.run("def refund(amount: int, key: str) -> None:\n    print('new', amount)")
    assert "print('new', amount)" in notebook.sources()["activities"]


REFUSED = {
    "an undo that fits no longer": SHOP
    + """
# ---
def refund(order: str) -> None: ...  #! JW220
""",
    "an undo that does what activities must not": SHOP.replace("    log(key)\n", "    input()  #! JW310\n"),
    "an undo whose result can't travel": SHOP.replace(
        "key: str) -> None:\n    log", "key: str) -> type(log):  #! JW506\n    log"
    ),
    "an undo looked up by its name": """
def refund(key: str) -> None: ...
# ---
@activity(compensate=globals()["refund"])
def charge(amount: int) -> str: ...  #! JW219
# ---
@workflow
async def flow(n: int) -> str:
    return await charge(n)
""",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_undo_that_cannot_run_outside_is_refused(refused: Callable[[str], None], text: str):
    refused(text)


WRONG = {
    "a lambda": ("@activity(compensate=lambda key: None)\ndef f(n): ...", "JW480", "not a lambda"),
    "a class": ("class Undo: ...\n@activity(compensate=Undo)\ndef f(n): ...", "JW480", "not the class Undo"),
    "a text": ("@activity(compensate='undo')\ndef f(n): ...", "JW480", "not 'undo'"),
    "a generator": ("def undo(): yield 1\n@activity(compensate=undo)\ndef f(n): ...", "JW480", "takes a function"),
    "a builtin": ("@activity(compensate=print)\ndef f(n): ...", "JW480", "takes a function"),
    "a workflow": (
        "@workflow\nasync def undo(): ...\n@activity(compensate=undo)\ndef f(n): ...",
        "JW480",
        "takes a function",
    ),
    "an inner function": (
        "def outer():\n    def undo(): ...\n    return undo\n@activity(compensate=outer())\ndef f(n): ...",
        "JW480",
        "top of a cell",
    ),
    "an unknown parameter": (
        "def undo(amout): ...\n@activity(compensate=undo)\ndef f(amount): ...",
        "JW481",
        "did you mean amount",
    ),
    "stars": ("def undo(*all): ...\n@activity(compensate=undo)\ndef f(n): ...", "JW481", "takes \\*all"),
    "an undo of its own": (
        "def undo(): ...\n@activity(compensate=undo)\ndef g(n): ...\n@activity(compensate=g)\ndef f(n): ...",
        "JW482",
        "is not undone",
    ),
    "irreversible too": (
        "def undo(): ...\n@activity(compensate=undo, irreversible=True)\ndef f(n): ...",
        "JW484",
        "take one of them",
    ),
    "half irreversible": ("@activity(irreversible='maybe')\ndef f(n): ...", "JW483", "True or False"),
    "half partial": ("@workflow(partial=1)\nasync def f(n): ...", "JW483", "True or False"),
}


@pytest.mark.parametrize(("source", "code", "words"), WRONG.values(), ids=list(WRONG))
def test_undo_that_makes_no_sense_is_refused_where_it_is_named(notebook: Notebook, source: str, code: str, words: str):
    with pytest.raises(AuthoringError, match=words) as caught:
        notebook.run(source)
    assert caught.value.code == code
