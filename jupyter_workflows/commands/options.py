"""What a subcommand and its arguments are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """An argument of a command.

    Args:
        flags: Its name, or its flags.
        help: What it says, with unit and default.
        settings: The rest of what argparse takes.
        candidates: What completes it: `"runs"`, `"open runs"`, `"workflows"`, `"approvals"` or `"paths"`.
    """

    flags: tuple[str, ...]
    help: str
    settings: dict[str, Any]
    candidates: str = ""


def option(*flags: str, help: str, candidates: str = "", **settings: Any) -> Option:
    """An argument of a command."""
    return Option(flags, help, settings, candidates)


@dataclass(frozen=True)
class Subcommand:
    """A subcommand as the parser knows it.

    Args:
        name: The word.
        help: What it does, in a few words.
        description: The same in sentences.
        options: Its arguments.
        examples: Lines of arguments that work, without the program's name.
    """

    name: str
    help: str
    description: str
    options: Sequence[Option] = ()
    examples: Sequence[str] = ()


WORKFLOW = option("name", metavar="NAME", help="the workflow's name", candidates="workflows")
