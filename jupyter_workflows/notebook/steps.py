"""Which calls of a workflow's code are steps: what is awaited, at once or later, and what is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .bindings import Defined
from .live import holds_agent
from .scopes import FunctionNode
from .workflow_code import PACKAGE, Called, FunctionCode

# Functions that await what they are given, and are themselves to be awaited.
AWAITERS = frozenset("asyncio.gather asyncio.wait asyncio.wait_for asyncio.shield temporalio.workflow.wait".split())
STARTERS = frozenset("asyncio.create_task asyncio.ensure_future".split())
CONSUMERS = frozenset("asyncio.as_completed temporalio.workflow.as_completed".split())
# Coroutine functions of ours and asyncio's: forgetting `await` makes them do nothing.
OWN_COROUTINES = """
    human_approval sleep wait_for_signal parallel_map ai.chat ai.parse ai.embed ai.ocr
"""
COROUTINES = frozenset(["asyncio.sleep", *(f"{PACKAGE}.{name}" for name in OWN_COROUTINES.split())])
# Functions that are given validators, or what tells of an approval: what is a step among them is awaited each time.
CHECKERS = frozenset(f"{PACKAGE}.{name}" for name in ("Check", "Reminders", "ai.Check", "ai.chat", "ai.parse"))
# What is given tools: the notebook's functions among them are steps, which the agent awaits.
AGENT = f"{PACKAGE}.ai.Agent"
SAME_DEPTH = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter", "dict")
)
DEEPER = frozenset({"builtins.zip", "builtins.enumerate"})
ADDING_METHODS = frozenset("append add insert appendleft setdefault put_nowait".split())
MERGING_METHODS = frozenset("extend update extendleft".split())
READING_METHODS = {"values": 0, "copy": 0, "items": 1, "pop": -1, "get": -1, "popleft": -1, "popitem": 0}
DEEPEST = 4


@dataclass(eq=False, slots=True)
class Site:
    """One call that makes something to await.

    Attributes:
        called: The notebook function; None for a coroutine of a library.
        tool: Whether it is no call, but a function that an agent calls.
        awaited: Whether it certainly is awaited, itself.
        escaped: Whether it goes where it may be awaited.
        variable: The variable it was assigned to.
        dropped: Whether it stands as a statement of its own.
    """

    node: ast.Call
    label: str
    called: Called | None
    task: bool = False
    through: bool = False
    tool: bool = False
    awaited: bool = False
    escaped: bool = False
    variable: str | None = None
    dropped: bool = False

    @property
    def handled(self) -> bool:
        """Whether somebody waits for it."""
        return self.awaited or self.escaped


@dataclass(frozen=True, eq=False, slots=True)
class FunctionValue:
    """A notebook function read as a value, without being called."""

    node: ast.expr
    called: Called


@dataclass(frozen=True, slots=True)
class Carried:
    """Something to await, or a function, and in how many containers it is."""

    what: Site | FunctionValue
    depth: int


Values = frozenset[Carried]
NOTHING: Values = frozenset()


@dataclass(eq=False)
class Flow:
    """Follows what is to be awaited through a function's variables, containers and calls.

    It does not look at the order of statements: a call counts as awaited if it is anywhere.

    Args:
        code: The function.
        contents: The functions that a constant of the notebook holds.
    """

    code: FunctionCode
    contents: Callable[[str], list[Called]]
    sites: dict[int, Site] = field(default_factory=dict[int, Site])
    function_values: dict[int, FunctionValue] = field(default_factory=dict[int, FunctionValue])
    through: list[tuple[ast.expr, Called]] = field(default_factory=list[tuple[ast.expr, Called]])
    imported_awaits: list[tuple[ast.Call, str]] = field(default_factory=list[tuple[ast.Call, str]])
    _variables: dict[str, Values] = field(default_factory=dict[str, Values])
    _functions: int = 0

    def run(self) -> Flow:
        """Follows the whole function until nothing new is found."""
        before = -1
        for _ in range(8):
            self.through.clear()
            self.imported_awaits.clear()
            body = self.code.node.body
            for statement in body if isinstance(body, list) else [ast.Expr(body)]:
                self.statement(statement)
            after = sum(map(len, self._variables.values())) + sum(
                site.awaited + site.escaped for site in self.sites.values()
            )
            if after == before:
                break
            before = after
        return self

    # Statements

    def statement(self, node: ast.AST) -> None:
        """Follows one statement."""
        handler = STATEMENTS.get(type(node))
        if handler:
            getattr(self, handler)(node)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            else:
                self.statement(child)

    def _expression_statement(self, node: ast.Expr) -> None:
        for carried in self.value(node.value):
            if isinstance(carried.what, Site):
                carried.what.dropped = True

    def _assign(self, node: ast.Assign) -> None:
        values = self.value(node.value)
        for target in node.targets:
            self.assign(target, values)

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.assign(node.target, self.value(node.value))

    def _aug_assign(self, node: ast.AugAssign) -> None:
        self.assign(node.target, self.value(node.value))

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        values = self.value(node.iter)
        self.assign(node.target, shallower(values))
        self.block([*node.body, *node.orelse])

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            values = self.value(item.context_expr)
            self.escape(values)
            if item.optional_vars:
                self.assign(item.optional_vars, NOTHING)
        self.block(node.body)

    def _return(self, node: ast.Return) -> None:
        if node.value:
            values = self.value(node.value)
            # A nested function or a helper hands on what its caller then awaits; the workflow itself has none.
            if self._functions or not isinstance(self.code.node, ast.AsyncFunctionDef):
                self.escape(values)

    def _function(self, node: FunctionNode) -> None:
        self._functions += 1
        for decorator in node.decorator_list:
            self.value(decorator)
        self.block(node.body)
        self._functions -= 1

    def _class(self, node: ast.ClassDef) -> None:
        self.block(node.body)

    def block(self, body: Iterable[ast.AST]) -> None:
        """Follows a list of statements."""
        for statement in body:
            self.statement(statement)

    def assign(self, target: ast.expr, values: Values) -> None:
        """Gives values to a target."""
        if isinstance(target, ast.Name):
            for carried in values:
                if isinstance(carried.what, Site) and carried.what.variable is None:
                    carried.what.variable = target.id
            self._variables[target.id] = self._variables.get(target.id, NOTHING) | values
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self.assign(element, values | shallower(values))
        elif isinstance(target, ast.Starred):
            self.assign(target.value, values)
        elif isinstance(target, ast.Subscript):
            self.value(target.slice)
            self.assign(target.value, deeper(values))
        elif isinstance(target, ast.Attribute):
            self.escape(values)

    # Expressions

    def value(self, node: ast.AST) -> Values:
        """What an expression may carry; notes on the way what is awaited in it."""
        handler = EXPRESSIONS.get(type(node))
        if handler:
            return getattr(self, handler)(node)
        for child in ast.iter_child_nodes(node):
            self.value(child)
        return NOTHING

    def _name(self, node: ast.Name) -> Values:
        if not self.code.is_global(node):
            return self._variables.get(node.id, NOTHING)
        called = self.code.called(node)
        if called is None:
            held = [FunctionValue(node, function) for function in self.contents(node.id)]
            return frozenset(Carried(value, 1) for value in held)
        value = self.function_values.setdefault(id(node), FunctionValue(node, called))
        return frozenset({Carried(value, 0)})

    def _await(self, node: ast.Await) -> Values:
        self.wait_for(self.value(node.value))
        if isinstance(node.value, ast.Call):
            full = self.code.full_name(node.value.func)
            if full and id(node.value) not in self.sites and not full.startswith("builtins."):
                self.imported_awaits.append((node.value, full))
        return NOTHING

    def _container(self, node: ast.List | ast.Tuple | ast.Set) -> Values:
        return deeper(self.union(node.elts))

    def _dict(self, node: ast.Dict) -> Values:
        self.union(key for key in node.keys if key)
        return deeper(self.union(node.values))

    def _starred(self, node: ast.Starred) -> Values:
        return shallower(self.value(node.value))

    def _choice(self, node: ast.IfExp) -> Values:
        self.value(node.test)
        return self.union([node.body, node.orelse])

    def _bool_op(self, node: ast.BoolOp) -> Values:
        return frozenset(
            carried for carried in self.union(node.values) if isinstance(carried.what, FunctionValue) or carried.depth
        )

    def _named(self, node: ast.NamedExpr) -> Values:
        values = self.value(node.value)
        self.assign(node.target, values)
        return values

    def _subscript(self, node: ast.Subscript) -> Values:
        self.value(node.slice)
        return shallower(self.value(node.value))

    def _bin_op(self, node: ast.BinOp) -> Values:
        return frozenset(carried for carried in self.union([node.left, node.right]) if carried.depth)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Values:
        self.generators(node.generators)
        return deeper(self.value(node.elt))

    def _dict_comprehension(self, node: ast.DictComp) -> Values:
        self.generators(node.generators)
        self.value(node.key)
        return deeper(self.value(node.value))

    def generators(self, generators: list[ast.comprehension]) -> None:
        """Follows the `for` and `if` parts of a comprehension."""
        for generator in generators:
            self.assign(generator.target, shallower(self.value(generator.iter)))
            for condition in generator.ifs:
                self.value(condition)

    def _lambda(self, node: ast.Lambda) -> Values:
        self._functions += 1
        values = self.value(node.body)
        self._functions -= 1
        return values

    def union(self, nodes: Iterable[ast.expr]) -> Values:
        """What any of several expressions carries."""
        return frozenset(carried for node in nodes for carried in self.value(node))

    # Calls

    def _call(self, node: ast.Call) -> Values:
        called = self.code.called(node.func)
        if called:
            return self.notebook_call(node, called)
        full = self.code.full_name(node.func)
        if full and is_waiting(full):
            return self.waiting_call(node, full)
        if full in SAME_DEPTH or full in DEEPER:
            values = self.union(arguments_of(node))
            return deeper(values) if full in DEEPER else values
        if full == "builtins.map":
            return self.mapped(node)
        if isinstance(node.func, ast.Attribute) and not full:
            return self.method_call(node, node.func)
        return self.other_call(node, full)

    def notebook_call(self, node: ast.Call, called: Called) -> Values:
        """A call of a function of the notebook by its name."""
        given = self.union(arguments_of(node))
        self.hand_over(given, to_step=called.kind != "sync")
        return self.site(node, called)

    def site(
        self, node: ast.Call, called: Called | None, label: str = "", *, task: bool = False, through: bool = False
    ) -> Values:
        """Notes a call that makes something to await."""
        name = label or (called.name if called else "")
        site = self.sites.setdefault(id(node), Site(node, name, called, task, through))
        return frozenset({Carried(site, 0)})

    def waiting_call(self, node: ast.Call, full: str) -> Values:
        """A call of something that awaits its arguments, or is to be awaited itself."""
        values = self.union(arguments_of(node))
        short = full.rpartition(".")[2]
        if full == f"{PACKAGE}.parallel_map":
            self.mapped_values(node, values)
        elif full in CHECKERS:
            self.validators(values)
        elif full not in COROUTINES:
            self.wait_for(values)
        if full in CONSUMERS:
            return NOTHING
        task = full in STARTERS
        label = next((c.what.label for c in values if isinstance(c.what, Site)), short) if task else short
        return self.site(node, None, label, task=task)

    def mapped_values(self, node: ast.Call, values: Values) -> None:
        """The function that `parallel_map` is given is awaited for each item; the items are not."""
        for carried in values:
            if not isinstance(carried.what, FunctionValue):
                continue
            if carried.what.node in [node.args[0] if node.args else None, *(k.value for k in node.keywords)]:
                self.mark(self.site_of_value(carried.what))
            else:
                self.through.append((carried.what.node, carried.what.called))

    def validators(self, values: Values) -> None:
        """Functions that judge an answer: those that are steps are awaited."""
        for carried in values:
            if isinstance(carried.what, FunctionValue) and carried.what.called.kind != "sync":
                self.mark(self.site_of_value(carried.what))

    def tools(self, values: Values) -> None:
        """Functions that an agent is given: it awaits them, each as a step."""
        for carried in values:
            if isinstance(carried.what, FunctionValue):
                value = carried.what
                call = ast.copy_location(ast.Call(value.node, [], []), value.node)
                # A constant may hold several functions, all read by one name.
                place = hash((id(value.node), value.called.name))
                site = Site(call, value.called.name, value.called, tool=True)
                self.sites.setdefault(place, site).awaited = True

    def site_of_value(self, value: FunctionValue) -> Site:
        """A function handed to something that calls and awaits it, as a call."""
        call = ast.copy_location(ast.Call(value.node, [], []), value.node)
        return self.sites.setdefault(id(value.node), Site(call, value.called.name, value.called))

    def mapped(self, node: ast.Call) -> Values:
        """`map(function, items)`: a container of calls."""
        values = self.union(arguments_of(node))
        calls = [self.site_of_value(c.what) for c in values if isinstance(c.what, FunctionValue)]
        return frozenset(Carried(site, 1) for site in calls)

    def method_call(self, node: ast.Call, func: ast.Attribute) -> Values:
        """A call of a method: those of containers pass on what they hold; `create_task` starts it."""
        receiver = self.value(func.value)
        given = self.union(arguments_of(node))
        if func.attr == "run" and self.is_agent(func.value):
            return self.site(node, None, f"{ast.unparse(func)}")
        if func.attr == "create_task":
            self.wait_for(given)
        elif func.attr in ADDING_METHODS and isinstance(func.value, ast.Name):
            self.assign(func.value, deeper(given))
        elif func.attr in MERGING_METHODS and isinstance(func.value, ast.Name):
            self.assign(func.value, given)
        else:
            self.hand_over(given, to_step=False)
        move = READING_METHODS.get(func.attr)
        if move is None:
            return NOTHING
        return deeper(receiver) if move > 0 else shallower(receiver) if move < 0 else receiver

    def is_agent(self, node: ast.expr) -> bool:
        """Whether an expression names an agent of the notebook."""
        if not isinstance(node, ast.Name) or not self.code.is_global(node):
            return False
        binding = self.code.names[node.id]
        return isinstance(binding, Defined) and holds_agent(binding.live)

    def other_call(self, node: ast.Call, full: str | None) -> Values:
        """A call of a variable, a nested function, or a library's function."""
        functions = [] if full else [c.what for c in self.value(node.func) if isinstance(c.what, FunctionValue)]
        given = self.union(arguments_of(node))
        if full in CHECKERS:
            self.validators(given)
        elif full == AGENT:
            self.tools(given)
        elif not (full or "").startswith("builtins."):
            self.hand_over(given, to_step=False)
        if not functions:
            return NOTHING
        called = functions[0].called
        if called.kind != "sync":
            self.through.append((node.func, called))
            return NOTHING
        return self.site(node, called, through=True)

    # What happens to what is carried

    def wait_for(self, values: Values) -> None:
        """Notes that values are awaited."""
        for carried in values:
            if isinstance(carried.what, Site):
                self.mark(carried.what)

    def mark(self, site: Site) -> None:
        """Notes that a site is awaited."""
        site.awaited = True
        if site.through and site.called:
            self.through.append((site.node.func, site.called))

    def escape(self, values: Values) -> None:
        """Notes that values go where they may be awaited."""
        for carried in values:
            if isinstance(carried.what, Site):
                carried.what.escaped = True

    def hand_over(self, values: Values, *, to_step: bool) -> None:
        """Values are given to a function: to a step they can't travel, any other may await them."""
        for carried in values:
            if isinstance(carried.what, Site):
                carried.what.escaped |= not to_step
            elif carried.what.called.kind != "sync":
                self.through.append((carried.what.node, carried.what.called))


def is_waiting(full: str) -> bool:
    """Whether a function of a library awaits its arguments or is to be awaited itself."""
    return full in AWAITERS or full in STARTERS or full in CONSUMERS or full in COROUTINES


def arguments_of(node: ast.Call) -> list[ast.expr]:
    """All arguments of a call."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def deeper(values: Values) -> Values:
    """The same in one more container."""
    return frozenset(Carried(carried.what, min(carried.depth + 1, DEEPEST)) for carried in values)


def shallower(values: Values) -> Values:
    """The same taken out of a container; what is in none is then used, not carried."""
    return frozenset(
        Carried(carried.what, max(carried.depth - 1, 0))
        for carried in values
        if carried.depth or isinstance(carried.what, FunctionValue)
    )


# The method of `Flow` that follows each kind of node.
STATEMENTS: dict[type[ast.AST], str] = {
    ast.Expr: "_expression_statement",
    ast.Assign: "_assign",
    ast.AnnAssign: "_ann_assign",
    ast.AugAssign: "_aug_assign",
    ast.For: "_for",
    ast.AsyncFor: "_for",
    ast.With: "_with",
    ast.AsyncWith: "_with",
    ast.Return: "_return",
    ast.FunctionDef: "_function",
    ast.AsyncFunctionDef: "_function",
    ast.ClassDef: "_class",
}
EXPRESSIONS: dict[type[ast.AST], str] = {
    ast.Name: "_name",
    ast.Await: "_await",
    ast.List: "_container",
    ast.Tuple: "_container",
    ast.Set: "_container",
    ast.Dict: "_dict",
    ast.Starred: "_starred",
    ast.IfExp: "_choice",
    ast.BoolOp: "_bool_op",
    ast.NamedExpr: "_named",
    ast.Subscript: "_subscript",
    ast.BinOp: "_bin_op",
    ast.ListComp: "_comprehension",
    ast.SetComp: "_comprehension",
    ast.GeneratorExp: "_comprehension",
    ast.DictComp: "_dict_comprehension",
    ast.Lambda: "_lambda",
    ast.Call: "_call",
}
