"""What bundled code reads of ours, and the edits that let it read the same from a package of its own."""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from ..schema import CellLocation, Manifest, Segment

OURS = "jupyter_workflows"


@dataclass(frozen=True)
class Edit:
    """A piece of source to replace: first line and column, last line and column, counted as `ast` does."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Use:
    """A place that reads a name of ours, `ai.stream` for one of a part's."""

    name: str
    file: str
    node: ast.AST


class Code:
    """The modules of a bundle, as text and parsed.

    Args:
        texts: Path in the bundle to source.
        manifest: The bundle's manifest: which line came from which cell.
    """

    def __init__(self, texts: Mapping[str, str], manifest: Manifest) -> None:
        self.texts = texts
        self.trees = {file: ast.parse(text) for file, text in sorted(texts.items())}
        self.segments: dict[str, list[Segment]] = {}
        for segment in sorted(manifest.segments, key=lambda segment: segment.start_line):
            self.segments.setdefault(f"{segment.module}.py", []).append(segment)

    def place(self, file: str, node: ast.AST) -> str:
        """Where a node stands: in a cell where it came from one, else in a file."""
        line: int = getattr(node, "lineno", 1)
        segments = self.segments.get(file, [])
        index = bisect.bisect_right([segment.start_line for segment in segments], line) - 1
        if index < 0 or line > segments[index].end_line:
            return f"{file}, line {line}"
        found = segments[index]
        cell_line = found.cell_line + line - found.start_line
        return str(CellLocation(cell_id=found.cell_id, cell_number=found.cell_number, line=cell_line))

    @cached_property
    def uses(self) -> list[Use]:
        """Every place that reads a name of ours; where one is imported and not read, its import."""
        return [use for file, tree in self.trees.items() for use in uses_in(file, tree)]

    def calls(self, name: str) -> Iterator[tuple[str, ast.Call]]:
        """File and node of each call of a name of ours."""
        places = {id(use.node): use.file for use in self.uses if use.name == name}
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and id(node.func) in places:
                    yield places[id(node.func)], node


def uses_in(file: str, tree: ast.Module) -> Iterator[Use]:
    """The places of a module that read names of ours."""
    imported: dict[str, tuple[str, ast.AST]] = {}
    for node in ast.walk(tree):
        for known, name in imported_names(node):
            imported[known] = (name, node)
    inner = {id(node.value): node for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id not in imported:
            continue
        read.add(node.id)
        name, found = imported[node.id][0], cast("ast.expr", node)
        while name in (OURS, "ai") and id(found) in inner:
            found = inner[id(found)]
            name = f"{name}.{found.attr}".removeprefix(f"{OURS}.")
        yield Use(name, file, found)
    yield from (Use(name, file, node) for known, (name, node) in imported.items() if known not in read)


def imported_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The name in the module, and what it is of ours, of each that a statement imports."""
    if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == OURS:
        part = (node.module or "").removeprefix(OURS).removeprefix(".")
        for alias in node.names:
            yield alias.asname or alias.name, f"{part}.{alias.name}" if part else alias.name
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name == OURS or alias.name.startswith(f"{OURS}."):
                # Another form of it can't be edited, so it is a use of its own.
                plain = alias.name == OURS and not alias.asname
                yield alias.asname or OURS, OURS if plain else f"import {alias.name}"


def edited(text: str, edits: Iterator[Edit]) -> str:
    """A source with pieces of it replaced."""
    lines = text.encode().split(b"\n")
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        (first, left), (last, right) = edit.start, edit.end
        lines[first - 1 : last] = [lines[first - 1][:left] + edit.text.encode() + lines[last - 1][right:]]
    return b"\n".join(lines).decode()


def edits_of_ours(tree: ast.AST, dots: str) -> Iterator[Edit]:
    """What has to be replaced for names of ours to come from the package.

    Args:
        tree: A module.
        dots: How the package is named from there: one dot at its top.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module == OURS:
            yield edit_of(node, f"from {dots}durable import {names_of(node)}")
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module == f"{OURS}.ai":
            yield edit_of(node, f"from {dots}streaming import {names_of(node)}")
        elif isinstance(node, ast.Import) and any(alias.name == OURS for alias in node.names):
            yield edit_of(node, f"from {dots} import durable")
        elif isinstance(node, ast.Name) and node.id == OURS:
            yield edit_of(node, "durable")


def names_of(node: ast.ImportFrom) -> str:
    """The names that a statement imports, as it writes them."""
    return ", ".join(f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in node.names)


def edit_of(node: ast.stmt | ast.expr, text: str) -> Edit:
    """The replacement of a node."""
    return Edit((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0), text)
