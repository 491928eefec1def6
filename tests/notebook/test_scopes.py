"""The names that code reads from the notebook, against Python's own symbol tables."""

from __future__ import annotations

import ast
import asyncio
import symtable
from pathlib import Path

import pytest

from jupyter_workflows.notebook import Cell, CellLog
from jupyter_workflows.notebook.bindings import Names
from jupyter_workflows.notebook.determinism import findings
from jupyter_workflows.notebook.scopes import references
from jupyter_workflows.notebook.steps import Flow
from jupyter_workflows.notebook.workflow_code import FunctionCode

LIBRARY = Path(asyncio.__file__).parents[1]
# Modules with much of the syntax there is: nested scopes, generators, matches, class bodies, async code.
MODULES = (
    "ast.py", "asyncio/base_events.py", "asyncio/taskgroups.py", "asyncio/tasks.py", "contextlib.py", "copy.py",
    "dataclasses.py", "enum.py", "functools.py", "inspect.py", "tempfile.py", "typing.py", "unittest/mock.py",
)  # fmt: skip
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def globals_of(table: symtable.SymbolTable) -> set[str]:
    own = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_global() and (symbol.is_referenced() or symbol.is_assigned())
    }
    return own.union(*map(globals_of, table.get_children()))


@pytest.mark.parametrize("module", MODULES)
def test_names_are_those_that_python_reads_as_globals(module: str):
    source = (LIBRARY / module).read_text(encoding="utf-8")
    tables = symtable.symtable(source, module, "exec").get_children()
    execution = CellLog().record(Cell("a", 1, source))
    names = Names(CellLog(), {})
    for node in ast.parse(source).body:
        if not isinstance(node, DEFINITIONS):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        own = [table for table in tables if first <= table.get_lineno() <= node.end_lineno]
        read = references(node)
        expected = set().union(*map(globals_of, own)) - {"__class__"}
        assert expected <= {reference.name for reference in read}, node.name
        inside = {reference.name for reference in read if not reference.eager and not reference.annotation}
        assert inside <= expected, node.name
        if not isinstance(node, ast.ClassDef):
            code = FunctionCode(node.name, node, execution, names)
            assert Flow(code, lambda _: []).run()
            assert list(findings(code)) is not None
