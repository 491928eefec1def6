"""What workflows need outside the notebook, or every reason why they can't have it."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from .. import authoring
from ..authoring import Activity, Workflow
from ..authoring.definitions import ActivityOptions
from ..errors import ClosureError
from ..schema import BundledActivity, BundledWorkflow, CellLocation, Diagnostic
from . import diagnostics as rules
from .bindings import Defined
from .cell_log import CellLog
from .definitions import check_definition
from .diagnostics import Findings
from .distributions import versions
from .gathering import Gathering
from .items import Closure, Item
from .live import function_of
from .local_modules import LocalModules, ModuleUnreadable, imported_modules
from .placement import ordered, place
from .rendering import class_names
from .roles import Roles
from .signatures import schemas_of, signature_of, signature_text
from .workflow_code import PACKAGE


def resolve(
    workflows: Sequence[str],
    cells: CellLog,
    namespace: Mapping[str, object],
    *,
    directory: Path,
    capture: Sequence[str] = (),
    instead: Mapping[str, object] | None = None,
) -> Closure:
    """Everything that some workflows need to run outside the notebook.

    Args:
        workflows: Names of the workflow functions; the workflows they await come with them.
        cells: What was executed.
        namespace: The kernel's live names.
        directory: Where the notebook is: modules there are bundled too.
        capture: Names of live values to store as pickles.
        instead: Plain data in the place of constants, by name.

    Raises:
        ClosureError: They can't run outside the notebook; carries every reason.
    """
    closure, findings = examine(workflows, cells, namespace, directory=directory, capture=capture, instead=instead)
    if closure is None:
        raise ClosureError(", ".join(workflows), findings.errors)
    return closure


def lint(
    workflows: Sequence[str],
    cells: CellLog,
    namespace: Mapping[str, object],
    *,
    directory: Path,
    capture: Sequence[str] = (),
) -> list[Diagnostic]:
    """All errors and warnings of some workflows, in the order of cells and lines; takes what `resolve` takes."""
    return examine(workflows, cells, namespace, directory=directory, capture=capture)[1].all


def examine(
    workflows: Sequence[str],
    cells: CellLog,
    namespace: Mapping[str, object],
    *,
    directory: Path,
    capture: Sequence[str],
    instead: Mapping[str, object] | None = None,
) -> tuple[Closure | None, Findings]:
    """The closure, if there is one, and all findings."""
    gathering = Gathering(cells, namespace, capture, instead)
    roots = known_workflows(workflows, gathering)
    gathering.gather(roots)
    roles = Roles(gathering)
    roles.assign(roots)
    modules = LocalModules(directory)
    copy_local_modules(gathering, modules)
    for name in sorted(roles.workflows | roles.activities):
        item = gathering.items.get(name)
        if item and item.name == name:
            check_definition(item, "workflow" if name in roles.workflows else "activity", gathering.findings)
    if not roots or gathering.findings.errors:
        return None, gathering.findings
    return assemble(gathering, roles, modules, roots, directory), gathering.findings


def known_workflows(names: Sequence[str], gathering: Gathering) -> list[str]:
    """The names that are workflows; a finding for each that is not."""
    known: list[str] = []
    for name in names:
        owner, _, last = name.rpartition(".")
        if owner.endswith("<locals>"):
            outer = owner.removesuffix(".<locals>")
            gathering.findings.add(rules.NESTED_WORKFLOW, None, name=last, owner=f"{outer}()")
        elif owner:
            gathering.findings.add(rules.METHOD_WORKFLOW, None, name=last, owner=owner)
        elif isinstance(gathering.names[name], Defined) and function_of(gathering.names.namespace[name]):
            known.append(name)
        else:
            gathering.findings.add(rules.NO_WORKFLOW, None, name=name)
    return known


def copy_local_modules(gathering: Gathering, modules: LocalModules) -> None:
    """Copies the modules next to the notebook that the closure imports, also inside its functions."""
    wanted = {binding.dotted: binding.location for binding in gathering.imports.values()}
    wanted |= {sub: binding.location for binding in gathering.imports.values() for sub in binding.submodules}
    for item in gathering.items.values():
        for name in item_imports(item):
            wanted.setdefault(name, item.location)
    for name, location in wanted.items():
        root = name.partition(".")[0]
        if not modules.find(root):
            if made_at_run_time(root):
                gathering.findings.add(rules.UNKNOWN_MODULE, location, name=name, module=root)
            continue
        try:
            modules.add(name)
        except ModuleUnreadable as error:
            gathering.findings.add(rules.UNREADABLE_MODULE, location, module=error.module, reason=error.reason)


def made_at_run_time(module: str) -> bool:
    """Whether a loaded module came from no file that a worker could import."""
    loaded = sys.modules.get(module)
    return loaded is not None and getattr(loaded, "__spec__", None) is None and not hasattr(loaded, "__file__")


def item_imports(item: Item) -> list[str]:
    """The modules that a definition imports inside itself."""
    return list(imported_modules(item.node, [])) if item.verbatim and item.node is not None else []


def assemble(
    gathering: Gathering, roles: Roles, modules: LocalModules, roots: Sequence[str], directory: Path
) -> Closure:
    """The closure of what was gathered without a finding."""
    place(gathering.items, roles.activities, roles.workflows)
    items = tuple(ordered(gathering.items, roots))
    promote(gathering, roles)
    functions = [item.name for item in items if item.name in roles.workflows]
    functions = sorted(functions, key=lambda name: (name not in roots, functions.index(name)))
    taken = {name for item in items for name in item.names} | set(gathering.imports)
    imported = {binding.module for binding in gathering.imports.values()}
    imported |= {name for item in items for name in item_imports(item)}
    imported |= {step.module for step in roles.imported_steps.values()}
    return Closure(
        items=items,
        imports=gathering.imports,
        workflows=tuple(bundled_workflow(gathering.items[name], roles) for name in functions),
        activities=tuple(bundled_activities(gathering, roles)),
        exports=class_names(functions, taken),
        imported_steps=tuple(roles.imported_steps[name] for name in sorted(roles.imported_steps)),
        local_modules=modules.copied,
        captured=tuple(gathering.captured),
        distributions=versions(imported),
        warnings=tuple(gathering.findings.warnings),
        postponed=gathering.cells.future_annotations,
        directory=directory,
    )


def promote(gathering: Gathering, roles: Roles) -> None:
    """Adds `@activity` and `@workflow` where the user wrote none."""
    for name in sorted(roles.activities | roles.workflows):
        item = gathering.items.get(name)
        if item is None or item.function is None or item.definition is None or roles.is_decorated(item):
            continue
        kind = "workflow" if name in roles.workflows else "activity"
        given = item.definition.execution.cell.decorator or ""
        # A %%workflow cell may define activities too; its decorator is not theirs.
        wanted = given.removeprefix("@") if given.startswith(f"@{kind}") else plain(kind, item)
        decorator, item.imports = spelled(wanted, gathering)
        if item.definition.statement.kind == "function":
            item.above = f"@{decorator}"
        else:
            item.below = f"{name} = {decorator}({name})"


def plain(kind: str, item: Item) -> str:
    """The decorator that makes the step it is in the notebook, where a magic made it one."""
    name = cast("Workflow[..., object]", item.live).name if isinstance(item.live, Workflow) else item.name  # pyright: ignore[reportUnknownMemberType]
    return f"{kind}(name={json.dumps(name)})" if name != item.name else kind


def spelled(decorator: str, gathering: Gathering) -> tuple[str, tuple[str, ...]]:
    """A decorator with the imports it needs; by its full name where the notebook uses one of its names otherwise."""
    tree = ast.parse(decorator, mode="eval")
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and hasattr(authoring, node.id)]
    taken = [node for node in ours if not is_ours(gathering, node.id)]
    if not taken:
        return decorator, tuple(f"from {PACKAGE} import {node.id}" for node in ours)
    for node in ours:
        node.id = f"{PACKAGE}.{node.id}"
    return ast.unparse(tree), (f"import {PACKAGE}",)


def is_ours(gathering: Gathering, name: str) -> bool:
    """Whether a public name of the package means just that in the notebook, or nothing."""
    if name in gathering.items:
        return False
    binding = gathering.imports.get(name)
    return binding is None or binding.live is getattr(authoring, name)


def bundled_workflow(item: Item, roles: Roles) -> BundledWorkflow:
    """What the manifest says of a workflow."""
    location, live = item.location, item.live
    assert location is not None
    assert item.function is not None
    schemas = schemas_of(item.name, item.live)
    return BundledWorkflow(
        name=live.name if isinstance(live, Workflow) else item.name,
        function=item.name,
        signature=signature_text(item.function),
        description=live.description if isinstance(live, Workflow) else None,
        parameters_schema=schemas.parameters,
        result_schema=schemas.result,
        activities=roles.steps_of(item.name),
        timeout_seconds=live.timeout.total_seconds() if isinstance(live, Workflow) and live.timeout else None,
        cell_id=location.cell_id,
        cell_number=location.cell_number,
        line=location.line,
    )


def bundled_activities(gathering: Gathering, roles: Roles) -> list[BundledActivity]:
    """What the manifest says of each activity, sorted by name."""
    found = [bundled_activity(gathering.items[name]) for name in roles.activities if name in gathering.items]
    for name, step in roles.imported_steps.items():
        binding = gathering.imports.get(name.partition(".")[0])
        place = binding.location if binding else None
        found.append(activity_entry(step.attribute, step.live, place, signature=signature_of(step.live)))
    return sorted({entry.name: entry for entry in found}.values(), key=lambda entry: entry.function)


def bundled_activity(item: Item) -> BundledActivity:
    """What the manifest says of an activity of the notebook."""
    signature = signature_text(item.function) if item.function else signature_of(item.live)
    return activity_entry(item.name, item.live, item.location, signature=signature)


def activity_entry(function: str, live: object, place: CellLocation | None, *, signature: str) -> BundledActivity:
    """One activity of the manifest."""
    code = function_of(live)
    options = live.options if isinstance(live, Activity) else ActivityOptions()
    return BundledActivity(
        name=live.name if isinstance(live, Activity) else function,
        function=function,
        signature=signature,
        is_async=inspect.iscoroutinefunction(code),
        cell_id=place.cell_id if place else "",
        cell_number=place.cell_number if place else None,
        line=place.line if place else 1,
        undo=options.compensate.name if options.compensate else None,
        irreversible=options.irreversible,
    )
