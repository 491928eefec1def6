"""Which values of a cell certainly can't be stored, as far as its source and what is imported tell; before it runs."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .cell_names import CellNames

# Functions that open something and don't say so by their annotations, by root module and name.
OPENING = {
    ("io", "open"): "an open file",
    ("sqlite3", "connect"): "an open connection",
    ("duckdb", "connect"): "an open connection",
    ("psycopg", "connect"): "an open connection",
    ("psycopg2", "connect"): "an open connection",
    ("sqlalchemy", "create_engine"): "a database engine",
    ("socket", "create_connection"): "an open socket",
    ("asyncio", "create_task"): "a task that runs",
}
Fits = Callable[[type], bool]


@dataclass(frozen=True)
class Foreseen:
    """A variable whose value can't be stored.

    Attributes:
        about: What the value will be, as a sentence's end.
    """

    name: str
    about: str
    line: int


def foreseen(names: CellNames, namespace: Mapping[str, object], refused: Fits) -> Iterator[Foreseen]:
    """The variables at the top of a cell that will certainly hold something which can't be stored.

    Args:
        names: The cell.
        namespace: The notebook's live names, for what calls and annotations mean.
        refused: Whether no instance of a class can be stored.
    """
    for node in names.assigned:
        for name, about in judged(node, namespace, refused):
            yield Foreseen(name, about, node.lineno)


def judged(node: ast.stmt, namespace: Mapping[str, object], refused: Fits) -> Iterator[tuple[str, str]]:
    """What one assignment gives names that can't be stored."""
    if isinstance(node, ast.AnnAssign):
        targets, value = [node.target], node.value
        annotated = resolved(node.annotation, namespace)
        if isinstance(annotated, type) and refused(annotated):
            yield from ((name, f"is a {annotated.__name__}") for name in plain_names(targets))
            return
    elif isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    else:
        return
    about = judged_value(value, namespace, refused)
    if about:
        yield from ((name, about) for name in plain_names(targets))


def judged_value(value: ast.expr | None, namespace: Mapping[str, object], refused: Fits) -> str:
    """What an expression gives, where that can't be stored; empty where it may."""
    if isinstance(value, ast.GeneratorExp):
        return "is a generator"
    if not isinstance(value, ast.Call):
        return ""
    called = resolved(value.func, namespace)
    # IPython puts a function of its own in the place of `open`.
    name = getattr(called, "__name__", ""), (getattr(called, "__module__", None) or "").lstrip("_")
    known = OPENING.get((name[1].partition(".")[0], name[0]), "")
    if known:
        return f"is {known}"
    if isinstance(called, type) and refused(called):
        return f"is a {called.__name__}"
    given = returned(called)
    return f"is a {given.__name__}" if given is not None and refused(given) else ""


def returned(called: object) -> type | None:
    """The class that a function says it returns."""
    if not callable(called) or isinstance(called, type):
        return None
    try:
        annotation = inspect.signature(called, eval_str=True).return_annotation
    except (TypeError, ValueError, NameError, AttributeError, SyntaxError):
        return None
    return annotation if isinstance(annotation, type) and annotation is not inspect.Signature.empty else None


def resolved(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """What a name, or a name with attributes of a module, stands for; None for anything else."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id, getattr(builtins, node.id, None))
    if isinstance(node, ast.Attribute):
        owner = resolved(node.value, namespace)
        return inspect.getattr_static(owner, node.attr, None) if inspect.ismodule(owner) else None
    return None


def plain_names(targets: Sequence[ast.expr]) -> Iterator[str]:
    """The variables among the targets of an assignment."""
    return (target.id for target in targets if isinstance(target, ast.Name))
