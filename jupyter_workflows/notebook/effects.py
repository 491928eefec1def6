"""Whether evaluating an expression does nothing but give a value."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

from .live import is_step, made_here
from .scopes import FunctionNode, references

PURE_BUILTINS = frozenset(
    """
    abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float format
    frozenset hex int isinstance issubclass iter len list map max memoryview min next object oct ord pow range repr
    reversed round set slice sorted str sum super tuple type zip staticmethod classmethod property hasattr getattr
    """.split()
)
PURE_MODULES = frozenset(
    """
    math cmath operator itertools functools re textwrap string statistics dataclasses typing typing_extensions
    collections enum copy struct base64 hashlib html unicodedata colorsys bisect heapq fractions decimal datetime
    pathlib uuid ipaddress zoneinfo types numbers abc contextvars pydantic pydantic_core annotated_types
    """.split()
)
PURE_PARTS = ("jupyter_workflows.authoring", "jupyter_workflows.ai.agents", "temporalio.common")
PURE_FUNCTIONS = frozenset({"json.loads", "json.dumps", "logging.getLogger", "importlib.util.find_spec"})
# Functions of pure modules that read the clock, the disk or the machine.
IMPURE_NAMES = frozenset(
    "now today utcnow cwd home uuid1 uuid4 getnode connect start bundle expanduser resolve absolute exists read_text "
    "read_bytes write_text write_bytes open iterdir glob rglob stat mkdir is_file is_dir unlink".split()
)
# Methods that change the object they belong to, or reach outside.
IMPURE_METHODS = IMPURE_NAMES | frozenset(
    "append extend insert remove pop popitem clear update setdefault sort reverse add discard send recv read write "
    "close execute commit fit fit_transform get_json post put delete request fetch run submit".split()
)
SECRETS = ("os.environ", "os.getenv", "getpass.", "input", "keyring.", "dotenv.", "os.environb")


@dataclass(frozen=True, slots=True)
class Effect:
    """Something an expression does beside giving a value.

    Attributes:
        secret: Whether what it reads may be a secret, which must not be written down.
    """

    what: str
    node: ast.AST
    secret: bool = False


class Purity:
    """Tells what evaluating an expression of the notebook would do.

    Args:
        live: Gives the live object of a name, or raises KeyError.
        calm: Tells what running a function or class of the notebook would do; None for nothing.
    """

    def __init__(self, live: Callable[[str], object], calm: Callable[[str], str | None]) -> None:
        self._live = live
        self._calm = calm

    def effect(self, node: ast.AST) -> Effect | None:
        """The first thing that evaluating `node` does beside giving a value."""
        return next(self._effects(node), None)

    def _effects(self, node: ast.AST) -> Iterator[Effect]:
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            yield Effect("`await` or `yield`", node)
        elif isinstance(node, ast.Attribute | ast.Name):
            text = dotted(node)
            if text and self._full_name(text).startswith(SECRETS[:1]):
                yield Effect(text, node, secret=True)
        elif isinstance(node, ast.Call):
            what = self._call(node)
            if what:
                yield Effect(what, node, secret=what.startswith(SECRETS))
        for child in ast.iter_child_nodes(node):
            yield from self._effects(child)

    def _full_name(self, text: str) -> str:
        root, _, rest = text.partition(".")
        try:
            value = self._live(root)
        except KeyError:
            return text
        if isinstance(value, types.ModuleType):
            return f"{value.__name__}.{rest}" if rest else value.__name__
        if type(value).__name__ == "_Environ":
            return f"os.environ.{rest}"
        module = getattr(value, "__module__", None) if callable(value) else None
        return f"{module}.{getattr(value, '__qualname__', root)}" if module and not rest else text

    def _call(self, node: ast.Call) -> str | None:
        """What a call does beside giving a value."""
        text = dotted(node.func) or ast.unparse(node.func)
        try:
            called = self._evaluate(node.func)
        except (KeyError, AttributeError):
            called = None
        if called is None:
            if isinstance(node.func, ast.Attribute):
                return f"{text}(...)" if node.func.attr in IMPURE_METHODS else None
            return None if isinstance(node.func, ast.Call) else f"{text}(...)"
        return self._called(called, node.func, text)

    def _called(self, called: object, func: ast.expr, text: str) -> str | None:
        if isinstance(func, ast.Name) and made_here(called) and not is_builtin(called):
            return self._notebook_call(called, func.id, text)
        if is_pure(called):
            return None
        return f"{self._full_name(text)}(...)"

    def _notebook_call(self, called: object, name: str, text: str) -> str | None:
        if is_step(called):
            return f"{text}(...), a step"
        if isinstance(called, type) and is_value_class(called):
            return None
        reason = self._calm(name)
        return f"{text}(...), which {reason}" if reason else None

    def _evaluate(self, node: ast.expr) -> object:
        """The live object of a dotted name, read from modules and classes only."""
        if isinstance(node, ast.Name):
            try:
                return self._live(node.id)
            except KeyError:
                return vars(builtins)[node.id]
        if isinstance(node, ast.Attribute):
            owner = self._evaluate(node.value)
            if isinstance(owner, types.ModuleType | type):
                return getattr(owner, node.attr)
        raise KeyError


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` as text; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else None
    return None


def is_builtin(called: object) -> bool:
    """Whether a callable is Python's own."""
    return getattr(called, "__module__", None) == "builtins" and (
        isinstance(called, types.BuiltinFunctionType)
        or getattr(builtins, getattr(called, "__name__", ""), None) is called
    )


def is_value_class(kind: type) -> bool:
    """Whether making an instance only holds the arguments: models, dataclasses, enums, tuples, exceptions."""
    return dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel | enum.Enum | BaseException | tuple)


def is_pure(called: object) -> bool:
    """Whether calling an imported or built-in callable only gives a value."""
    name = getattr(called, "__name__", "")
    owner = inspect.getattr_static(called, "__self__", None)
    if isinstance(called, types.BuiltinMethodType | types.MethodType):
        owner = called.__self__
    module = getattr(called, "__module__", None) or getattr(owner, "__module__", None) or ""
    if isinstance(owner, type):
        module = owner.__module__
    if module == "builtins":
        is_error = isinstance(called, type) and issubclass(cast("type[Any]", called), BaseException)
        return name in PURE_BUILTINS or is_error or isinstance(owner, type)
    if f"{module}.{name}" in PURE_FUNCTIONS:
        return True
    if isinstance(called, type) and is_value_class(called):
        return True
    known = module.lstrip("_").partition(".")[0] in PURE_MODULES or module.startswith(PURE_PARTS)
    return known and name not in IMPURE_NAMES


def statement_effect(node: ast.stmt, purity: Purity) -> Effect | None:
    """What a statement of a block does beside defining names."""
    if isinstance(node, FunctionNode | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass | ast.Raise):
        return None
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return purity.effect(node.value) if node.value else None
    if isinstance(node, ast.If):
        return purity.effect(node.test) or body_effect([*node.body, *node.orelse], purity)
    if isinstance(node, ast.Try):
        handlers = [statement for handler in node.handlers for statement in handler.body]
        return body_effect([*node.body, *handlers, *node.orelse, *node.finalbody], purity)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return None
    return Effect(ast.unparse(node).partition("\n")[0], node)


def body_effect(body: list[ast.stmt], purity: Purity) -> Effect | None:
    """What the statements of a block do beside defining names."""
    return next(filter(None, (statement_effect(node, purity) for node in body)), None)


def is_cheap(node: ast.AST) -> bool:
    """Whether an expression without effects can be evaluated again at no cost: no loops, no calls of our own."""
    allowed = ("dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "bool", "bytes")
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and not (isinstance(part.func, ast.Name) and part.func.id in allowed):
            return False
        if isinstance(
            part, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Pow | ast.Mult | ast.LShift
        ):
            return False
    return True


def evaluate_again(node: ast.stmt, namespace: Callable[[str], object]) -> dict[str, object]:
    """Executes a cheap assignment without effects once more; gives the names it binds.

    Raises:
        Exception: Whatever the assignment raises now.
    """
    scope: dict[str, object] = {}
    for reference in references(node):
        try:
            scope[reference.name] = namespace(reference.name)
        except KeyError:
            continue
    exec(compile(ast.Module([node], []), "<cell>", "exec", dont_inherit=True), scope)
    return scope
