"""Every public name says what it is, and what it raises."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

import jupyter_workflows
from jupyter_workflows import errors

FIRST_LINE = 120


def public_objects() -> dict[str, Any]:
    exceptions = {
        f"errors.{name}": value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.JupyterWorkflowsError)
    }
    return {name: getattr(jupyter_workflows, name) for name in jupyter_workflows.__all__} | exceptions


def members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An exported object and, of a class, its own public methods and properties."""
    yield name, value
    if isinstance(value, type):
        for key, member in list(vars(value).items()):
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if not key.startswith("_") and isinstance(function, FunctionType):
                yield f"{name}.{key}", function


ALL = dict(member for name, value in public_objects().items() for member in members(name, value))
CALLABLES = {name: value for name, value in ALL.items() if inspect.isfunction(value)}


@pytest.mark.parametrize("name", ALL)
def test_public_name_has_a_docstring(name: str):
    first, _, rest = (inspect.getdoc(ALL[name]) or "").partition("\n")
    assert first, f"{name} has no docstring"
    assert len(first) <= FIRST_LINE
    assert not rest or rest.startswith("\n"), "the first line stands alone"


def raised_names(function: Any) -> set[str]:
    """The exceptions that a function's own body names in `raise X(...)`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name) and call.func.id[0].isupper()}


@pytest.mark.parametrize("name", CALLABLES)
def test_public_function_documents_what_it_raises(name: str):
    doc = inspect.getdoc(CALLABLES[name]) or ""
    _, _, section = doc.partition("Raises:")
    assert {error for error in raised_names(CALLABLES[name]) if error not in section} == set()
