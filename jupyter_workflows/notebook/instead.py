"""Values in the place of a notebook's constants: what may be one, and that the code reads it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from ..errors import ResumeRefused
from .captured import size_text
from .items import Closure
from .values import LARGEST_LITERAL_CHARACTERS, assignment, is_plain


def check_plain(instead: Mapping[str, object]) -> None:
    """Refuses values that can't be written down as code.

    Raises:
        ResumeRefused: Names the constant, and what is wrong with its value.
    """
    for name, value in instead.items():
        if not is_plain(value):
            raise ResumeRefused(
                f"{name} can't be a {type(value).__name__}: a constant is given plain data, such as texts, numbers, "
                "lists and dictionaries of them"
            )
        size = len(assignment(name, value))
        if size > LARGEST_LITERAL_CHARACTERS:
            raise ResumeRefused(f"{name} would be {size_text(size)} of code: make it an argument of the workflow")


def check_read(workflow: str, closure: Closure, instead: Mapping[str, object]) -> None:
    """Refuses names of which the code reads no constant.

    Raises:
        ResumeRefused: Names it, and those that there are.
    """
    constants = {name for item in closure.items if item.role == "constant" for name in item.names}
    for name in instead:
        if name not in constants:
            raise ResumeRefused(unknown_change(workflow, name, constants))


def unknown_change(workflow: str, name: str, known: set[str]) -> str:
    """Says that nothing of this name can be changed, and what can."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"it reads {', '.join(sorted(known)) or 'none'}"
    return f"workflow {workflow} has no parameter and reads no constant {name!r}: {hint}"
