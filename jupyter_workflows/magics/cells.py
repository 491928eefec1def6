"""`%%workflow`, `%%activity` and `%%durable`: cells that run as the user wrote them, and then become something.

The magic's line is replaced by a marker before IPython parses the cell, and the marker by calls into this module
after it has. So the body runs as any cell does: awaits at its top, the display of its last expression, line numbers
and syntax errors stay as they are.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Callable
from typing import Any

MARKER = "jupyter_workflows cell magic "
HELP = re.compile(r"(?:^|\s)(?:-h|--help)(?:\s|$)")
MAGIC = re.compile(r"%%(workflow|activity|durable)(?=\s|$)(?!\?)(.*)")
DURABLE = "durable"


def mark(lines: list[str]) -> list[str]:
    """Replaces the line of a magic of ours by a marker that Python parses: a string."""
    if not lines:
        return lines
    found = MAGIC.match(lines[0].rstrip("\n"))
    if not found or lines[0].rstrip().endswith("?"):
        return lines
    return [f"{MARKER + found.group(1) + ' ' + found.group(2).strip()!r}\n", *lines[1:]]


mark.has_side_effects = False  # pyright: ignore[reportFunctionMemberAccess] - IPython asks before it checks completeness


class Weave(ast.NodeTransformer):
    """Puts the calls of a magic of ours around the body of its cell."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Replaces the marker by a call, and adds one behind the last statement."""
        marked = marker_of(node)
        if marked is None:
            return node
        name, _, line = marked.partition(" ")
        if HELP.search(line):
            node.body = [call(node.body[0], "show_help", name)]
            return ast.fix_missing_locations(node)
        rest = node.body[1:]
        if not rest:
            node.body = [call(node.body[0], "refuse_empty", name)]
            return ast.fix_missing_locations(node)
        futures = 0
        while futures < len(rest) and is_future_import(rest[futures]):
            futures += 1
        if name == DURABLE:
            node.body = [*rest[:futures], conditional(node.body[0], line, displayed(rest[futures:]))]
            return ast.fix_missing_locations(node)
        names = ",".join(defined_functions(rest))
        begin = call(node.body[0], "begin", name, line)
        finish = call(node.body[0], "finish", name, line, names)
        node.body = [*rest[:futures], begin, *displayed(rest[futures:]), finish]
        return ast.fix_missing_locations(node)


def marker_of(node: ast.Module) -> str | None:
    """What stands behind the marker at the begin of a cell; None where there is none."""
    if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
        value = node.body[0].value.value
        if isinstance(value, str) and value.startswith(MARKER):
            return value.removeprefix(MARKER)
    return None


def is_future_import(node: ast.stmt) -> bool:
    """Whether a statement must stand first."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def defined_functions(body: list[ast.stmt]) -> list[str]:
    """The functions that a cell defines at its top, also in branches, each once."""
    found: dict[str, None] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = None
        elif isinstance(node, ast.If | ast.Try | ast.With):
            branches = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
            branches += [handler.body for handler in getattr(node, "handlers", [])]
            for branch in branches:
                found.update(dict.fromkeys(defined_functions(branch)))
    return list(found)


def displayed(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body with its last expression displayed, as IPython would if it still were the last."""
    if not body or not isinstance(body[-1], ast.Expr):
        return body
    last = body[-1]
    return [*body[:-1], call(last, "display", value=last.value)]


def conditional(place: ast.stmt, line: str, body: list[ast.stmt]) -> ast.If:
    """The body of a durable cell: it runs only where its values can't be restored."""
    begin = call(place, "begin", DURABLE, line)
    statement = ast.If(test=begin.value, body=[*body, call(place, "finish", DURABLE, line, "")], orelse=[])
    return ast.copy_location(statement, place)


def call(place: ast.stmt, function: str, *arguments: str, value: ast.expr | None = None) -> ast.Expr:
    """A statement that calls a function of this module; it needs no name in the user's namespace.

    Args:
        place: The statement whose lines it gets.
        function: The function's name.
        arguments: Texts to call it with.
        value: An expression to call it with, which keeps its own lines.
    """
    module = ast.Call(
        func=ast.Name("__import__", ast.Load()),
        args=[ast.Constant("importlib")],
        keywords=[],
    )
    loaded = ast.Call(ast.Attribute(module, "import_module", ast.Load()), [ast.Constant(f"{__package__}.cells")], [])
    target = ast.Attribute(loaded, function, ast.Load())
    made = ast.Call(target, [ast.Constant(argument) for argument in arguments], [])
    statement = ast.Expr(made)
    for node in ast.walk(statement):
        ast.copy_location(node, place)
    if value is not None:
        made.args.append(value)
    return statement


# What the woven calls do; set by the extension when it is loaded.
_handlers: dict[str, Callable[..., Any]] = {}


def handle(name: str, handler: Callable[..., Any]) -> None:
    """Says what a woven call does."""
    _handlers[name] = handler


def begin(magic: str, line: str) -> bool:
    """Called before the body: refuses a line that makes no sense before anything runs. Whether the body is to run."""
    filename = sys._getframe(1).f_code.co_filename  # pyright: ignore[reportPrivateUsage]
    show_magic(filename, magic, line)
    return _handlers["begin"](magic, line, filename)


def show_magic(filename: str, magic: str, line: str) -> None:
    """Lets tracebacks show the magic's line rather than the marker that stands for it."""
    lines = linecache.cache.get(filename, ())
    if len(lines) == 4 and lines[2] and lines[2][0].startswith(repr(MARKER)[:-1]):
        lines[2][0] = f"# %%{magic} {line}".rstrip() + "\n"


def finish(magic: str, line: str, names: str) -> None:
    """Called after the body, which has defined the functions `names`."""
    _handlers["finish"](magic, line, [name for name in names.split(",") if name])


def refuse_empty(magic: str) -> None:
    """Called where there is no body."""
    show_magic(sys._getframe(1).f_code.co_filename, magic, "")  # pyright: ignore[reportPrivateUsage]
    _handlers["empty"](magic)


def show_help(magic: str) -> None:
    """Called in place of the body where `--help` was asked for."""
    _handlers["help"](magic)


def display(value: Any) -> None:
    """Called with the value of the body's last expression."""
    sys.displayhook(value)
