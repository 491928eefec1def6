"""A mistake, and what is said to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MESSAGES = Path(__file__).with_name("messages.txt")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Mistake:
    """Cells of which the last one is a mistake.

    Attributes:
        name: What is wrong, in a few words; the message stands under it in `messages.txt`.
        cells: The cells, run one after the other in a kernel that other mistakes use too.
    """

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """What a kernel said to a mistake.

    Attributes:
        message: Class and message of the exception, with what differs from run to run taken out.
        shown: What the notebook shows, without colours.
    """

    message: str
    shown: str


def mistake(name: str, *cells: str) -> Mistake:
    """A mistake; the cells are written without the line breaks around them."""
    return Mistake(name, tuple(cell.strip("\n") for cell in cells))


def expected_messages() -> dict[str, str]:
    """The messages by the names of the mistakes: `# name`, and below it the message."""
    found: dict[str, str] = {}
    for part in MESSAGES.read_text(encoding="utf-8").split("\n# ")[1:]:
        name, _, message = part.partition("\n")
        found[name] = message.strip("\n")
    return found


def write_messages(said: Mapping[str, str]) -> None:
    """Writes what was said as what is expected, for a look with `git diff`."""
    messages = {**expected_messages(), **said}
    head = MESSAGES.read_text(encoding="utf-8").partition("\n# ")[0].rstrip("\n")
    body = "\n\n".join(f"# {name}\n{message}" for name, message in messages.items())
    MESSAGES.write_text(f"{head}\n\n{body}\n", encoding="utf-8")


def settled(message: str, first_cell: int, folder: Path, home: Path) -> str:
    """A message without what differs from run to run: cell numbers, times, ports, directories."""
    message = message.replace(str(home), "<home>").replace(str(folder), "<folder>")

    def relative(match: re.Match[str]) -> str:
        number = int(match[1]) - first_cell + 1
        return f"cell <{number}>" if number > 0 else "cell <earlier>"

    message = re.sub(r"cell \[(\d+)\]", relative, message)
    message = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "<time>", message)
    message = re.sub(r"127\.0\.0\.1:\d{3,}", "<address>", message)
    message = re.sub(r"\(\d+\.py, line", "(line", message)
    return re.sub(r"since \d+ s\b", "since <seconds>", message)


def plain(lines: Sequence[str]) -> str:
    """What the notebook shows of an error, without colours."""
    return COLOURS.sub("", "\n".join(lines))
