"""What the definition of a workflow or an activity must be like."""

from __future__ import annotations

import ast

from ..schema import CellLocation
from . import diagnostics as rules
from .diagnostics import Findings
from .items import Item
from .scopes import FunctionNode, own_nodes
from .signatures import annotation_of, hints_of, untravelling
from .syntax import once_per_node

# Agents and the like: told by their place, because nothing here knows models.
AGENTS = "jupyter_workflows.ai.agents."


def check_definition(item: Item, kind: str, findings: Findings) -> None:
    """Checks one workflow or activity: async, no generator, named parameters, annotations that can travel."""
    function = item.function
    if function is None or item.definition is None:
        return
    location = item.location
    if kind == "workflow" and isinstance(function, ast.FunctionDef):
        findings.add(rules.NOT_ASYNC, location, name=item.name)
    if kind == "workflow":
        for star, parameter in (("*", function.args.vararg), ("**", function.args.kwarg)):
            if parameter:
                findings.add(rules.STARS, location, name=item.name, parameter=f"{star}{parameter.arg}")
    yielding = first_yield(function)
    if yielding:
        findings.add(rules.GENERATOR, place(item, yielding), kind=kind, name=item.name)
    check_annotations(item, kind, findings)


@once_per_node
def first_yield(function: FunctionNode) -> ast.AST | None:
    """The first `yield` of a function, if it is a generator."""
    return next((node for node in own_nodes(function.body) if isinstance(node, ast.Yield | ast.YieldFrom)), None)


def check_annotations(item: Item, kind: str, findings: Findings) -> None:
    """Checks that what is annotated can be sent to a worker and back."""
    assert item.function is not None
    for parameter, hint in hints_of(item.live).items():
        staying = untravelling(hint)
        annotation = annotation_of(item.function, parameter)
        if staying is None or annotation is None:
            continue
        is_agent = getattr(staying, "__module__", "").startswith(AGENTS)
        findings.add(
            rules.AGENT_AS_VALUE if is_agent else rules.CANT_TRAVEL,
            place(item, annotation),
            parameter="the result" if parameter == "return" else f"parameter {parameter}",
            kind=kind,
            name=item.name,
            annotation=ast.unparse(annotation),
        )


def place(item: Item, node: ast.AST) -> CellLocation | None:
    """Where a node of an item stands."""
    if item.definition is None:
        return None
    return item.definition.execution.location(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)
