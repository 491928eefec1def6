"""Values of the notebook: by their definition, by themselves, captured on purpose, or refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from . import diagnostics as rules
from .bindings import Defined, LiveValue, Names
from .captured import size_text
from .cell_log import Definition, root_name
from .diagnostics import Rule
from .effects import Effect, Purity, evaluate_again, is_cheap, is_value_class, statement_effect
from .items import Item
from .live import function_of, holds_agent, is_step
from .scopes import references
from .values import LARGEST_LITERAL_CHARACTERS, assignment, is_plain, same

SECRET_NAME = re.compile(r"(?i)(^|_)(api_?key|key|token|secret|password|passwd|credentials?)(_|$)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value can't be bundled."""

    rule: Rule
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a value goes into the bundle, or why not."""

    item: Item | None = None
    refusal: Refusal | None = None
    warning: Refusal | None = None
    # The value is not what its definition gives: right only if a bundled function is what changes it.
    own_state: Refusal | None = None


class Constants:
    """Judges the values a workflow reads.

    Args:
        names: What names stand for.
        calm: Tells what calling a function or class of the notebook would do; None for nothing.
    """

    def __init__(self, names: Names, calm: Callable[[str], str | None]) -> None:
        self.names = names
        self.purity = Purity(self._live, calm)
        self._verdicts: dict[str, Verdict] = {}

    def _live(self, name: str) -> object:
        return self.names.namespace[name]

    def judge(self, binding: Defined | LiveValue) -> Verdict:
        """How a value goes into the bundle, or why not."""
        known = self._verdicts.get(binding.name)
        if known is None:
            # A value that is defined by itself in a circle is judged by what it is.
            self._verdicts[binding.name] = self._by_value(binding, "an earlier value of its own name")
            known = self._verdicts[binding.name] = self._judge(binding)
        return known

    def _judge(self, binding: Defined | LiveValue) -> Verdict:
        if isinstance(binding, LiveValue):
            return self._by_value(binding, "what gave it its value")
        statement = binding.definition.statement
        if statement.kind == "augment":
            return refuse(rules.MUTATED, name=binding.name, place=f" ({binding.definition.location})")
        if statement.kind == "block":
            return self._block(binding)
        return self._assignment(binding)

    def _by_value(self, binding: Defined | LiveValue, effect: str) -> Verdict:
        """The value itself, written down, if it is plain data."""
        name, live = binding.name, binding.live
        if not is_plain(live):
            return self._not_plain(binding)
        if isinstance(live, str) and SECRET_NAME.search(name):
            return refuse(rules.SIDE_EFFECT, name=name, effect="outside the notebook and may be a secret")
        source = assignment(name, live)
        if len(source) > LARGEST_LITERAL_CHARACTERS:
            return refuse(rules.TOO_LARGE, name=name, size=size_text(len(source)))
        item = Item((name,), "constant", source, binding.definition, live, verbatim=False)
        return Verdict(item, warning=Refusal(rules.FROZEN, {"name": name, "effect": effect}))

    def _not_plain(self, binding: Defined | LiveValue) -> Verdict:
        live, name = binding.live, binding.name
        if function_of(live) or is_step(live):
            return refuse(rules.NO_SOURCE, name=name, what="made by a call")
        return refuse(rules.LIVE_OBJECT, name=name, type=type_name(live))

    def _block(self, binding: Defined) -> Verdict:
        statement = binding.definition.statement
        effect = statement_effect(statement.node, self.purity)
        if any(reference.name == "__name__" for reference in references(statement.node)):
            effect = Effect("it depends on __name__", statement.node)
        if effect is None:
            return Verdict(self._verbatim(binding, statement.names))
        if is_plain(binding.live) and not effect.secret:
            return self._by_value(binding, effect.what)
        return refuse(rules.BLOCK_EFFECT, name=binding.name, effect=effect.what)

    def _verbatim(self, binding: Defined, names: tuple[str, ...]) -> Item:
        statement = binding.definition.statement
        ordered = (binding.name, *(name for name in names if name != binding.name))
        return Item(ordered, "constant", statement.text, binding.definition, binding.live, binding.function)

    def _assignment(self, binding: Defined) -> Verdict:
        statement = binding.definition.statement
        value = getattr(statement.node, "value", None)
        if not isinstance(value, ast.expr):
            return self._by_value(binding, "what gave it its value")
        read = {reference.name for reference in references(value) if reference.eager}
        if binding.name in read:
            return self._again(binding)
        effect = self.purity.effect(value)
        if effect:
            return self._with_effect(binding, effect)
        if is_plain(binding.live):
            return self._plain(binding, read)
        return self._object(binding, value)

    def _again(self, binding: Defined) -> Verdict:
        if is_plain(binding.live):
            return self._by_value(binding, f"an earlier {binding.name}")
        if function_of(binding.live) or is_step(binding.live) or is_value_class(type(binding.live)):
            return refuse(rules.REDEFINED, name=binding.name)
        return self._not_plain(binding)

    def _with_effect(self, binding: Defined, effect: Effect) -> Verdict:
        if effect.secret:
            return refuse(rules.SIDE_EFFECT, name=binding.name, effect=effect.what)
        if is_plain(binding.live):
            changed = self._changed(binding)
            return changed or self._by_value(binding, effect.what)
        if is_value_class(type(binding.live)):
            return refuse(rules.SIDE_EFFECT, name=binding.name, effect=effect.what)
        return self._not_plain(binding)

    def _plain(self, binding: Defined, read: set[str]) -> Verdict:
        """Plain data from an expression without effects: the expression, if it still gives that value."""
        node = binding.definition.statement.node
        for name in read:
            owner = self.names[name]
            if isinstance(owner, LiveValue | Defined) and owner.name != binding.name and is_value(owner):
                verdict = self.judge(owner)
                if verdict.refusal:
                    return self._by_value(binding, f"{name}, which can't leave the kernel,")
        if is_cheap(node.value):  # type: ignore[attr-defined]
            again = self._evaluated(node, binding.name)
            if not same(again, binding.live):
                return self._disagrees(binding, read)
        else:
            changed = self._changed(binding)
            if changed:
                return changed
        return Verdict(self._verbatim(binding, binding.definition.statement.names))

    def _evaluated(self, node: ast.stmt, name: str) -> object:
        try:
            return evaluate_again(node, self._live).get(name)
        except Exception:  # noqa: BLE001 - the user's expression may raise anything by now
            return ...

    def _disagrees(self, binding: Defined, read: set[str]) -> Verdict:
        changed = self._changed(binding)
        if changed:
            return changed
        for name in sorted(read):
            newest = self.names.cells.definitions(name)
            if newest and newest[0].newer_than > binding.definition.newer_than:
                return refuse(rules.STALE, name=binding.name, dependency=name)
        return self._own_state(binding)

    def _own_state(self, binding: Defined) -> Verdict:
        """A value changed by no statement of a cell: by a function, then."""
        item = self._verbatim(binding, binding.definition.statement.names)
        return Verdict(item, own_state=Refusal(rules.MUTATED, {"name": binding.name, "place": ""}))

    def _changed(self, binding: Defined) -> Verdict | None:
        change = self.change_after(binding.definition)
        return refuse(rules.MUTATED, name=binding.name, place=f" ({change.location})") if change else None

    def change_after(self, definition: Definition, *, attributes_only: bool = False) -> Definition | None:
        """The first statement at the top of a cell that changed a value after its definition."""
        for change in self.names.cells.changes(definition.name):
            later = change.newer_than > definition.newer_than and change.executed
            if later and (not attributes_only or assigns_attribute(change.statement.node, definition.name)):
                return change
        return None

    def _object(self, binding: Defined, value: ast.expr) -> Verdict:
        """An object from an expression without effects."""
        live = binding.live
        simple = isinstance(value, ast.Name | ast.Attribute)
        change = self.change_after(binding.definition, attributes_only=simple)
        if change:
            return refuse(rules.MUTATED, name=binding.name, place=f" ({change.location})")
        if is_cheap(value) and is_plain(self._evaluated(binding.definition.statement.node, binding.name)):
            return self._own_state(binding)
        if self._calls_notebook(value) and not is_holdable(live):
            return refuse(rules.LIVE_OBJECT, name=binding.name, type=type_name(live))
        return Verdict(self._verbatim(binding, binding.definition.statement.names))

    def _calls_notebook(self, value: ast.expr) -> bool:
        """Whether an expression calls a function or class of the notebook that does more than hold values."""
        for node in ast.walk(value):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                owner = self.names[node.func.id]
                if isinstance(owner, Defined) and not (isinstance(owner.live, type) and is_value_class(owner.live)):
                    return True
        return False


def is_value(binding: Defined | LiveValue) -> bool:
    """Whether a name stands for a value rather than a function, class or step."""
    if isinstance(binding, LiveValue):
        return True
    return binding.definition.statement.kind in ("assign", "augment", "block") and binding.function is None


def is_holdable(live: object) -> bool:
    """Whether an object only holds values or code, so that making it again elsewhere makes the same."""
    if isinstance(live, list | tuple | set | frozenset):
        return all(is_holdable(item) for item in cast("Iterable[object]", live))
    if isinstance(live, dict):
        return all(is_holdable(item) for item in cast("dict[object, object]", live).values())
    kind = type(live)
    own = kind.__module__ == "__main__"
    return (
        is_plain(live)
        or is_step(live)
        or holds_agent(live)
        or callable(live)
        or is_value_class(kind)
        or own
        or isinstance(live, re.Pattern)
    )


def assigns_attribute(node: ast.AST, name: str) -> bool:
    """Whether a statement assigns or deletes an attribute or item of a name."""
    return any(
        isinstance(part, ast.Attribute | ast.Subscript)
        and not isinstance(part.ctx, ast.Load)
        and root_name(part) == name
        for part in ast.walk(node)
    )


def type_name(live: object) -> str:
    """The type of an object as a reader knows it."""
    kind = type(live)
    module = kind.__module__.partition(".")[0]
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module} {kind.__qualname__}"


def refuse(rule: Rule, **values: object) -> Verdict:
    """A verdict that refuses a value."""
    return Verdict(refusal=Refusal(rule, values))
