"""Cells as Python source: magics blanked, line numbers kept, statements cut out verbatim."""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .scopes import bound_names

StatementKind = Literal["function", "class", "import", "assign", "block", "augment", "delete", "opaque"]

# Cell magics whose body runs as Python in the notebook's own namespace; any other body is not the notebook's code.
PYTHON_CELL_MAGICS = frozenset({"workflow", "activity", "durable", "time", "capture", "prun"})

CELL_MAGIC = re.compile(r"\s*%%(\w+)(.*)")
LINE_MAGIC = re.compile(r"\s*(?:%{1,2}\w|!|\?)|\s*%{0,2}[\w.*\[\]\"']+\?{1,2}\s*$")
ASSIGNED_MAGIC = re.compile(r"\s*([\w\s,*]+?)\s*=\s*(?:!|%\w)")
QUOTES = re.compile(r"[rbfuRBFU]{0,2}(\"\"\"|'''|\"|')")
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One executed cell as the notebook holds it.

    Args:
        id: The notebook's own id of the cell.
        number: Its execution count, where it has one.
        source: Its text, magics included.
        decorator: What the cell's magic stands for, such as `@activity(name="load")`: put above each function
            at the top of the cell that has no decorator of ours.
    """

    id: str
    number: int | None
    source: str
    decorator: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Statement:
    """One statement at the top of a cell.

    Attributes:
        start_line: First line of the statement, decorators included.
        comment: Comment lines that stand directly above it.
        text: The statement's own text, as the user wrote it.
    """

    node: ast.stmt
    kind: StatementKind
    names: tuple[str, ...]
    start_line: int
    end_line: int
    comment: str
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class ParsedCell:
    """What a cell's source says; shared by all cells with the same source.

    Attributes:
        lines: The lines as the user wrote them, magics included.
        magics: Line number to text of each magic, which stands as `pass` in the tree.
        error: Why the source is no Python, if it is not; then there are no statements.
    """

    lines: tuple[str, ...]
    statements: tuple[Statement, ...]
    magics: dict[int, str]
    future_annotations: bool
    error: SyntaxError | None = None

    def line(self, number: int) -> str | None:
        """The text of a line, the first is 1."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else None


@functools.lru_cache(maxsize=4096)
def parse_cell(source: str) -> ParsedCell:
    """Parses a cell; the same source is parsed once."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    original = tuple(text.split("\n"))
    body, magics = without_cell_magic(text)
    if body is None:
        return ParsedCell(original, (), magics, False)
    try:
        body, tree = parse_body(body, magics)
    except SyntaxError as error:
        return ParsedCell(original, (), magics, False, error)
    statements = tuple(cut_statements(tree, body, magics))
    return ParsedCell(original, statements, magics, postpones_annotations(tree))


def postpones_annotations(tree: ast.Module) -> bool:
    """Whether the source says `from __future__ import annotations`."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
        for node in tree.body
    )


def without_cell_magic(text: str) -> tuple[str | None, dict[int, str]]:
    """The cell's Python body with its cell-magic lines blanked; None if the body is not the notebook's Python."""
    lines = text.split("\n")
    magics: dict[int, str] = {}
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        magic = CELL_MAGIC.fullmatch(line)
        if not magic:
            break
        magics[index + 1] = line
        if magic.group(1) not in PYTHON_CELL_MAGICS:
            return None, magics
        lines[index] = ""
    return "\n".join(lines), magics


def parse_body(body: str, magics: dict[int, str]) -> tuple[str, ast.Module]:
    """Parses a body as IPython would run it: with magics, and perhaps indented as a whole.

    Raises:
        SyntaxError: It is no Python, magics aside.
    """
    try:
        return body, ast.parse(body)
    except SyntaxError:
        pass
    body = textwrap.dedent(blank_magics(body, magics))
    return body, ast.parse(body)


def blank_magics(body: str, magics: dict[int, str]) -> str:
    """Replaces each line magic by `pass` (by `name = ...` where it assigns) and notes it in `magics`."""
    lines = body.split("\n")
    state = LineState()
    continued = False
    for index, line in enumerate(lines):
        if continued or (state.neutral and is_magic(line)):
            magics[index + 1] = line
            lines[index] = "" if continued else stand_in(line)
            continued = line.rstrip().endswith("\\")
        else:
            state.feed(line)
    return "\n".join(lines)


def is_magic(line: str) -> bool:
    """Whether a line that starts a statement is IPython's rather than Python's."""
    return bool(LINE_MAGIC.match(line) or ASSIGNED_MAGIC.match(line))


def stand_in(line: str) -> str:
    """Python that binds what the magic line binds."""
    indent = line[: len(line) - len(line.lstrip())]
    assigned = ASSIGNED_MAGIC.match(line)
    return f"{indent}{assigned.group(1)} = ..." if assigned else f"{indent}pass"


class LineState:
    """Whether the next line starts a statement, or goes on in a string, a bracket or after a backslash."""

    def __init__(self) -> None:
        self.quote = ""
        self.depth = 0
        self.backslash = False

    @property
    def neutral(self) -> bool:
        """Whether the next line starts a statement."""
        return not self.quote and self.depth == 0 and not self.backslash

    def feed(self, line: str) -> None:
        """Reads one line."""
        at = 0
        while at < len(line):
            at = self.in_string(line, at) if self.quote else self.in_code(line, at)
        if len(self.quote) == 1 and not line.endswith("\\"):
            self.quote = ""
        self.backslash = not self.quote and line.endswith("\\")

    def in_string(self, line: str, at: int) -> int:
        """Reads up to the end of the string that is open; returns where to go on."""
        while at < len(line):
            if line[at] == "\\":
                at += 2
            elif line.startswith(self.quote, at):
                at += len(self.quote)
                self.quote = ""
                return at
            else:
                at += 1
        return at

    def in_code(self, line: str, at: int) -> int:
        """Reads one character or one opening quote; returns where to go on."""
        if line[at] == "#":
            return len(line)
        quote = QUOTES.match(line, at)
        if quote:
            self.quote = quote.group(1)
            return quote.end()
        if line[at] in OPENING:
            self.depth += 1
        elif line[at] in CLOSING:
            self.depth = max(0, self.depth - 1)
        return at + 1


KINDS: dict[type[ast.stmt], StatementKind] = {
    ast.FunctionDef: "function",
    ast.AsyncFunctionDef: "function",
    ast.ClassDef: "class",
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.Assign: "assign",
    ast.AnnAssign: "assign",
    ast.If: "block",
    ast.Try: "block",
    ast.AugAssign: "augment",
    ast.Delete: "delete",
}
if hasattr(ast, "TypeAlias"):
    KINDS[ast.TypeAlias] = "assign"  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def cut_statements(tree: ast.Module, body: str, magics: dict[int, str]) -> Iterator[Statement]:
    """The statements of a cell with their own text."""
    lines = body.split("\n")
    previous_end = 0
    for index, node in enumerate(tree.body):
        start = first_line(node)
        end = node.end_lineno or start
        following = tree.body[index + 1] if index + 1 < len(tree.body) else None
        shared = start == previous_end or (following is not None and following.lineno == end)
        text = (ast.get_source_segment(body, node) or "") if shared else "\n".join(lines[start - 1 : end])
        comment = "" if shared else comment_above(lines, start, previous_end)
        kind: StatementKind = "opaque" if start in magics else KINDS.get(type(node), "opaque")
        names = () if isinstance(node, ast.AnnAssign) and node.value is None else tuple(bound_names([node]))
        yield Statement(node, kind, names, start, end, comment, text)
        previous_end = end


def first_line(node: ast.stmt) -> int:
    """The line a statement starts at, decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def comment_above(lines: list[str], start: int, floor: int) -> str:
    """The comment lines directly above line `start`, not reaching line `floor`."""
    first = start
    while first - 1 > floor and lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(lines[first - 1 : start - 1])
