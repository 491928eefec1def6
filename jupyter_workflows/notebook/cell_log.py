"""What was executed, in order: which definition of a name is the latest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..schema import CellLocation
from .scopes import FunctionNode
from .source import Cell, ParsedCell, Statement, parse_cell

# How many earlier definitions of a name are kept: enough to find the one the kernel still holds.
DEFINITIONS_KEPT = 8


@dataclass(eq=False, slots=True)
class Execution:
    """One execution of a cell.

    Attributes:
        order: Larger is later.
        failed_line: The line it failed at: that statement and those after it have defined nothing.
    """

    cell: Cell
    parsed: ParsedCell
    order: int
    failed_line: int | None = None

    def location(self, line: int, column: int | None = None) -> CellLocation:
        """A place in this cell."""
        return CellLocation(
            cell_id=self.cell.id,
            cell_number=self.cell.number,
            line=line,
            column=column,
            source_line=self.parsed.line(line),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Definition:
    """One statement of one execution, as the definition of `name`."""

    name: str
    statement: Statement
    execution: Execution

    @property
    def executed(self) -> bool:
        """Whether the statement was reached and ended without an exception."""
        failed = self.execution.failed_line
        return failed is None or self.statement.end_line < failed

    @property
    def location(self) -> CellLocation:
        """Where the definition stands."""
        return self.execution.location(self.statement.node.lineno)

    @property
    def newer_than(self) -> tuple[int, int]:
        """A key that orders definitions by when they were executed."""
        return (self.execution.order, self.statement.start_line)


class CellLog:
    """The cells of a kernel in the order they were executed.

    Re-executed and edited cells count with what they defined last; a name that an edited cell no longer
    defines keeps its last definition, as it does in the kernel.
    """

    def __init__(self) -> None:
        self._order = 0
        self._executions: dict[tuple[str, str], Execution] = {}
        self._definitions: dict[str, list[Definition]] = {}
        self._deleted: dict[str, Definition] = {}
        self._stars: list[Definition] = []
        self._changes: dict[str, list[Definition]] = {}
        self._registrations: dict[str, list[Definition]] = {}
        self._noticed: dict[str, Cell] = {}
        self.future_annotations = False

    def record(self, cell: Cell, *, failed_line: int | None = None) -> Execution:
        """Notes that a cell is executed now.

        Args:
            cell: The cell.
            failed_line: The line of the cell it failed at; 0 if nothing of it ran.
        """
        self._order += 1
        self._noticed.pop(cell.id, None)
        execution = Execution(cell, parse_cell(cell.source), self._order, failed_line)
        earlier = self._executions.pop((cell.id, cell.source), None)
        if earlier:
            self._forget(earlier)
        self._executions[cell.id, cell.source] = execution
        self.future_annotations |= execution.parsed.future_annotations
        for statement in execution.parsed.statements:
            self._enter(statement, execution)
        return execution

    def fail(self, execution: Execution, line: int = 0) -> None:
        """Notes that an execution failed at a line (0: before its first statement)."""
        execution.failed_line = line

    def notice(self, cell: Cell) -> None:
        """Notes a cell that is in the notebook and was not executed, so that a refusal can name it."""
        self._noticed[cell.id] = cell

    def executions(self) -> list[Execution]:
        """The latest execution of each cell as it was last, in the order they were executed."""
        latest = {execution.cell.id: execution for execution in self._executions.values()}
        return sorted(latest.values(), key=lambda execution: execution.order)

    def definitions(self, name: str) -> list[Definition]:
        """The executed definitions of a name, the latest first."""
        return [definition for definition in reversed(self._definitions.get(name, [])) if definition.executed]

    def failed_definition(self, name: str) -> Definition | None:
        """The latest definition of a name that its cell did not come to."""
        return next((found for found in reversed(self._definitions.get(name, [])) if not found.executed), None)

    def deleted(self, name: str) -> Definition | None:
        """The `del` statement of a name, if one was executed."""
        return self._deleted.get(name)

    def star_imports(self) -> Iterator[Definition]:
        """All `from module import *`, the latest first."""
        return reversed(self._stars)

    def changes(self, name: str) -> list[Definition]:
        """The statements at the top of cells that change what a name holds, in the order they were executed."""
        return self._changes.get(name, [])

    def registrations(self, name: str) -> list[Definition]:
        """The functions that are decorated by an attribute of a name, such as `@name.register`."""
        return self._registrations.get(name, [])

    def noticed_definition(self, name: str) -> CellLocation | None:
        """Where a cell that was not executed defines a name."""
        for cell in self._noticed.values():
            parsed = parse_cell(cell.source)
            for statement in parsed.statements:
                if name in statement.names:
                    line = statement.node.lineno
                    return CellLocation(cell_id=cell.id, line=line, source_line=parsed.line(line))
        return None

    def _enter(self, statement: Statement, execution: Execution) -> None:
        for name in statement.names:
            self._deleted.pop(name, None)
            known = self._definitions.setdefault(name, [])
            known.append(Definition(name, statement, execution))
            del known[:-DEFINITIONS_KEPT]
        node = statement.node
        if isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._deleted[target.id] = Definition(target.id, statement, execution)
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            self._stars.append(Definition("*", statement, execution))
        for name in changed_names(node):
            self._changes.setdefault(name, []).append(Definition(name, statement, execution))
        if isinstance(node, FunctionNode):
            for decorator in node.decorator_list:
                made_by = decorator.func if isinstance(decorator, ast.Call) else decorator
                name = root_name(made_by) if isinstance(made_by, ast.Attribute) else None
                if name:
                    self._registrations.setdefault(name, []).append(Definition(node.name, statement, execution))

    def _forget(self, execution: Execution) -> None:
        for statement in execution.parsed.statements:
            for name in statement.names:
                kept = [found for found in self._definitions.get(name, []) if found.execution is not execution]
                self._definitions[name] = kept
            for name in changed_names(statement.node):
                changes = [found for found in self._changes.get(name, []) if found.execution is not execution]
                self._changes[name] = changes
        self._stars = [found for found in self._stars if found.execution is not execution]


MUTATORS = frozenset(
    "append extend insert remove pop popitem clear update setdefault sort reverse add discard appendleft extendleft "
    "rotate subtract intersection_update difference_update symmetric_difference_update".split()
)


def changed_names(node: ast.AST) -> Iterator[str]:
    """The names whose value a statement changes in place: item and attribute assignments, `+=`, `.append(...)`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    target = changed_target(node)
    if target:
        yield target
    for child in ast.iter_child_nodes(node):
        yield from changed_names(child)


def changed_target(node: ast.AST) -> str | None:
    """The name whose value this one node changes in place."""
    if isinstance(node, ast.Call):
        changes = isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS
        return root_name(node.func) if changes else None
    if isinstance(node, ast.AugAssign):
        return root_name(node.target)
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return root_name(node)
    return None


def root_name(node: ast.AST) -> str | None:
    """The name that a chain of attributes and subscripts starts with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
