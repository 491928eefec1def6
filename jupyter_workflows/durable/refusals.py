"""Values of a cell that can't be stored: named before it runs where that is certain, else when it has run."""

from __future__ import annotations

import ast
import pickle
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..errors import DurableCellError
from ..notebook.cell_names import CellNames
from ..notebook.unstorable import foreseen
from ..payloads.kinds import kind_of
from .packing import PACKED, Unstorable


def refuse_foreseen(names: CellNames, namespace: Mapping[str, Any], known: Collection[str]) -> None:
    """Names what can't be stored before an hour is spent on it.

    Args:
        names: The cell that is to run.
        namespace: The notebook's live names.
        known: The variables whose values are not to be stored, or to be pickled.

    Raises:
        DurableCellError: There is something that the options say nothing about.
    """
    # What is imported in the cell itself is at hand where it was imported before.
    found = foreseen(names, {**imported(names), **namespace}, is_refused)
    problems = [each for each in found if each.name not in known]
    if problems:
        flags = " ".join(f"--skip {each.name}" for each in problems)
        named = "; ".join(f"{each.name} {each.about} (line {each.line})" for each in problems)
        raise DurableCellError(
            f"the cell has not run, because it can't be recorded: {named}, which can't be stored. Add `{flags}` to "
            "its first line, and make it in a cell without %%durable where other cells need it"
        )


def is_refused(cls: type[Any]) -> bool:
    """Whether no instance of a class can be stored: files, locks, sockets, connections, threads."""
    return kind_of(cls).route == "refused" and not issubclass(cls, PACKED)


def imported(names: CellNames) -> dict[str, Any]:
    """What the imports of a cell bind, as far as the modules are loaded already."""
    found: dict[str, Any] = {}
    for statement in names.definitions:
        node = statement.node
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = sys.modules.get(alias.name if alias.asname else alias.name.partition(".")[0])
                found[alias.asname or alias.name.partition(".")[0]] = module
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = sys.modules.get(node.module or "")
            found |= {alias.asname or alias.name: getattr(module, alias.name, None) for alias in node.names}
    return found


def unstorable(problems: Iterable[Unstorable], bound: Mapping[str, Any]) -> DurableCellError:
    """Says which values can't be stored, and what to do."""
    found = list(problems)
    names = list(dict.fromkeys(name for problem in found for name in bound if is_part(problem.path, name)))
    flags = " ".join(f"--skip {name}" for name in names)
    pickles = " ".join(f"--pickle {name}" for name in names)
    instead = f", or `{pickles}` to store a pickle," if all(can_be_pickled(bound[name]) for name in names) else ""
    return DurableCellError(
        f"the cell has run and its values are in the kernel, but it is not recorded: {'; '.join(map(str, found))}. "
        f"Add `{flags}` to its first line to leave that out{instead} and run it again: it is recorded then without "
        "running"
    )


def is_part(path: str, name: str) -> bool:
    """Whether a path begins with a name."""
    return path.startswith(name) and not path[len(name) : len(name) + 1].isidentifier()


def can_be_pickled(value: Any) -> bool:
    """Whether pickling a value works; it is pickled to nowhere."""
    try:
        pickle.Pickler(Nowhere(), protocol=5).dump(value)
    except Exception:  # noqa: BLE001 - pickling runs the value's own code, which may raise anything
        return False
    return True


class Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        """Forgets some bytes."""
        return len(data)
