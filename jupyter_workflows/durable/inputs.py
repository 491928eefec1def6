"""What a cell depends on: every name it reads, and what the functions it calls read, each with a digest."""

from __future__ import annotations

import builtins
import hashlib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..authoring import Activity, Workflow
from ..notebook.bindings import NOTEBOOK_ONLY, Defined, Names
from ..notebook.cell_names import digest_of, global_names
from ..notebook.live import function_of
from ..notebook.syntax import behaviour
from .packing import Unstorable, is_code, is_of_notebook, type_name
from .values import encode

if TYPE_CHECKING:
    from ..notebook.cell_log import CellLog

ABSENT = "absent"
BY_TYPE = "type:"


@dataclass
class Digests:
    """Digests of the values that names hold, kept while nothing has run that could change them."""

    known: dict[str, tuple[Any, str, frozenset[str]]] = field(
        default_factory=dict[str, tuple[Any, str, frozenset[str]]]
    )
    pickled: dict[int, tuple[Any, str]] = field(default_factory=dict[int, tuple[Any, str]])

    def forget(self) -> None:
        """Something has run: any value may have changed."""
        self.known.clear()

    def of(self, name: str, value: Any) -> tuple[str, frozenset[str]] | None:
        """Digest of the value that a name holds, where it is known, and the code it refers to."""
        held = self.known.get(name)
        return held[1:] if held is not None and held[0] is value else None

    def keep(self, name: str, value: Any, digest: str, referred: Iterable[str] = ()) -> None:
        """Notes the digest of the value that a name holds."""
        self.known[name] = (value, digest, frozenset(referred))

    def keep_pickled(self, value: Any, digest: str) -> None:
        """Notes the digest of a pickle: the object is known by it, since two pickles of it may differ."""
        self.pickled[id(value)] = (value, digest)


class Inputs:
    """Looks up what code depends on, in a kernel as it is now.

    Args:
        cells: What was executed.
        namespace: The kernel's live names.
        digests: What is known already.
        directory: The directory whose modules belong to the notebook.
    """

    def __init__(self, cells: CellLog, namespace: Mapping[str, Any], digests: Digests, directory: Path) -> None:
        self.names = Names(cells, namespace)
        self.namespace = namespace
        self.digests = digests
        self.directory = directory

    def of(self, reads: Iterable[str]) -> dict[str, str]:
        """Name to digest of all that code depends on which reads some names; Python's own names left out."""
        found: dict[str, str] = {}
        todo = list(reads)
        while todo:
            name = todo.pop(0)
            if name in found or NOTEBOOK_ONLY.fullmatch(name):
                continue
            if name not in self.namespace:
                if not hasattr(builtins, name):
                    found[name] = ABSENT
                continue
            found[name], more = self.digest(name, self.namespace[name])
            todo.extend(more)
        return found

    def digest(self, name: str, value: Any) -> tuple[str, Iterable[str]]:
        """Digest of what a name holds, and the names that this depends on in turn."""
        if isinstance(value, types.ModuleType):
            return self.module(value), ()
        if is_code(value):
            return self.code(name, value)
        known = self.digests.of(name, value)
        if known is None:
            try:
                encoded = encode(value, name, self.namespace)
            except Unstorable:
                return self.live(value), ()
            self.digests.keep(name, value, encoded.digest, encoded.referred)
            known = encoded.digest, encoded.referred
        return f"value:{known[0]}", sorted(known[1])

    def live(self, value: Any) -> str:
        """An object that can't be stored: known by the pickle it was stored as, else by its type alone."""
        held = self.digests.pickled.get(id(value))
        if held is not None and held[0] is value:
            return f"pickle:{held[1]}"
        return BY_TYPE + type_name(cast("type[Any]", type(value)))

    def module(self, module: types.ModuleType) -> str:
        """A module: by name, and one that belongs to the notebook by its source."""
        path = Path(getattr(module, "__file__", None) or "/")
        if path.suffix == ".py" and self.directory in path.parents and "site-packages" not in path.parts:
            try:
                return f"module:{hashlib.sha256(path.read_bytes()).hexdigest()}"
            except OSError:
                pass
        return f"module:{module.__name__}"

    def code(self, name: str, value: Any) -> tuple[str, Iterable[str]]:
        """A function or class: one of the notebook by its source, any other by where it comes from."""
        if not is_of_notebook(value) and not isinstance(value, Activity | Workflow):
            return f"import:{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', name)}", ()
        binding = self.names[name]
        if isinstance(binding, Defined):
            node = binding.definition.statement.node
            return f"code:{digest_of([behaviour(node)])}", [each for each in global_names(node) if each != name]
        function = function_of(cast("object", value))
        if function is not None:
            return f"code:{digest_of(code_facts(function.__code__))}", function.__code__.co_names
        return BY_TYPE + type_name(cast("type[Any]", type(cast("object", value)))), ()


def code_facts(code: types.CodeType) -> list[str]:
    """What a function does that no statement accounts for."""
    inner = [fact for each in code.co_consts if isinstance(each, types.CodeType) for fact in code_facts(each)]
    plain = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return [code.co_code.hex(), repr(code.co_names), *plain, *inner]


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which inputs are not as they were, as a sentence's end; empty where all are."""
    changed = [
        f"`{name}` {change(before.get(name), digest)}" for name, digest in now.items() if before.get(name) != digest
    ]
    changed += [f"`{name}` is no longer read" for name in before if name not in now]
    more = len(changed) - 3
    return ", ".join(changed[:3]) + (f" and {more} more" if more > 0 else "")


def change(before: str | None, now: str) -> str:
    """How an input has changed."""
    if now == ABSENT:
        return "is not defined now"
    if before is None or before == ABSENT:
        return "was not there then"
    kinds = {"code": "is defined otherwise", "module": "is another module", "import": "comes from elsewhere"}
    return kinds.get(now.partition(":")[0], "has another value")
