"""Which functions are steps, which are helpers of the workflow, and what is wrong with how they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..authoring import Activity
from ..schema import CellLocation
from . import diagnostics as rules
from .bindings import Binding, Defined, Imported
from .determinism import findings as determinism_findings
from .determinism import state_changes
from .effects import dotted
from .gathering import Gathering
from .items import ImportedStep, Item
from .live import holds_agent, is_step
from .placement import reached
from .scopes import FunctionNode, references
from .steps import Flow, Site
from .syntax import nodes
from .undos import undos
from .workflow_code import PACKAGE, Called, FunctionCode, alias_target, called_by, step_kind

WORKFLOW_NAMES = """
    human_approval sleep wait_for_signal set_query_value continue_as_new history_is_long parallel_map
"""
WORKFLOW_API = frozenset(f"{PACKAGE}.{name}" for name in WORKFLOW_NAMES.split())
ACTIVITY_NAMES = "heartbeat last_heartbeat ai.emit ai.last_text ai.stream"
ACTIVITY_API = frozenset(f"{PACKAGE}.{name}" for name in ACTIVITY_NAMES.split())
NOTEBOOK_METHODS = frozenset({"start", "bundle", "options"})
# Libraries whose coroutines a workflow may await: they are made for Temporal's own event loop.
AWAITABLE_LIBRARIES = frozenset({"asyncio", PACKAGE, "temporalio"})


class Roles:
    """Tells steps from helpers by how workflow code uses them.

    Attributes:
        activities: Names of the functions that are steps.
        workflows: Names of the workflows, those awaited as child runs included.
        imported_steps: The steps that are imported, by the name the workflow calls them.
    """

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self.names = gathering.names
        self.findings = gathering.findings
        self.activities: set[str] = set()
        self.workflows: set[str] = set()
        self.imported_steps: dict[str, ImportedStep] = {}
        self._code: dict[str, FunctionCode] = {}
        self._steps: dict[str, list[str]] = {}
        self._awaited: dict[str, CellLocation] = {}
        self._plain: dict[str, tuple[Site, FunctionCode]] = {}
        self._forgotten: list[tuple[Site, FunctionCode]] = []
        self._methods: set[str] = set()
        self._suspects: dict[str, list[tuple[rules.Rule, ast.AST, str]]] = {}

    def assign(self, roots: list[str]) -> None:
        """Follows workflow code from the workflows through its helpers, then looks at the activities."""
        waiting = list(roots)
        self.workflows.update(roots)
        while waiting:
            name = waiting.pop(0)
            if name not in self._code:
                waiting.extend(self._follow(name))
        self._both_ways()
        for site, code in self._forgotten:
            self._forgotten_step(site, code)
        for name, code in self._code.items():
            if isinstance(code.node, FunctionNode | ast.Lambda):
                self._check_workflow_code(name, code)
        self.activities.update(undos(self.activities, self.gathering))
        self._check_activities()
        self._check_classes()

    def is_decorated(self, item: Item) -> bool:
        """Whether the user made the function a step."""
        if not isinstance(item.function, FunctionNode) or not is_step(item.live):
            return False
        decorators = [node.func if isinstance(node, ast.Call) else node for node in item.function.decorator_list]
        roots = {(dotted(node) or "").partition(".")[0] for node in decorators}
        bindings = [self.names[root] for root in roots if root]
        if any(isinstance(binding, Imported) and binding.module.startswith(PACKAGE) for binding in bindings):
            return True
        # `step = activity(retry=...)` makes a decorator of the notebook's own.
        magic = (item.definition.execution.cell.decorator if item.definition else None) or ""
        by_magic = magic.startswith("@activity" if isinstance(item.live, Activity) else "@workflow")
        return not by_magic and any(isinstance(binding, Defined) for binding in bindings)

    def steps_of(self, workflow: str) -> list[str]:
        """The steps a workflow awaits, its helpers' included, in source order."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = [workflow]
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            for step in self._steps.get(name, []):
                found.setdefault(step)
            code = self._code.get(name)
            reads = [read.name for read in code.reads] if code else []
            waiting.extend(name for name in reads if name in self._code and name not in self.workflows)
        return list(found)

    # Workflow code

    def _follow(self, name: str) -> list[str]:
        """Analyses one function of workflow code; gives the helpers it leads to."""
        code = self._code_of(name)
        if code is None:
            return []
        self._code[name] = code
        flow = Flow(code, self._contents).run()
        more: list[str] = []
        for site in sorted(flow.sites.values(), key=lambda site: (site.node.lineno, site.node.col_offset)):
            more.extend(self._judge(name, site, code))
        for node, called in flow.through:
            self.findings.add(rules.THROUGH_VARIABLE, code.location(node), name=called.name)
        for call, full in flow.imported_awaits:
            self._imported_await(code, call, full)
        used = [value.called for value in flow.function_values.values()]
        more.extend(called.name for called in used if called.kind == "sync" and called.name not in self._awaited)
        more.extend(self._decorators(code))
        more.extend(read.name for read in code.reads if self._holds_agent(self.names[read.name]))
        return [found for found in more if found not in self.activities]

    def _code_of(self, name: str) -> FunctionCode | None:
        binding = self.names[name]
        if not isinstance(binding, Defined):
            return None
        node = binding.function or alias_target(binding)
        if self._holds_agent(binding):
            node = made_by(binding)
            if node is None:
                place = binding.definition.execution.location(binding.definition.statement.node.lineno)
                self.findings.add(rules.AGENT_UNKNOWN, place, name=name)
        if not isinstance(node, FunctionNode | ast.Lambda):
            return None
        item = self.gathering.items.get(name)
        if item is not None and item.function is node:
            return self.gathering.code_of(item)
        return FunctionCode(name, node, binding.definition.execution, self.names)

    def _decorators(self, code: FunctionCode) -> Iterator[str]:
        """Notebook functions that decorate workflow code run in it too."""
        for decorator in getattr(code.node, "decorator_list", []):
            for read in references(decorator):
                called = called_by(self.names, read.name)
                if called and called.kind == "sync":
                    yield called.name

    def _holds_agent(self, binding: Binding) -> bool:
        """Whether a name stands for a constant that is an agent, or has some: its tools are steps."""
        return isinstance(binding, Defined) and binding.function is None and holds_agent(binding.live)

    def _contents(self, name: str, depth: int = 3) -> list[Called]:
        """The functions that a constant holds, through other constants too."""
        binding = self.names[name]
        if not isinstance(binding, Defined) or binding.function or binding.definition.statement.kind != "assign":
            return []
        if holds_agent(binding.live):
            return []
        found: list[Called] = []
        for read in references(binding.definition.statement.node):
            called = called_by(self.names, read.name)
            found.extend([called] if called else self._contents(read.name, depth - 1) if depth else [])
        return found

    def _judge(self, name: str, site: Site, code: FunctionCode) -> list[str]:
        """What one call makes of the function it calls; gives the helper it leads to, if it does."""
        called = site.called
        if called is None:
            self._library_call(site, code)
            return []
        if called.kind == "sync":
            return self._sync_call(name, site, called, code)
        self._step(name, called, code.location(site.node), waited_for=site.handled)
        if not site.handled:
            self._forgotten.append((site, code))
        return [called.name] if called.kind == "workflow" else []

    def _step(self, name: str, called: Called, location: CellLocation, *, waited_for: bool = True) -> None:
        if called.kind == "workflow":
            self.workflows.add(called.name)
            if isinstance(called.binding, Imported):
                self.findings.add(rules.NO_WORKFLOW, location, name=f"{called.name}, which is imported,")
            return
        if isinstance(called.binding, Imported):
            self._imported_step(called, called.binding)
        self.activities.add(called.name)
        if waited_for:
            self._awaited.setdefault(called.name, location)
        self._steps.setdefault(name, []).append(called.name)

    def _imported_step(self, called: Called, binding: Imported) -> None:
        _, _, attribute = called.name.partition(".")
        if attribute:
            step = ImportedStep(binding.dotted, attribute, vars(binding.live).get(attribute))
        else:
            step = ImportedStep(binding.module, binding.attribute or called.name, binding.live)
        self.imported_steps[called.name] = step

    def _sync_call(self, name: str, site: Site, called: Called, code: FunctionCode) -> list[str]:
        location = code.location(site.node)
        if not site.awaited:
            self._plain.setdefault(called.name, (site, code))
            return [called.name]
        if called.made:
            self.findings.add(
                rules.MADE_TOOL if site.tool else rules.MADE_STEP, location, name=called.name, what=called.made
            )
            return []
        if site.through:
            return []
        self._step(name, called, location)
        return []

    def _library_call(self, site: Site, code: FunctionCode) -> None:
        if site.handled:
            return
        location = code.location(site.node)
        if site.task:
            self.findings.add(rules.TASK_LOST, location, name=site.label)
        elif site.dropped or site.variable is None:
            self.findings.add(rules.API_NOT_AWAITED, location, name=dotted(site.node.func) or site.label)
        else:
            self.findings.add(rules.NEVER_AWAITED, location, name=site.label, variable=site.variable)

    def _forgotten_step(self, site: Site, code: FunctionCode) -> None:
        """A step that nobody waits for."""
        location = code.location(site.node)
        elsewhere = self._awaited.get(site.label)
        if site.dropped:
            self.findings.add(rules.NOT_AWAITED, location, name=site.label)
        elif elsewhere:
            self.findings.add(rules.SOMETIMES_AWAITED, location, name=site.label, place=elsewhere)
        elif site.variable:
            self.findings.add(rules.NEVER_AWAITED, location, name=site.label, variable=site.variable)
        else:
            self.findings.add(rules.USED_UNAWAITED, location, name=site.label)

    def _imported_await(self, code: FunctionCode, call: ast.Call, full: str) -> None:
        """An awaited call of a library: a step only if it was made one."""
        module = full.rpartition(".")[0]
        if full.partition(".")[0] in AWAITABLE_LIBRARIES:
            return
        if any(finding.node is call.func for finding in determinism_findings(code)):
            return
        self.findings.add(rules.NOT_A_STEP, code.location(call), name=dotted(call.func) or full, module=module)

    def _both_ways(self) -> None:
        """Functions awaited in one place and called plainly in another."""
        for name in sorted(self._awaited.keys() & self._plain.keys()):
            site, code = self._plain[name]
            self.findings.add(rules.BOTH_WAYS, self._awaited[name], name=name, place=str(code.location(site.node)))

    def _check_workflow_code(self, name: str, code: FunctionCode) -> None:
        """What a replay can't repeat, and what does not belong into workflow code."""
        for finding in determinism_findings(code):
            self.findings.add(finding.rule, code.location(finding.node), name=finding.name, function=name)
        for node in nodes(code.node):
            if isinstance(node, ast.Attribute):
                self._methods.add(node.attr)
                called = code.called(node.value)
                if called and called.kind == "workflow" and node.attr in NOTEBOOK_METHODS:
                    self.findings.add(rules.START_IN_WORKFLOW, code.location(node), name=called.name, method=node.attr)
            elif isinstance(node, ast.Call) and code.full_name(node.func) in ACTIVITY_API:
                self.findings.add(rules.API_IN_WORKFLOW, code.location(node), name=dotted(node.func))
            elif isinstance(node, FunctionNode) and node is not code.node:
                self._nested_workflow(node, code, name)

    def _nested_workflow(self, node: FunctionNode, code: FunctionCode, owner: str) -> None:
        for decorator in node.decorator_list:
            made_by = decorator.func if isinstance(decorator, ast.Call) else decorator
            if code.full_name(made_by) == f"{PACKAGE}.workflow":
                self.findings.add(rules.NESTED_WORKFLOW, code.location(node), name=node.name, owner=f"{owner}()")

    # Activities

    def _check_activities(self) -> None:
        """What does not belong into activities and their helpers; two steps of one name."""
        items = self.gathering.items
        by_name: dict[str, list[str]] = {}
        for name in sorted(self.activities):
            live = items[name].live if name in items else None
            label = live.name if isinstance(live, Activity) else name
            by_name.setdefault(label, []).append(name)
            for inner in sorted(reached(items, [name], stop=self.workflows)):
                self._check_activity_code(name, items[inner])
        for label, functions in by_name.items():
            if len(functions) > 1:
                location = items[functions[1]].location if functions[1] in items else None
                self.findings.add(rules.SAME_STEP_NAME, location, name=label, functions=", ".join(functions))

    def _check_activity_code(self, activity: str, item: Item) -> None:
        if item.function is None or item.name in self.workflows:
            return
        code = self.gathering.code_of(item)
        if item.name not in self._suspects:
            self._suspects[item.name] = list(self._suspects_of(item, code))
        for rule, node, name in self._suspects[item.name]:
            self.findings.add(rule, code.location(node), name=name, function=activity)

    def _suspects_of(self, item: Item, code: FunctionCode) -> Iterator[tuple[rules.Rule, ast.AST, str]]:
        """What does not belong into a function that an activity runs."""
        for node in nodes(code.node):
            if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
                full = code.full_name(node)
                if full in WORKFLOW_API:
                    yield rules.API_IN_ACTIVITY, node, dotted(node) or full
                elif full in ("builtins.input", "builtins.breakpoint", "getpass.getpass"):
                    yield rules.INPUT, node, dotted(node) or full
                called = code.called(node)
                if called and called.kind == "workflow":
                    yield rules.WORKFLOW_IN_ACTIVITY, node, called.name
                elif called and called.name == item.name and item.name in self.activities:
                    yield rules.RECURSIVE_STEP, node, item.name
        for node, name in state_changes(code):
            self.findings.add(rules.OWN_STATE, code.location(node), name=name, function=item.name)

    # Classes

    def _check_classes(self) -> None:
        """Classes that workflow code uses, whose methods do what a replay can't repeat; workflows in classes."""
        reading = [read.name for code in self._code.values() for read in code.reads]
        for name in dict.fromkeys(reading):
            item = self.gathering.items.get(name)
            node = item.node if item else None
            if item and item.definition and isinstance(node, ast.ClassDef):
                self._check_class(item, node)

    def _check_class(self, item: Item, node: ast.ClassDef) -> None:
        assert item.definition is not None
        code = FunctionCode(item.name, node, item.definition.execution, self.names)
        for part in node.body:
            if isinstance(part, FunctionNode) and is_workflow_method(item.live, part.name):
                self.findings.add(rules.METHOD_WORKFLOW, code.location(part), name=part.name, owner=item.name)
        for finding in determinism_findings(code):
            method = method_at(node, finding.node)
            used = method is None or method in self._methods or method.startswith("__")
            if used and finding.rule.severity == "error":
                self.findings.add(
                    rules.METHOD,
                    code.location(finding.node),
                    name=item.name,
                    method=method or "the class body",
                    reason=finding.name,
                )


def made_by(binding: Defined) -> ast.Lambda | None:
    """The expression that made a constant, as a function without parameters; None where it is no assignment."""
    node = binding.definition.statement.node
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return None
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.copy_location(ast.Lambda(nothing, node.value), node.value)


def method_at(node: ast.ClassDef, inner: ast.AST) -> str | None:
    """The method of a class that a node is in."""
    line = getattr(inner, "lineno", 0)
    for part in node.body:
        if isinstance(part, FunctionNode) and part.lineno <= line <= (part.end_lineno or part.lineno):
            return part.name
    return None


def is_workflow_method(live: object, name: str) -> bool:
    """Whether a class has a workflow under a name."""
    return isinstance(live, type) and step_kind(vars(live).get(name)) == "workflow"
