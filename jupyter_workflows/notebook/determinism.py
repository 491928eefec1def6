"""What workflow code must not do, because a worker replays it: clocks, chance, files, networks, threads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from . import diagnostics as rules
from .cell_log import MUTATORS, root_name
from .diagnostics import Rule
from .effects import dotted
from .forbidden import METHODS, PATH_METHODS, SEEDED, forbidden
from .syntax import nodes, once_per_node, owners
from .workflow_code import FunctionCode, full_name_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a function does that a replay can't repeat."""

    rule: Rule
    node: ast.AST
    name: str


def findings(code: FunctionCode) -> Iterator[Finding]:
    """All that a function of workflow code does that a replay can't repeat."""
    node = code.node
    # In `random.choice` the whole is judged, not `random` alone; types in annotations call nothing.
    skipped = annotation_nodes(node) | owners(node)
    for part in nodes(node):
        yield from node_findings(code, part, judged=id(part) not in skipped)
    yield from state_findings(code)
    yield from set_findings(code)


@once_per_node
def annotation_nodes(node: ast.AST) -> set[int]:
    """The nodes that stand in annotations and `except` clauses: they name types and call nothing."""
    found: set[int] = set()
    for part in nodes(node):
        types = [getattr(part, "annotation", None), getattr(part, "returns", None)]
        if isinstance(part, ast.ExceptHandler):
            types.append(part.type)
        for annotation in filter(None, types):
            found.update(id(inner) for inner in ast.walk(annotation))
    return found


def node_findings(code: FunctionCode, node: ast.AST, *, judged: bool) -> Iterator[Finding]:
    """What one node does."""
    if isinstance(node, ast.Attribute | ast.Name):
        full = code.full_name(node) if judged and isinstance(node.ctx, ast.Load) else None
        found = forbidden(full) if full else None
        if full and found:
            yield Finding(found, node, dotted(node) or full)
    elif isinstance(node, ast.Call):
        yield from call_findings(code, node)


def call_findings(code: FunctionCode, node: ast.Call) -> Iterator[Finding]:
    """What one call does that its name alone does not tell."""
    full = code.full_name(node.func)
    if full in SEEDED and not node.args and not node.keywords:
        yield Finding(rules.RANDOM, node, f"{dotted(node.func)}() without a seed")
    if full is None and isinstance(node.func, ast.Attribute):
        method = node.func.attr
        rule = METHODS.get(method)
        if rule is None and method in PATH_METHODS and is_path(code, node.func.value):
            rule = rules.FILES
        if rule:
            yield Finding(rule, node, f".{method}()")


def is_path(code: FunctionCode, node: ast.expr) -> bool:
    """Whether an expression is a path: `Path(...)`, something divided, or a variable given one."""
    if isinstance(node, ast.Call):
        return code.full_name(node.func) in ("pathlib.Path", "pathlib.PosixPath")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return is_path(code, node.left)
    if isinstance(node, ast.Name):
        if code.is_global(node):
            return "Path" in type(code.names.namespace.get(node.id)).__name__
        assigned = (part for part in nodes(code.node) if isinstance(part, ast.Assign))
        return any(
            isinstance(target, ast.Name) and target.id == node.id and is_path(code, part.value)
            for part in assigned
            for target in part.targets
            if not isinstance(part.value, ast.Name)
        )
    return False


def state_findings(code: FunctionCode) -> Iterator[Finding]:
    """Assignments to globals and changes of the notebook's values."""
    for node, name in state_changes(code):
        yield Finding(rules.GLOBAL if isinstance(node, ast.Global) else rules.SHARED_STATE, node, name)


def state_changes(code: FunctionCode) -> Iterator[tuple[ast.AST, str]]:
    """Where a function assigns globals or changes the notebook's values, and which."""
    body = code.node.body if isinstance(code.node.body, list) else [code.node.body]
    for statement in body:
        for part in nodes(statement):
            if isinstance(part, ast.Global):
                yield from ((part, name) for name in part.names)
            name = changed_global(code, part)
            if name:
                yield part, name


def changed_global(code: FunctionCode, node: ast.AST) -> str | None:
    """The notebook's value that a node changes in place."""
    target: ast.AST | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        target = node.func.value
    elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        target = node
    root = target
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    if not isinstance(root, ast.Name) or not code.is_global(root) or root_name(root) is None:
        return None
    # A module's or a library's function called `update` or `add` changes nothing of the notebook's.
    return None if full_name_of(code.names, root.id) else root.id


def set_findings(code: FunctionCode) -> Iterator[Finding]:
    """Loops whose order is a set's."""
    sets = set_variables(code)
    for part in nodes(code.node):
        iterated = part.iter if isinstance(part, ast.For | ast.comprehension) else ordered_argument(code, part)
        if iterated is not None and is_set(code, iterated, sets):
            yield Finding(rules.SET_ORDER, iterated, "set")


def ordered_argument(code: FunctionCode, node: ast.AST) -> ast.expr | None:
    """What a call turns into a sequence."""
    if isinstance(node, ast.Call) and node.args and code.full_name(node.func) in ("builtins.list", "builtins.tuple"):
        return node.args[0]
    return None


def is_set(code: FunctionCode, node: ast.expr, variables: set[str]) -> bool:
    """Whether an expression is a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return code.full_name(node.func) in ("builtins.set", "builtins.frozenset")
    if isinstance(node, ast.Name):
        if code.is_global(node):
            return isinstance(code.names.namespace.get(node.id), set | frozenset)
        return node.id in variables
    return False


def set_variables(code: FunctionCode) -> set[str]:
    """The variables that are only ever given sets."""
    given: dict[str, list[bool]] = {}
    for part in nodes(code.node):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Name):
                    given.setdefault(target.id, []).append(is_set(code, part.value, set()))
    return {name for name, sets in given.items() if all(sets)}
