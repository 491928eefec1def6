"""Follows what a workflow reads, name by name, to everything it needs."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import cast

from ..schema import CellLocation
from . import diagnostics as rules
from .bindings import Builtin, Defined, Imported, LiveValue, Missing, Names
from .captured import capture
from .cell_log import CellLog, Definition
from .constants import Constants, Refusal, is_value
from .determinism import findings as determinism_findings
from .determinism import state_changes
from .diagnostics import Findings
from .effects import dotted
from .items import CapturedValue, Item
from .live import compiled, function_nodes, function_of, same_code
from .scopes import FunctionNode, Reference, references
from .values import assignment
from .workflow_code import FunctionCode

LOADED = "load_captured"


class Gathering:
    """The items and imports that some workflows need; what can't be bundled becomes a finding.

    Attributes:
        items: By name; an item that defines several names is there under each.
        instead: Plain data in the place of what the notebook's constants are.
    """

    def __init__(
        self,
        cells: CellLog,
        namespace: Mapping[str, object],
        capturing: Sequence[str],
        instead: Mapping[str, object] | None = None,
    ) -> None:
        self.cells = cells
        self.names = Names(cells, namespace)
        self.findings = Findings()
        self.items: dict[str, Item] = {}
        self.imports: dict[str, Imported] = {}
        self.captured: list[CapturedValue] = []
        self.instead = dict(instead or {})
        self._capturing = list(capturing)
        self._constants = Constants(self.names, self.calm)
        self._refused: set[str] = set()
        self._judging: set[str] = set()
        self._waiting: list[Item] = []
        self._code: dict[Item, FunctionCode] = {}
        self._own_states: dict[str, tuple[Refusal, CellLocation | None]] = {}

    def gather(self, roots: Sequence[str]) -> None:
        """Follows everything that `roots` read."""
        for name in self._capturing:
            if name not in self.names.namespace:
                self.findings.add(rules.NO_CAPTURE, None, name=name)
        for root in roots:
            self._need(root, None)
        while self._waiting:
            item = self._waiting.pop(0)
            for read in item.reads:
                self._need(read.name, self._place(item, read), read, item)
        self._check_own_states()
        for name in self._capturing:
            if name in self.names.namespace and name not in {value.name for value in self.captured} | self._refused:
                self.findings.add(rules.NOT_NEEDED, None, name=name)

    def _check_own_states(self) -> None:
        """A value that is not what its definition gives is refused, unless a bundled function changes it by itself."""
        if not self._own_states:
            return
        changed: set[str] = set()
        for item in self.items.values():
            if item.function is not None and item.definition is not None:
                changed.update(name for _, name in state_changes(self.code_of(item)))
        for name, (refusal, location) in self._own_states.items():
            if name not in changed:
                self.findings.add(refusal.rule, location, **refusal.values)

    def _place(self, item: Item, read: Reference) -> CellLocation | None:
        return item.definition.execution.location(read.line, read.column) if item.definition else None

    def _need(
        self, name: str, location: CellLocation | None, read: Reference | None = None, reader: Item | None = None
    ) -> None:
        if name in self.items or name in self.imports or name in self._refused:
            return
        binding = self.names[name]
        if name in self._capturing and not isinstance(binding, Builtin | Missing):
            self._capture(name, location)
        elif isinstance(binding, Missing):
            self._missing(binding, location, read, reader)
        elif isinstance(binding, Imported):
            self.imports[name] = binding
        elif isinstance(binding, LiveValue) or (isinstance(binding, Defined) and is_value(binding)):
            self._value(binding, location)
        elif isinstance(binding, Defined):
            self._definition(binding, location)

    def _missing(
        self, binding: Missing, location: CellLocation | None, read: Reference | None, reader: Item | None
    ) -> None:
        base = read is not None and reader is not None and is_base(reader.node, read)
        if base and reader and binding.rule is rules.UNDEFINED:
            self.findings.add(rules.BASE, location, name=reader.name, base=binding.name)
        elif not (read and read.annotation and not read.eager and is_local_annotation(reader, read)):
            self.findings.add(binding.rule, location, **binding.values)
        self._refused.add(binding.name)

    def _capture(self, name: str, location: CellLocation | None) -> None:
        live = self.names.namespace[name]
        value = capture(name, live, location, self.findings)
        if value is None:
            self._refused.add(name)
            return
        self.captured.append(value)
        definitions = self.cells.definitions(name)
        source = f'{name} = {LOADED}("{value.digest}")'
        self._enter(Item((name,), "constant", source, definitions[0] if definitions else None, live, verbatim=False))

    def _value(self, binding: Defined | LiveValue, location: CellLocation | None) -> None:
        if binding.name in self.instead:
            value = self.instead[binding.name]
            definition = binding.definition if isinstance(binding, Defined) else None
            source = assignment(binding.name, value)
            self._enter(Item((binding.name,), "constant", source, definition, value, verbatim=False))
            return
        verdict = self._constants.judge(binding)
        if verdict.refusal:
            self.findings.add(verdict.refusal.rule, location, **verdict.refusal.values)
            self._refused.add(binding.name)
            return
        if verdict.warning:
            self.findings.add(verdict.warning.rule, location, **verdict.warning.values)
        if verdict.item:
            self._enter(verdict.item)
        if verdict.own_state:
            self._own_states[binding.name] = (verdict.own_state, location)

    def _definition(self, binding: Defined, location: CellLocation | None) -> None:
        statement = binding.definition.statement
        if statement.kind == "block":
            self._value(binding, location)
            return
        change = self._constants.change_after(binding.definition, attributes_only=True)
        if change:
            self.findings.add(rules.CLASS_CHANGED, change.location, name=binding.name, place=f" ({change.location})")
        role = "class" if statement.kind == "class" else "helper"
        item = Item((binding.name,), role, statement.text, binding.definition, binding.live, binding.function)
        self._enter(item)

    def _enter(self, item: Item) -> None:
        node = item.node
        if item.verbatim and node is not None:
            item.reads = references(node, postponed=self.cells.future_annotations)
            self._magics(item)
        for name in item.names:
            self.items.setdefault(name, item)
        self._waiting.append(item)
        if item.function is not None and hasattr(item.live, "registry"):
            self._registrations(item)

    def _registrations(self, item: Item) -> None:
        """The implementations of a `functools.singledispatch` function, which no name leads to."""
        registry: object = getattr(item.live, "registry", None)
        live = list(cast("Mapping[type, object]", registry).values()) if isinstance(registry, Mapping) else []
        latest_first = reversed(self.cells.registrations(item.name))
        known = [(found, node) for found in latest_first for node in function_nodes(found.statement.node, found.name)]
        own = function_of(item.live)
        for implementation in dict.fromkeys(live):
            function = function_of(implementation)
            if function is None or function is own:
                continue
            match = next(((d, n) for d, n in known if same_code(compiled(n), function.__code__)), None)
            if match is None:
                self.findings.add(rules.RUN_TIME_CODE, item.location, name=f"an implementation of {item.name}")
                continue
            self._register(item, implementation, *match)

    def _register(self, item: Item, live: object, definition: Definition, node: FunctionNode) -> None:
        # No name of Python's has a colon: nothing but the function itself leads to its implementations.
        key = f"{item.name}:{definition.statement.text}"
        if key not in self.items:
            self._enter(Item((key,), "helper", definition.statement.text, definition, live, node))
            item.reads = [*item.reads, Reference(key, key, node.lineno, 1, eager=False, annotation=False)]

    def _magics(self, item: Item) -> None:
        """Magics inside a definition need a kernel."""
        definition = item.definition
        for line, text in definition.execution.parsed.magics.items() if definition else ():
            if definition and definition.statement.start_line <= line <= definition.statement.end_line:
                self.findings.add(
                    rules.NOTEBOOK_ONLY,
                    definition.execution.location(line),
                    name=text.strip(),
                    instead="magics and shell commands need a kernel; use Python",
                )

    def code_of(self, item: Item) -> FunctionCode:
        """The code of an item that is a function."""
        known = self._code.get(item)
        if known is None:
            assert item.function is not None
            assert item.definition is not None
            known = self._code[item] = FunctionCode(item.name, item.function, item.definition.execution, self.names)
        return known

    def calm(self, name: str) -> str | None:
        """What calling a function or class of the notebook would do that can't be done again; None for nothing."""
        binding = self.names[name]
        if name in self._judging or not isinstance(binding, Defined):
            return None
        self._judging.add(name)
        try:
            return self._restless(binding)
        finally:
            self._judging.discard(name)

    def _restless(self, binding: Defined) -> str | None:
        node = binding.function or binding.definition.statement.node
        if not isinstance(node, FunctionNode | ast.ClassDef):
            return None
        code = FunctionCode(binding.name, node, binding.definition.execution, self.names)
        for finding in determinism_findings(code):
            if finding.rule.severity == "error":
                return f"uses {finding.name}"
        for read in code.reads:
            inner = self.calm(read.name)
            if inner:
                return inner
        return None


def is_base(node: ast.stmt | None, read: Reference) -> bool:
    """Whether a reference is one of a class's bases."""
    if not isinstance(node, ast.ClassDef):
        return False
    return any(read.node in list(ast.walk(base)) for base in node.bases) and dotted(node.bases[0]) is not None


def is_local_annotation(reader: Item | None, read: Reference) -> bool:
    """Whether an annotation belongs to a variable inside a function, where Python never evaluates it."""
    if reader is None or reader.function is None:
        return False
    first = reader.function.body[0].lineno
    return read.line >= first
