"""One function of a workflow's code, with its names told apart: the notebook's, its own, the library's."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..authoring import Activity, Workflow
from ..schema import CellLocation
from .bindings import Builtin, Defined, Imported, LiveValue, Names
from .cell_log import Execution
from .effects import dotted
from .live import Callee
from .scopes import FunctionNode, Reference, references
from .syntax import imports

PACKAGE = "jupyter_workflows"


@dataclass(frozen=True, eq=False, slots=True)
class Called:
    """What a name of the notebook is, where it is called.

    Attributes:
        name: The name under which the function itself is defined, aliases followed.
    """

    name: str
    kind: Callee
    binding: Defined | Imported
    made: str | None = None


@dataclass(eq=False)
class FunctionCode:
    """A function's syntax tree with what its names mean.

    Attributes:
        execution: The cell it stands in.
        reads: The notebook's names it reads.
    """

    name: str
    node: FunctionNode | ast.Lambda | ast.ClassDef
    execution: Execution
    names: Names
    reads: list[Reference] = field(init=False)
    imports: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.reads = references(self.node)
        self._global_nodes = {id(reference.node) for reference in self.reads if reference.node}
        self.imports = dict(local_imports(self.node))
        self._full_names: dict[int, str | None] = {}

    def is_global(self, node: ast.Name) -> bool:
        """Whether a `Name` node of this function reads the notebook's namespace."""
        return id(node) in self._global_nodes

    def location(self, node: ast.AST) -> CellLocation:
        """Where a node of this function stands."""
        return self.execution.location(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)

    def full_name(self, node: ast.expr) -> str | None:
        """The full dotted name of what an expression names: `numpy.random.rand`, `builtins.open`."""
        if id(node) not in self._full_names:
            self._full_names[id(node)] = self._full_name(node)
        return self._full_names[id(node)]

    def _full_name(self, node: ast.expr) -> str | None:
        text = dotted(node)
        if text is None:
            return None
        root, _, rest = text.partition(".")
        name_node = root_node(node)
        if name_node is not None and self.is_global(name_node):
            known = full_name_of(self.names, root)
        else:
            known = self.imports.get(root)
        if known is None:
            return None
        return f"{known}.{rest}" if rest else known

    def called(self, node: ast.expr) -> Called | None:
        """The notebook function, step or workflow that a name means."""
        if isinstance(node, ast.Name) and self.is_global(node):
            return called_by(self.names, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and self.is_global(node.value):
            return called_in_module(self.names, node.value.id, node.attr)
        return None


def root_node(node: ast.expr) -> ast.Name | None:
    """The name a dotted expression starts with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def local_imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What imports inside a function bind: name to full dotted name."""
    for part in imports(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                root = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        elif part.module and not part.level:
            for alias in part.names:
                yield alias.asname or alias.name, f"{part.module}.{alias.name}"


def full_name_of(names: Names, name: str, depth: int = 0) -> str | None:
    """The full dotted name of what a name of the notebook was imported as, aliases followed."""
    binding = names[name]
    if isinstance(binding, Builtin):
        return f"builtins.{name}"
    if isinstance(binding, Imported):
        return binding.dotted
    if isinstance(binding, LiveValue | Defined) and isinstance(binding.live, types.ModuleType):
        return binding.live.__name__
    if isinstance(binding, Defined):
        value = alias_target(binding)
        target = dotted(value) if value is not None else None
        if target and depth < 10:
            root, _, rest = target.partition(".")
            known = full_name_of(names, root, depth + 1)
            return f"{known}.{rest}" if known and rest else known
        return dict(local_imports(binding.definition.statement.node)).get(name)
    return None


def alias_target(binding: Defined) -> ast.expr | None:
    """The right side of a plain `name = expression`."""
    node = binding.definition.statement.node
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.value
    return None


def called_by(names: Names, name: str, depth: int = 0) -> Called | None:
    """The function behind a name of the notebook, aliases followed."""
    binding = names[name]
    if isinstance(binding, Imported):
        kind = step_kind(binding.live)
        return Called(name, kind, binding) if kind else None
    if not isinstance(binding, Defined):
        return None
    value = alias_target(binding)
    if isinstance(value, ast.Name) and depth < 10:
        return called_by(names, value.id, depth + 1)
    kind = step_kind(binding.live)
    if binding.function is not None:
        plain: Callee = "async" if isinstance(binding.function, ast.AsyncFunctionDef) else "sync"
        return Called(name, kind or plain, binding)
    if kind:
        return Called(name, kind, binding)
    if value is not None and isinstance(value, ast.Lambda):
        return Called(name, "sync", binding, made="a lambda")
    if isinstance(binding.live, types.FunctionType):
        return Called(name, "sync", binding, made="made by another function")
    return None


def called_in_module(names: Names, root: str, attribute: str) -> Called | None:
    """A step that is reached as an attribute of an imported module: `steps.extract`."""
    binding = names[root]
    if not isinstance(binding, Imported) or not isinstance(binding.live, types.ModuleType):
        return None
    kind = step_kind(vars(binding.live).get(attribute))
    return Called(f"{root}.{attribute}", kind, binding) if kind else None


def step_kind(live: object) -> Callee | None:
    """Whether a live object is a step of ours."""
    if isinstance(live, Activity):
        return "activity"
    return "workflow" if isinstance(live, Workflow) else None
