"""Which names a piece of code binds, and which it reads from the notebook."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from .syntax import once_per_node

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Reference:
    """One place where code reads a name of the notebook.

    Attributes:
        chain: The name with the attributes read from it: `numpy.random.rand`.
        eager: Whether it is read when the definition is executed, not only when it is called.
        annotation: Whether it stands in an annotation.
        stored: Whether it is assigned, by a function that declares it `global`.
        node: The `Name` node; None where the name stands in an annotation written as a string.
    """

    name: str
    chain: str
    line: int
    column: int
    eager: bool
    annotation: bool
    stored: bool = False
    node: ast.Name | None = None


def bound_names(body: Iterable[ast.AST]) -> list[str]:
    """The names that statements bind in their own scope, in source order; those they declare global left out."""
    collector = _Bindings()
    for node in body:
        collector.visit(node)
    return [name for name in dict.fromkeys(collector.names) if name not in collector.outside]


class _Bindings(ast.NodeVisitor):
    """Collects what is bound in one scope, without entering the scopes inside it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.outside: set[str] = set()
        self.comprehensions = 0

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store) and not self.comprehensions:
            self.names.append(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.names.append(node.target.id)
        self.visit(node.value)

    def _definition(self, node: FunctionNode | ast.ClassDef) -> None:
        self.names.append(node.name)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def _comprehension(self, node: ast.AST) -> None:
        self.comprehensions += 1
        self.generic_visit(node)
        self.comprehensions -= 1

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.names.extend(alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*")

    visit_Import = visit_ImportFrom = _import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names.append(node.name)
        self.generic_visit(node)

    def _match(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.names.append(node.name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _match

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.names.append(node.rest)
        self.generic_visit(node)

    def _outside(self, node: ast.Global | ast.Nonlocal) -> None:
        self.outside.update(node.names)

    visit_Global = visit_Nonlocal = _outside


@dataclass
class _Scope:
    kind: Literal["function", "class", "comprehension"]
    bound: set[str]
    globals: set[str] = field(default_factory=set[str])


def references(node: ast.AST, *, postponed: bool = False) -> list[Reference]:
    """The notebook's names that a statement or expression reads, in source order.

    Args:
        node: A statement at the top of a cell, or an expression in one.
        postponed: Whether annotations are not evaluated (`from __future__ import annotations`).
    """
    return _postponed_references(node) if postponed else _references(node)


@once_per_node
def _references(node: ast.AST) -> list[Reference]:
    visitor = _References(postponed=False)
    visitor.visit(node)
    return visitor.found


@once_per_node
def _postponed_references(node: ast.AST) -> list[Reference]:
    visitor = _References(postponed=True)
    visitor.visit(node)
    return visitor.found


class _References(ast.NodeVisitor):
    """Follows Python's rules of scope; what is left over is read from the notebook's namespace."""

    def __init__(self, *, postponed: bool) -> None:
        self.found: list[Reference] = []
        self.postponed = postponed
        self.scopes: list[_Scope] = []
        self.deferred = 0
        self.annotations = 0
        self.chain = ""
        self.string_at: ast.Constant | None = None

    def is_local(self, name: str) -> bool:
        """Whether a scope inside the statement binds the name."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.globals:
                return False
            if name in scope.bound and (scope.kind != "class" or depth == 0):
                return True
        return False

    def visit_Name(self, node: ast.Name) -> None:
        chain, self.chain = self.chain, ""
        stored = not isinstance(node.ctx, ast.Load)
        declared = any(node.id in scope.globals for scope in self.scopes)
        if (stored and not declared) or self.is_local(node.id):
            if stored and self.scopes and self.scopes[-1].kind == "class":
                self.scopes[-1].bound.add(node.id)
            return
        place = self.string_at or node
        self.found.append(
            Reference(
                name=node.id,
                chain=f"{node.id}.{chain}" if chain else node.id,
                line=place.lineno,
                column=place.col_offset + 1,
                eager=not self.deferred,
                annotation=bool(self.annotations),
                stored=stored,
                node=None if self.string_at else node,
            )
        )

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.chain = f"{node.attr}.{self.chain}" if self.chain else node.attr
        if not isinstance(node.value, ast.Name | ast.Attribute):
            self.chain = ""
        self.visit(node.value)
        self.chain = ""

    def annotation(self, node: ast.expr | None, *, evaluated: bool) -> None:
        """Visits an annotation; strings in it are parsed as annotations."""
        if node is None:
            return
        later = self.postponed or not evaluated
        self.annotations += 1
        self.deferred += later
        self.visit_annotation(node)
        self.deferred -= later
        self.annotations -= 1

    def visit_annotation(self, node: ast.expr) -> None:
        """Visits a part of an annotation."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.string_annotation(node)
        elif isinstance(node, ast.Subscript):
            self.visit(node.value)
            self.subscripted(node)
        elif isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self.visit_annotation(element)
        elif isinstance(node, ast.BinOp):
            self.visit_annotation(node.left)
            self.visit_annotation(node.right)
        else:
            self.visit(node)

    def subscripted(self, node: ast.Subscript) -> None:
        """Visits what stands in an annotation's brackets: values in `Literal` and `Annotated`, else annotations."""
        wrapper = ast.unparse(node.value).rpartition(".")[2]
        if wrapper == "Literal":
            return
        if wrapper == "Annotated" and isinstance(node.slice, ast.Tuple):
            self.visit_annotation(node.slice.elts[0])
            for metadata in node.slice.elts[1:]:
                self.visit(metadata)
            return
        self.visit_annotation(node.slice)

    def string_annotation(self, node: ast.Constant) -> None:
        """Visits the annotation a string holds; what is no Python names nothing."""
        try:
            parsed = ast.parse(str(node.value).strip(), mode="eval").body
        except SyntaxError:
            return
        outer, self.string_at = self.string_at, node
        self.deferred += 1
        self.visit_annotation(parsed)
        self.deferred -= 1
        self.string_at = outer

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        in_function = bool(self.scopes) and self.scopes[-1].kind == "function"
        self.annotation(node.annotation, evaluated=not in_function)
        if node.value:
            self.visit(node.value)
        self.visit(node.target)

    def _assign(self, node: ast.Assign | ast.AugAssign) -> None:
        self.visit(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.visit(target)
            if isinstance(node, ast.AugAssign) and isinstance(target, ast.Name) and not self.scopes:
                self.visit(ast.copy_location(ast.Name(target.id, ast.Load()), target))

    visit_Assign = visit_AugAssign = _assign

    def _function(self, node: FunctionNode) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.defaults(node.args)
        self.bind(node.name)
        with_types = type_parameters(node)
        self.scopes.append(_Scope("function", {name for name, _ in with_types}))
        for _, bound in with_types:
            self.visit_optional(bound)
        for argument in arguments(node.args):
            self.annotation(argument.annotation, evaluated=True)
        self.annotation(node.returns, evaluated=True)
        self.body(node.args, node.body)
        self.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.defaults(node.args)
        self.body(node.args, [node.body])

    def defaults(self, args: ast.arguments) -> None:
        """Visits default values, which are read where the function is defined."""
        for default in [*args.defaults, *args.kw_defaults]:
            self.visit_optional(default)

    def visit_optional(self, node: ast.expr | None) -> None:
        """Visits an expression that may be absent."""
        if node is not None:
            self.visit(node)

    def body(self, args: ast.arguments, body: Iterable[ast.AST]) -> None:
        """Visits a function's body in a scope of its own."""
        statements = list(body)
        scope = _Scope("function", {argument.arg for argument in arguments(args)} | set(bound_names(statements)))
        scope.globals = declared_global(statements)
        self.scopes.append(scope)
        self.deferred += 1
        annotations, self.annotations = self.annotations, 0
        for statement in statements:
            self.visit(statement)
        self.annotations = annotations
        self.deferred -= 1
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        with_types = type_parameters(node)
        self.scopes.append(_Scope("function", {name for name, _ in with_types}))
        for base in node.bases:
            (self.visit_annotation if isinstance(base, ast.Subscript) else self.visit)(base)
        for keyword in node.keywords:
            self.visit(keyword.value)
        # A class body runs top down: a name is the class's own only after it was bound there.
        self.scopes.append(_Scope("class", {"__qualname__", "__module__"}))
        for statement in node.body:
            self.visit(statement)
            self.scopes[-1].bound.update(bound_names([statement]))
        self.scopes.pop()
        self.scopes.pop()
        self.bind(node.name)

    def bind(self, name: str) -> None:
        """Notes that a class body has bound a name."""
        if self.scopes and self.scopes[-1].kind == "class":
            self.scopes[-1].bound.add(name)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        targets = [name for generator in node.generators for name in bound_names([generator.target])]
        self.scopes.append(_Scope("comprehension", set(targets)))
        for index, generator in enumerate(node.generators):
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(part)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self.scopes.append(_Scope("function", {name for name, _ in type_parameters(node)}))
        self.deferred += 1
        self.visit_annotation(node.value)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        self.deferred -= 1
        self.scopes.pop()


def arguments(args: ast.arguments) -> list[ast.arg]:
    """All parameters, `*args` and `**kwargs` included."""
    stars = [star for star in (args.vararg, args.kwarg) if star]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *stars]


def type_parameters(node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    """Name and bound of the type parameters in brackets (Python 3.12)."""
    return [(found.name, getattr(found, "bound", None)) for found in getattr(node, "type_params", [])]


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of a scope, nested functions, lambdas and classes not entered (they themselves are given)."""
    for node in body:
        yield node
        if not isinstance(node, FunctionNode | ast.Lambda | ast.ClassDef):
            yield from own_nodes(ast.iter_child_nodes(node))


def declared_global(body: Iterable[ast.AST]) -> set[str]:
    """The names that a scope declares `global`."""
    return {name for node in own_nodes(body) if isinstance(node, ast.Global) for name in node.names}
