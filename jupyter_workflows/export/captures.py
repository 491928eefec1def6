"""What captured values need: the modules that their pickles name, read without opening the pickles."""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Iterator, Mapping

from ..errors import ExportFailed
from ..notebook.distributions import versions

GETS = frozenset({"BINGET", "LONG_BINGET", "GET"})


def needed_distributions(pickles: Mapping[str, bytes]) -> dict[str, str]:
    """Name and version of the distributions that captured values come from.

    Args:
        pickles: Name of a captured value to its pickle.

    Raises:
        ExportFailed: A value is of a class that no distribution has, such as one in a module next to the notebook.
    """
    found: dict[str, str] = {}
    for name, content in pickles.items():
        for module in sorted(set(roots(content)) - sys.stdlib_module_names):
            of_module = versions([module])
            if not of_module:
                raise ExportFailed(
                    f"the captured value {name} needs the module {module}, which no installed package has: where the "
                    "package goes there is none either. Capture plain values, or install the module as a package"
                )
            found |= of_module
    return found


def roots(content: bytes) -> Iterator[str]:
    """The top-level modules that a pickle names.

    Follows the texts that are pushed and memoised; nothing is imported or built.

    Raises:
        ExportFailed: It is no pickle.
    """
    memo: list[str | None] = []
    pushed: list[str | None] = [None, None]
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "GLOBAL":
                yield str(argument).partition(" ")[0].partition(".")[0]
            elif opcode.name == "STACK_GLOBAL":
                yield (pushed[-2] or "").partition(".")[0] or "__unknown__"
            if opcode.name == "MEMOIZE":
                memo.append(pushed[-1])
            elif opcode.name in GETS:
                at = int(argument)  # pyright: ignore[reportArgumentType]
                pushed.append(memo[at] if at < len(memo) else None)
            else:
                pushed.append(argument if isinstance(argument, str) else None)
    except (ValueError, IndexError) as error:
        raise ExportFailed(f"a captured value can't be read: {error}") from None
