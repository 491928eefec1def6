"""Facts of syntax trees, worked out once for each tree: a cell's tree lives as long as its source is known."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
N = TypeVar("N", bound=ast.AST)


def once_per_node(work: Callable[[N], T]) -> Callable[[N], T]:
    """Keeps what `work` gives in the node it was given."""
    key = f"_known_{work.__module__.rpartition('.')[2]}_{work.__name__}"

    @functools.wraps(work)
    def kept(node: N) -> T:
        known = vars(node)
        if key not in known:
            known[key] = work(node)
        return known[key]

    return kept


@once_per_node
def nodes(node: ast.AST) -> tuple[ast.AST, ...]:
    """The node and all nodes below it."""
    return tuple(ast.walk(node))


@once_per_node
def owners(node: ast.AST) -> frozenset[int]:
    """The identities of the nodes that an attribute is read from: in `a.b.c` those of `a.b` and `a`."""
    return frozenset(id(part.value) for part in nodes(node) if isinstance(part, ast.Attribute))


@once_per_node
def imports(node: ast.AST) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The import statements below a node."""
    return tuple(part for part in nodes(node) if isinstance(part, ast.Import | ast.ImportFrom))


@once_per_node
def behaviour(node: ast.AST) -> str:
    """The tree as text without docstrings; comments and layout are not in it anyway."""
    documented = [part for part in nodes(node) if docstring(part)]
    kept = [(part, part.body) for part in documented if isinstance(part, DOCUMENTED)]
    try:
        for part, body in kept:
            # A body may not be empty; `...` does what a docstring does.
            part.body = body[1:] or [ast.Expr(ast.Constant(...))]
        return ast.dump(node)
    finally:
        for part, body in kept:
            part.body = body


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring(node: ast.AST) -> str | None:
    """The docstring of a module, class or function."""
    return ast.get_docstring(node, clean=False) if isinstance(node, DOCUMENTED) else None
