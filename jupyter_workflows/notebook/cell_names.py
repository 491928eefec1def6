"""What one cell reads, binds and defines, as far as its source tells; and a digest of what it does."""

from __future__ import annotations
import __future__

import ast
import functools
import hashlib
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .scopes import bound_names, references
from .source import ASSIGNED_MAGIC, Statement, parse_cell
from .syntax import behaviour, once_per_node

TIMED = re.compile(r"\s*=?\s*%time\s+(.*)")
WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class CellNames:
    """The names of a cell.

    Attributes:
        code: Digest of the code: comments, docstrings and layout do not count, magics do.
        reads: The notebook's names it reads before it has bound them itself; those that only its functions read count.
        binds: The names it binds, in source order.
        definitions: The imports, functions and classes at its top, in source order.
        assigned: The assignments at its top whose names nothing later in the cell binds or deletes.
        entered: The names that `with ... as name` binds at its top: they are of no use behind it.
        postponed: Whether annotations are not evaluated.
    """

    code: str
    reads: tuple[str, ...]
    binds: tuple[str, ...]
    definitions: tuple[Statement, ...]
    assigned: tuple[ast.stmt, ...] = ()
    entered: frozenset[str] = frozenset()
    postponed: bool = False

    def compiled(self, filename: str) -> types.CodeType:
        """The definitions as code, with their lines in the cell.

        Args:
            filename: Where tracebacks look the lines up.
        """
        module = ast.Module([statement.node for statement in self.definitions], [])
        flags = __future__.annotations.compiler_flag if self.postponed else 0
        return compile(module, filename, "exec", flags, dont_inherit=True)

    def defines(self, name: str) -> bool:
        """Whether a name is bound by nothing but definitions."""
        return any(name in statement.names for statement in self.definitions)


@functools.lru_cache(maxsize=1024)
def names_of(source: str) -> CellNames:
    """The names of a cell's source; the line of a cell magic is not part of it."""
    parsed = parse_cell(source)
    body = [text for _, text in sorted(parsed.magics.items()) if not text.lstrip().startswith("%%durable")]
    if parsed.error is not None or (not parsed.statements and parsed.magics):
        # No Python that we can read, such as another cell magic below ours: all its words may be names.
        text = "\n".join(line for line in parsed.lines if not line.lstrip().startswith("%%durable"))
        return CellNames(digest_of([text]), tuple(dict.fromkeys(WORD.findall(text))), (), ())
    code = digest_of([*(behaviour(statement.node) for statement in parsed.statements), *body])
    reads = dict.fromkeys(names_read((found.node for found in parsed.statements), postponed=parsed.future_annotations))
    reads |= dict.fromkeys(name for text in body for name in magic_reads(text))
    bound = dict.fromkeys(name for statement in parsed.statements for name in statement.names)
    definitions = tuple(found for found in parsed.statements if is_definition(found))
    entered = frozenset(name for statement in parsed.statements for name in entered_names(statement.node))
    assigned = tuple(last_assignments(parsed.statements))
    return CellNames(code, tuple(reads), tuple(bound), definitions, assigned, entered, parsed.future_annotations)


def magic_reads(text: str) -> Iterable[str]:
    """The names that a line magic or shell command may read: all its words, less what it assigns."""
    assigned = ASSIGNED_MAGIC.match(text)
    if assigned:
        text = text[assigned.end(1) :]
    timed = TIMED.match(text)
    if timed:
        try:
            return list(names_read(ast.parse(timed.group(1)).body, postponed=False))
        except SyntaxError:
            pass
    return WORD.findall(text)


def digest_of(texts: Iterable[str]) -> str:
    """SHA-256 over some texts, apart from one another."""
    total = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        total.update(b"%d\n" % len(data))
        total.update(data)
    return total.hexdigest()


def names_read(statements: Iterable[ast.stmt], *, postponed: bool) -> Iterator[str]:
    """The names that statements read before they are certainly bound by an earlier one."""
    flow = Flow(postponed=postponed)
    bound: set[str] = set()
    flow.body(statements, bound)
    yield from flow.read
    yield from (name for name in flow.later if name not in bound)


class Flow:
    """Follows statements in the order in which they run; branches and loops bind nothing for certain.

    Attributes:
        read: Names that are read where they are not certainly bound.
        later: Names that functions read when they are called.
    """

    def __init__(self, *, postponed: bool) -> None:
        self.postponed = postponed
        self.read: list[str] = []
        self.later: list[str] = []

    def body(self, statements: Iterable[ast.stmt], bound: set[str]) -> set[str]:
        """Follows statements; what they certainly bind is added to `bound`, which is given back."""
        for node in statements:
            if isinstance(node, ast.If | ast.While):
                self.expressions([node.test], bound)
                ways = [self.body(node.body, {*bound}), self.body(node.orelse, {*bound})]
                bound |= ways[0] & ways[1] if isinstance(node, ast.If) else set()
            elif isinstance(node, ast.For | ast.AsyncFor):
                self.expressions([node.iter, node.target], bound)
                self.body(node.body, bound | {*bound_names([node.target])})
                self.body(node.orelse, {*bound})
            elif isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    self.expressions([item.context_expr], bound)
                    bound |= {*bound_names([item.optional_vars])} if item.optional_vars else set()
                self.body(node.body, bound)
            elif isinstance(node, ast.Try):
                self.attempt(node, bound)
            elif isinstance(node, ast.Match):
                self.choice(node, bound)
            else:
                self.expressions([node], bound)
                bound |= {*bound_names([node])}
        return bound

    def attempt(self, node: ast.Try, bound: set[str]) -> None:
        """Follows `try`: its handlers can count on nothing that its body binds."""
        ways = [self.body(node.orelse, self.body(node.body, {*bound}))]
        for handler in node.handlers:
            self.expressions([handler.type] if handler.type else [], bound)
            ways.append(self.body(handler.body, bound | {handler.name or ""}))
        bound |= {name for name in ways[0] if all(name in way for way in ways)}
        self.body(node.finalbody, bound)

    def choice(self, node: ast.Match, bound: set[str]) -> None:
        """Follows `match`."""
        self.expressions([node.subject], bound)
        for case in node.cases:
            inner = bound | {*bound_names([case.pattern])}
            self.expressions([case.pattern, *([case.guard] if case.guard else [])], inner)
            self.body(case.body, inner)

    def expressions(self, nodes: Iterable[ast.AST], bound: set[str]) -> None:
        """Notes what statements without a body of their own, or expressions, read."""
        for node in nodes:
            for reference in references(node, postponed=self.postponed):
                if not reference.eager or reference.stored:
                    self.later.append(reference.name)
                elif reference.name not in bound:
                    self.read.append(reference.name)
            if isinstance(node, ast.Delete):
                self.read.extend(name for name in deleted_names(node) if name not in bound)


def is_definition(statement: Statement) -> bool:
    """Whether a statement gives code a name: an import, a function, a class, or a lambda."""
    if statement.kind in ("import", "function", "class"):
        return True
    node = statement.node
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Lambda)


def last_assignments(statements: Sequence[Statement]) -> Iterator[ast.stmt]:
    """The assignments whose values are there when the cell has run to its end."""
    for index, statement in enumerate(statements):
        if statement.kind != "assign":
            continue
        later = [name for after in statements[index + 1 :] for name in (*after.names, *deleted_names(after.node))]
        if not set(statement.names) & set(later):
            yield statement.node


def deleted_names(node: ast.stmt) -> list[str]:
    """The names that a statement deletes."""
    targets = node.targets if isinstance(node, ast.Delete) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def entered_names(node: ast.stmt) -> list[str]:
    """The names that a `with` statement binds to what it enters."""
    items = node.items if isinstance(node, ast.With | ast.AsyncWith) else []
    return [name for item in items if item.optional_vars for name in bound_names([item.optional_vars])]


@once_per_node
def global_names(node: ast.AST) -> tuple[str, ...]:
    """The notebook's names that a definition reads or assigns, now or when it is called."""
    return tuple(dict.fromkeys(reference.name for reference in references(node)))
