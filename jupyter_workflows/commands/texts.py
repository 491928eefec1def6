"""Text that is laid out already."""

from __future__ import annotations

from dataclasses import dataclass

from ..runs.elements import code
from ..runs.elements import text as escaped
from ..runs.untrusted import printable
from .tables import Page, columns_of, wrap


@dataclass(frozen=True)
class Preformatted:
    """Lines that are laid out already; what is too long for the page goes on in further lines.

    Args:
        content: The lines.
    """

    content: str

    def text(self, page: Page) -> str:
        """The lines, long ones broken, their rest indented like them."""
        return "\n".join(
            part for line in printable(self.content, 200_000).split("\n") for part in hanging(line, page.width)
        )

    def html(self) -> str:
        """The lines as they are."""
        return code(escaped(self.content, 200_000))


def hanging(line: str, width: int) -> list[str]:
    """A line in parts of at most `width` columns, all but the first indented further."""
    if columns_of(line) <= width:
        return [line]
    indent = min(len(line) - len(line.lstrip()), width // 3)
    first, *_ = wrap(line.strip(), width - indent)
    rest = wrap(line.strip()[len(first) :].strip(), width - indent - 4)
    return [" " * indent + first, *(" " * (indent + 4) + part for part in rest)]
