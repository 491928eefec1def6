"""The arguments of a workflow that is known by its manifest alone: checked, and in the order of its signature."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import to_jsonable_python

from ..errors import ArgumentsError
from ..schema import BundledWorkflow
from .untrusted import one_line


def checked(workflow: BundledWorkflow, arguments: Mapping[str, Any]) -> list[Any]:
    """The arguments as they travel, in the order of the signature.

    Raises:
        ArgumentsError: One is missing, unknown or of a wrong type.
    """
    schema = workflow.parameters_schema
    problem = mismatch(schema, dict(arguments)) if schema else None
    if problem is not None and problem.absolute_path:
        name = ".".join(str(part) for part in problem.absolute_path)
        raise ArgumentsError(f"{workflow.name}'s argument {name}: {one_line(problem.message, 300)}", code="JW702")
    return in_order(workflow, arguments)


def mismatch(schema: dict[str, Any], value: Any) -> Any:
    """What is most wrong with a value, as a `jsonschema.ValidationError`; None where it fits."""
    # Only where it is needed: a worker has none.
    import jsonschema

    untyped = cast("Any", jsonschema)
    return untyped.exceptions.best_match(untyped.Draft202012Validator(schema).iter_errors(value))


def signature(workflow: BundledWorkflow) -> ast.arguments:
    """The parameters of a workflow."""
    function = ast.parse(f"def f{workflow.signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.args


def parameters(workflow: BundledWorkflow) -> list[str]:
    """The names of a workflow's parameters, in the order in which its arguments travel."""
    args = signature(workflow)
    found = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [arg.arg for arg in found if arg is not None]


def defaults_of(args: ast.arguments) -> dict[str, ast.expr | None]:
    """The defaults of parameters; None for those that have none."""
    named = [*args.posonlyargs, *args.args]
    found: dict[str, ast.expr | None] = {}
    found |= {arg.arg: node for arg, node in zip(reversed(named), reversed(args.defaults), strict=False)}
    return found | {arg.arg: node for arg, node in zip(args.kwonlyargs, args.kw_defaults, strict=True)}


def in_order(workflow: BundledWorkflow, arguments: Mapping[str, Any]) -> list[Any]:
    """The arguments in the order of the signature, with what it says of those that are left out.

    Raises:
        ArgumentsError: One is missing or unknown.
    """
    args = signature(workflow)
    defaults = defaults_of(args)
    left = dict(arguments)
    values = [value_of(workflow, arg.arg, left, defaults) for arg in (*args.posonlyargs, *args.args)]
    if args.vararg:
        values.append(left.pop(args.vararg.arg, []))
    values += [value_of(workflow, arg.arg, left, defaults) for arg in args.kwonlyargs]
    if args.kwarg:
        values.append(left)
    elif left:
        raise ArgumentsError(
            f"{workflow.name} has no parameter {one_line(next(iter(left)), 80)!r}: "
            f"{workflow.name}{one_line(workflow.signature, 300)}",
            code="JW701",
        )
    return values


def rearranged(workflow: BundledWorkflow, recorded: Mapping[str, Any], changes: Mapping[str, Any]) -> list[Any]:
    """The arguments of another run with some of them changed, in the order of the signature as it is now.

    Args:
        workflow: The workflow.
        recorded: The other run's arguments by name, as they travelled.
        changes: Values by name; each is a parameter.

    Raises:
        ArgumentsError: One is of a wrong type, or a new parameter has neither value nor default.
    """
    check_changes(workflow, changes)
    args = signature(workflow)
    defaults = defaults_of(args)
    empty: dict[str, Any] = {}
    empty |= {args.vararg.arg: []} if args.vararg else {}
    empty |= {args.kwarg.arg: {}} if args.kwarg else {}
    left = {**empty, **recorded, **changes}
    return [value_of(workflow, name, left, defaults) for name in parameters(workflow)]


def check_changes(workflow: BundledWorkflow, changes: Mapping[str, Any]) -> None:
    """Refuses values that do not fit their parameters, as far as this process can tell.

    Raises:
        ArgumentsError: Names the first, and what is wrong with it.
    """
    properties: dict[str, Any] = workflow.parameters_schema.get("properties", {})
    rest = {"$defs": workflow.parameters_schema.get("$defs", {})}
    for name, value in changes.items():
        if name not in properties:
            continue
        try:
            problem = mismatch({**rest, **properties[name]}, to_jsonable_python(value, fallback=repr))
        except ImportError:
            # Only what shows runs needs the checker; the worker looks at each argument once more.
            return
        if problem is not None:
            raise ArgumentsError(f"{workflow.name}'s argument {name}: {one_line(problem.message, 300)}", code="JW702")


def value_of(
    workflow: BundledWorkflow, name: str, left: dict[str, Any], defaults: Mapping[str, ast.expr | None]
) -> Any:
    """The value of a parameter: what was given, else its default.

    Raises:
        ArgumentsError: It was not given, and its default is not plain data.
    """
    if name in left:
        return left.pop(name)
    properties: dict[str, Any] = workflow.parameters_schema.get("properties", {})
    default = defaults.get(name)
    if default is None:
        raise ArgumentsError(
            f"{workflow.name} lacks its argument {name!r}: {workflow.name}{one_line(workflow.signature, 300)}",
            code="JW701",
        )
    if "default" in properties.get(name, {}):
        return properties[name]["default"]
    try:
        return ast.literal_eval(default)
    except ValueError:
        raise ArgumentsError(
            f"{workflow.name}'s argument {name!r} has a default that only the notebook can make "
            f"({one_line(ast.unparse(default), 80)}): give a value",
            code="JW701",
        ) from None
