"""What the kernel's live objects tell: steps of ours, functions and the code they run, modules."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from copy import copy as shallow_copy
from typing import Any, Literal, cast

from ..authoring import Activity, Workflow
from .scopes import FunctionNode
from .source import Statement

Callee = Literal["sync", "async", "activity", "workflow"]

AGENTS = "jupyter_workflows.ai.agents"
# What the body of a function must agree on to be the same function wherever it was compiled.
CODE_FACTS = (
    "co_code co_names co_varnames co_freevars co_cellvars co_name co_argcount co_posonlyargcount co_kwonlyargcount"
).split()


def is_step(value: object) -> bool:
    """Whether a value was made by `@activity` or `@workflow`."""
    return isinstance(value, Activity | Workflow)


def holds_agent(value: object, depth: int = 3) -> bool:
    """Whether a value is an `ai.Agent`, or a container of some."""
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return any(holds_agent(item, depth - 1) for item in cast("Iterable[object]", value))
    if isinstance(value, dict) and depth:
        return any(holds_agent(item, depth - 1) for item in cast("dict[object, object]", value).values())
    kind = cast("type[Any]", type(cast("Any", value)))
    # By name: what agents are is no matter of this part of the package.
    return kind.__name__ == "Agent" and kind.__module__.startswith(AGENTS)


def function_of(value: object) -> types.FunctionType | None:
    """The plain function at the bottom of a decorated one; None if there is none to be found."""
    for _ in range(20):
        if isinstance(value, types.FunctionType):
            inner = getattr(value, "__wrapped__", None)
            if inner is None:
                return value
            value = inner
        elif isinstance(value, functools.partial):
            value = cast("functools.partial[Any]", value).func
        else:
            found = inspect.getattr_static(value, "__dict__", {})
            inner = _instance_dict(value).get("__wrapped__") if found is not None else None
            if inner is None:
                return None
            value = inner
    return None


def _instance_dict(value: object) -> dict[str, Any]:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def function_nodes(statement: ast.stmt, name: str) -> Iterator[FunctionNode]:
    """The definitions of a function in a statement: itself, or those in the branches of a block."""
    if isinstance(statement, FunctionNode):
        if statement.name == name:
            yield statement
    elif isinstance(statement, ast.If | ast.Try | ast.ExceptHandler | ast.With | ast.For | ast.While):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt | ast.ExceptHandler):
                yield from function_nodes(cast("ast.stmt", child), name)


def defines(statement: Statement, name: str, value: object) -> FunctionNode | None:
    """The definition in the statement that made this live function."""
    function = function_of(value)
    nodes = list(function_nodes(statement.node, name))
    if function is None:
        return nodes[0] if nodes else None
    exact = next((node for node in nodes if same_code(compiled(node), function.__code__)), None)
    # A decorator that does not keep `__wrapped__` hides the function: what it made has another name.
    hidden = (node for node in nodes if node.decorator_list and function.__code__.co_name != node.name)
    return exact or next(hidden, None)


_compiled: dict[int, tuple[FunctionNode, types.CodeType | None]] = {}


def compiled(node: FunctionNode) -> types.CodeType | None:
    """The code object of a function definition, decorators aside; kept as long as the definition is."""
    known = _compiled.get(id(node))
    if known and known[0] is node:
        return known[1]
    plain = shallow_copy(node)
    plain.decorator_list = []
    try:
        module = compile(ast.Module([plain], []), "<cell>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        module = None
    code = _code_named(module, node.name) if module else None
    if len(_compiled) > 5000:
        _compiled.clear()
    _compiled[id(node)] = (node, code)
    return code


def _code_named(code: types.CodeType, name: str) -> types.CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found = constant if constant.co_name == name else _code_named(constant, name)
            if found:
                return found
    return None


def same_code(one: types.CodeType | None, other: types.CodeType) -> bool:
    """Whether two code objects do the same, wherever they were compiled."""
    if one is None or any(getattr(one, fact) != getattr(other, fact) for fact in CODE_FACTS):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    return all(_same_constant(mine, theirs) for mine, theirs in zip(one.co_consts, other.co_consts, strict=True))


def _same_constant(mine: object, theirs: object) -> bool:
    if isinstance(mine, types.CodeType):
        return isinstance(theirs, types.CodeType) and same_code(mine, theirs)
    return type(mine) is type(theirs) and (mine == theirs or repr(mine) == repr(theirs))


def similar(node: FunctionNode, value: object) -> bool:
    """Whether a live function has the name and parameters of a definition, though not its exact code."""
    function, code = function_of(value), compiled(node)
    if function is None or code is None:
        return True
    live = function.__code__
    return (live.co_name, live.co_argcount, live.co_varnames[: live.co_argcount]) == (
        code.co_name,
        code.co_argcount,
        code.co_varnames[: code.co_argcount],
    ) and live.co_filename != "<string>"


def made_here(value: object) -> bool:
    """Whether a function or class was defined in the notebook rather than imported."""
    return getattr(value, "__module__", None) in ("__main__", "builtins", None) and not isinstance(
        value, types.BuiltinFunctionType
    )


def import_path(name: str, value: object) -> tuple[str, str | None] | None:
    """Module and attribute under which a worker can import a live object; None if there is no such place."""
    if isinstance(value, types.ModuleType):
        return (value.__name__, None) if value.__name__ in sys.modules and value.__name__ != "__main__" else None
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or module in ("__main__", "builtins"):
        return None
    attribute = getattr(value, "__qualname__", name)
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        candidate = ".".join(parts[:length])
        for exported in dict.fromkeys([attribute, name]):
            if getattr(sys.modules.get(candidate), str(exported), None) is value:
                return candidate, str(exported)
    return None
