"""What a name of the notebook stands for: the latest executed definition that the kernel still holds."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..schema import CellLocation
from . import diagnostics as rules
from .cell_log import CellLog, Definition
from .diagnostics import Rule
from .live import defines, function_of, import_path, made_here, similar
from .scopes import FunctionNode

NOTEBOOK_ONLY = re.compile(r"get_ipython|display|exit|quit|In|Out|_dh|_ih|_oh|_{1,3}|_i{0,3}|_i?\d+")
INSTEAD = {
    "get_ipython": "magics and shell commands need a kernel; use Python",
    "display": "return the value and display it in a cell",
}
MODULE_NAMES = frozenset({"__name__", "__doc__", "__file__", "__package__", "__spec__", "__builtins__", "__debug__"})


@dataclass(frozen=True, slots=True)
class Builtin:
    """A name that Python itself defines."""

    name: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import binds.

    Attributes:
        attribute: What is taken from the module; None where the name is the module (or its root package).
        bound_root: Whether `import a.b` bound the root `a`, so that submodules come by attribute.
        definitions: The import statements that bind the name.
    """

    name: str
    module: str
    attribute: str | None = None
    bound_root: bool = False
    submodules: tuple[str, ...] = ()
    live: object = None
    location: CellLocation | None = field(default=None, compare=False)

    @property
    def dotted(self) -> str:
        """The full name of what is imported."""
        return f"{self.module}.{self.attribute}" if self.attribute else self.module


@dataclass(frozen=True, eq=False, slots=True)
class Defined:
    """A name that a statement of the notebook defines."""

    name: str
    definition: Definition
    live: object
    function: FunctionNode | None = None


@dataclass(frozen=True, eq=False, slots=True)
class LiveValue:
    """A value in the kernel that no statement accounts for."""

    name: str
    live: object
    definition: Definition | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Missing:
    """A name that can't be bundled, and why."""

    name: str
    rule: Rule
    values: dict[str, object] = field(default_factory=dict[str, object])


Binding = Builtin | Imported | Defined | LiveValue | Missing


class Names:
    """Looks names up in the notebook; each name once."""

    def __init__(self, cells: CellLog, namespace: Mapping[str, object]) -> None:
        self.cells = cells
        self.namespace = namespace
        self._known: dict[str, Binding] = {}

    def __getitem__(self, name: str) -> Binding:
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def _look_up(self, name: str) -> Binding:
        if name in MODULE_NAMES:
            return Builtin(name)
        if name not in self.namespace:
            return self._absent(name)
        live = self.namespace[name]
        definitions = self.cells.definitions(name)
        if not definitions:
            return self._undocumented(name, live)
        return self._documented(name, live, definitions)

    def _absent(self, name: str) -> Binding:
        if NOTEBOOK_ONLY.fullmatch(name):
            return notebook_only(name)
        deleted, failed = self.cells.deleted(name), self.cells.failed_definition(name)
        if deleted:
            return Missing(name, rules.DELETED, {"name": name, "place": deleted.location})
        if failed:
            return Missing(name, rules.FAILED, {"name": name, "place": failed.location})
        noticed = self.cells.noticed_definition(name)
        if noticed:
            return Missing(
                name, rules.NOT_EXECUTED, {"name": name, "place": f"line {noticed.line}: {noticed.source_line}"}
            )
        if hasattr(builtins, name):
            return Builtin(name)
        for star in self.cells.star_imports():
            module = star_module(star)
            if module not in sys.modules and not can_be_found(module):
                return Missing(name, rules.WILDCARD, {"name": name, "module": module})
        return Missing(name, rules.UNDEFINED, {"name": name})

    def _undocumented(self, name: str, live: object) -> Binding:
        """A name without any definition in a cell: star imports, magics, start-up files, exec."""
        if NOTEBOOK_ONLY.fullmatch(name):
            return notebook_only(name)
        for star in self.cells.star_imports():
            module = star_module(star)
            if star.executed and getattr(sys.modules.get(module), name, Missing) is live:
                return Imported(name, module, name, live=live, location=star.location)
        path = import_path(name, live)
        if hasattr(builtins, name) and (path is None or path[0].startswith("IPython")):
            return Builtin(name)
        if path:
            return Imported(name, path[0], path[1], live=live)
        if isinstance(live, type) or function_of(live):
            return Missing(name, rules.RUN_TIME_CODE, {"name": name})
        return LiveValue(name, live)

    def _documented(self, name: str, live: object, definitions: list[Definition]) -> Binding:
        for definition in definitions:
            found = self._by_statement(name, live, definition)
            if found:
                return found
        latest = definitions[0]
        if latest.statement.kind == "opaque":
            return LiveValue(name, live, latest)
        if (function_of(live) and made_here(live)) or any(d.statement.kind == "function" for d in definitions[:1]):
            return self._replaced(name, live, latest)
        path = import_path(name, live)
        if path and (path[1] is None or isinstance(live, type) or function_of(live)):
            return Imported(name, path[0], path[1], live=live)
        return LiveValue(name, live, latest)

    def _replaced(self, name: str, live: object, latest: Definition) -> Binding:
        """A function whose code is no definition's: changed by an AST transformer, or made by exec."""
        node = next((n for n in [latest.statement.node] if isinstance(n, FunctionNode)), None)
        if node and similar(node, live):
            return Defined(name, latest, live, node)
        if function_of(live):
            return Missing(name, rules.RUN_TIME_CODE, {"name": name})
        return LiveValue(name, live, latest)

    def _by_statement(self, name: str, live: object, definition: Definition) -> Binding | None:
        statement = definition.statement
        if statement.kind == "import":
            return self._imported(name, live, definition)
        if statement.kind == "opaque":
            return None
        if statement.kind == "class":
            return Defined(name, definition, live) if is_class_of(name, live) else None
        if statement.kind == "function" and not callable(live) and not function_of(live):
            return None
        function = defines(statement, name, live)
        if statement.kind == "function":
            return Defined(name, definition, live, function) if function else None
        return Defined(name, definition, live, function)

    def _imported(self, name: str, live: object, definition: Definition) -> Imported | None:
        node = definition.statement.node
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else []:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                return self._alias(name, live, definition, node, alias)
        return None

    def _alias(
        self, name: str, live: object, definition: Definition, node: ast.stmt, alias: ast.alias
    ) -> Imported | None:
        location = definition.execution.location(node.lineno)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            return Imported(name, module, alias.name, live=live, location=location)
        if alias.asname:
            return Imported(name, alias.name, live=live, location=location)
        if isinstance(live, types.ModuleType) and live.__name__ != name:
            return None
        return Imported(name, name, bound_root=True, submodules=self._submodules(name), live=live, location=location)

    def _submodules(self, root: str) -> tuple[str, ...]:
        """The submodules of a package that any executed `import root.sub` loads."""
        found = {
            alias.name
            for definition in self.cells.definitions(root)
            if isinstance(definition.statement.node, ast.Import)
            for alias in definition.statement.node.names
            if alias.name.startswith(f"{root}.") and not alias.asname
        }
        return tuple(sorted(found))


def notebook_only(name: str) -> Missing:
    """The refusal of a name that only a kernel has."""
    instead = INSTEAD.get(name, "assign what you need to a name of its own, or pass it as an argument")
    return Missing(name, rules.NOTEBOOK_ONLY, {"name": name, "instead": instead})


def is_class_of(name: str, live: object) -> bool:
    """Whether a live object can be what a class statement of this name made."""
    return not isinstance(live, type) or live.__name__ == name or not made_here(live)


def star_module(definition: Definition) -> str:
    """The module that a `from module import *` names."""
    node = definition.statement.node
    return (node.module or "") if isinstance(node, ast.ImportFrom) else ""


def can_be_found(module: str) -> bool:
    """Whether a module could be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
