"""A notebook's own tests as tests of the package.

A cell is a test where the notebook tags it `test` or `tests`, or where an `assert` stands at its top; a cell with a
magic of ours never is. It becomes one function of `tests/test_notebook.py`, its lines as they are. What it reads is
imported from the bundle where that defines it; what else it needs comes along: imports, functions, classes and plain
values of the notebook. A cell that reads something else, such as a run or a table, is left out and told.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..notebook.cell_log import CellLog, Definition, Execution
from ..notebook.scopes import bound_names, references
from ..notebook.source import LineState
from ..schema import Manifest
from . import rendering

TAGS = frozenset({"test", "tests"})
CARRIED = ("function", "class", "import")
HEADING = (
    '"""The tests of the notebook: its cells that are tagged `test` or that assert something, as they are there."""'
)


@dataclass
class CellTests:
    """The tests that a notebook's cells make.

    Attributes:
        text: The test module; empty where there are none.
        left_out: Cell to why it makes none.
    """

    text: str = ""
    left_out: dict[str, str] = field(default_factory=dict[str, str])


def cell_tests(
    log: CellLog, manifest: Manifest, package: str, tags: Mapping[str, Sequence[str]] | None = None
) -> CellTests:
    """The tests in the cells of a notebook.

    Args:
        log: Its executed cells.
        manifest: The bundle's manifest.
        package: The name that the bundle is imported by.
        tags: Cell id to the cell's tags, where they are known.
    """
    found = CellTests()
    module = TestModule(log, {segment.name: segment.module for segment in manifest.segments}, package)
    for execution in log.executions():
        if is_test(execution, (tags or {}).get(execution.cell.id, ())):
            reason = module.add(execution)
            if reason:
                found.left_out[f"cell {execution.cell.number or execution.cell.id}"] = reason
    found.text = module.text
    return found


def tags_of(notebook: str | None) -> dict[str, list[str]]:
    """Cell id to tags, as the notebook's file has them; empty where there is none at hand."""
    if notebook is None:
        return {}
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        return {str(cell["id"]): [str(tag) for tag in cell["metadata"].get("tags", [])] for cell in cells}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_test(execution: Execution, tags: Sequence[str]) -> bool:
    """Whether a cell is a test."""
    if execution.failed_line is not None or execution.cell.decorator or execution.parsed.error:
        return False
    asserts = any(isinstance(statement.node, ast.Assert) for statement in execution.parsed.statements)
    return asserts or (bool(TAGS & set(tags)) and bool(execution.parsed.statements))


class TestModule:
    """A test module as it grows.

    Args:
        log: The notebook's cells.
        bundled: Name to module of what the bundle defines.
        package: The name that the bundle is imported by.
    """

    __test__ = False

    def __init__(self, log: CellLog, bundled: Mapping[str, str], package: str) -> None:
        self.log = log
        self.bundled = bundled
        self.package = package
        self.imports: set[str] = set()
        self.carried: dict[str, str] = {}
        self.functions: list[str] = []

    def add(self, execution: Execution) -> str:
        """Adds a cell; gives why it can't be, or nothing."""
        if execution.parsed.magics:
            return "it has a magic"
        nodes = [statement.node for statement in execution.parsed.statements]
        own = set(bound_names(nodes))
        imports, carried = set[str](), dict[str, str]()
        wanted = {reference.name for node in nodes for reference in references(node)} - own
        reason = self.gather(wanted, imports, carried)
        if reason:
            return reason
        self.imports |= imports
        self.carried |= carried
        self.functions.append(function(len(self.functions) + 1, execution))
        return ""

    def gather(self, wanted: set[str], imports: set[str], carried: dict[str, str]) -> str:
        """Finds what names need; gives why one can't be had, or nothing."""
        todo, seen = sorted(wanted), set[str]()
        while todo:
            name = todo.pop()
            if name in seen or hasattr(builtins, name):
                continue
            seen.add(name)
            if name in self.bundled:
                imports.add(f"from {self.package}.{self.bundled[name]} import {name}")
                continue
            definition = next(iter(self.log.definitions(name)), None)
            if definition is None or not can_be_carried(definition):
                return f"it reads {name}, which the package does not have"
            carried[name] = definition.statement.text
            todo += sorted({reference.name for reference in references(definition.statement.node)} - {name})
        return ""

    @property
    def text(self) -> str:
        """The module; empty where no cell was added."""
        if not self.functions:
            return ""
        lines = [line for line in self.carried.values() if line.startswith(("import ", "from "))]
        others = [text for text in self.carried.values() if text not in lines]
        imports = "\n".join([*sorted(set(lines)), "", *sorted(self.imports)]).strip()
        return (
            "\n\n\n".join(part for part in [f"{HEADING}\n\n{imports}".strip(), *others, *self.functions] if part) + "\n"
        )


def can_be_carried(definition: Definition) -> bool:
    """Whether a definition of the notebook means the same elsewhere."""
    statement = definition.statement
    if statement.kind in CARRIED:
        return not (isinstance(statement.node, ast.ImportFrom) and statement.node.names[0].name == "*")
    value = getattr(statement.node, "value", None)
    return statement.kind == "assign" and value is not None and is_plain(value)


def is_plain(value: ast.expr) -> bool:
    """Whether an expression is a plain value written down."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return False
    return True


def function(number: int, execution: Execution) -> str:
    """A cell as a test function."""
    cell = execution.cell
    label = re.sub(r"[^a-z0-9]+", "_", cell.id.lower()).strip("_") if cell.id.isascii() else ""
    where = f"cell [{cell.number}]" if cell.number is not None else "cell"
    awaits = any(
        isinstance(node, ast.Await) for statement in execution.parsed.statements for node in own_scope(statement.node)
    )
    head = f"def test_{number:02}_{label[:40] or 'cell'}() -> None:\n    # {where}, id {rendering.comment(cell.id)}\n"
    if not awaits:
        return head + indented(cell.source, 4)
    body = indented(cell.source, 8)
    return f"{head}    import asyncio\n\n    async def cell() -> None:\n{body}\n\n    asyncio.run(cell())"


def own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the cell does."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from own_scope(child)


def indented(source: str, width: int) -> str:
    """Source moved to the right; lines inside of a string stay as they are."""
    state = LineState()
    lines: list[str] = []
    for line in source.replace("\r\n", "\n").rstrip().split("\n"):
        lines.append(line if state.quote or not line.strip() else " " * width + line)
        state.feed(line)
    return "\n".join(lines)
