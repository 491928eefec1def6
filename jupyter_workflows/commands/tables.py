"""What commands show: tables and lists of facts, as text that fits the terminal and as HTML."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..runs.elements import card
from ..runs.elements import text as escaped
from ..runs.static_html import grid
from ..runs.untrusted import one_line

Tone = Literal["plain", "good", "bad", "busy", "waiting", "quiet", "strong"]

ANSI: dict[Tone, str] = {
    "good": "32",
    "bad": "31",
    "busy": "34",
    "waiting": "33",
    "quiet": "2",
    "strong": "1",
}
GAP = 2
NARROWEST = 6
ELLIPSIS = "…"


@dataclass(frozen=True)
class Page:
    """What text is written for.

    Args:
        width: Columns of the terminal.
        colour: Whether it shows ANSI colours.
    """

    width: int = 80
    colour: bool = False

    @classmethod
    def of_terminal(cls, *, colour: bool) -> Page:
        """The page of the terminal this process writes to."""
        return cls(width=max(40, shutil.get_terminal_size((100, 24)).columns), colour=colour)

    def paint(self, text: str, tone: Tone) -> str:
        """The text in a tone, where the page shows colours."""
        return f"\x1b[{ANSI[tone]}m{text}\x1b[0m" if self.colour and tone in ANSI and text else text


@dataclass(frozen=True)
class Cell:
    """A text in a tone."""

    text: str
    tone: Tone = "plain"


class Shown(Protocol):
    """What can be shown as text and as HTML."""

    def text(self, page: Page) -> str:
        """As text."""
        ...

    def html(self) -> str:
        """As HTML without script; everything in it is escaped."""
        ...


def as_cell(value: Cell | str | None) -> Cell:
    """The value as a cell; nothing is an empty one."""
    return value if isinstance(value, Cell) else Cell(value or "")


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    combining = sum(bool(unicodedata.combining(character)) for character in text)
    return len(text) + wide - combining


def fitting(text: str, width: int) -> str:
    """The longest beginning of a text that takes at most `width` columns."""
    taken = 0
    for index, character in enumerate(text):
        taken += columns_of(character)
        if taken > width:
            return text[:index]
    return text


def cut(text: str, width: int) -> str:
    """A text of at most `width` columns; a cut one ends in an ellipsis."""
    return text if columns_of(text) <= width else fitting(text, width - 1) + ELLIPSIS


def padded(text: str, width: int) -> str:
    """A text cut or filled to exactly `width` columns."""
    shown = cut(text, width)
    return shown + " " * (width - columns_of(shown))


@dataclass(frozen=True)
class Table:
    """Rows under titles.

    Args:
        titles: The titles of the columns.
        rows: The cells, as many in each row as there are titles.
        empty: What is said where there is no row.
        flexible: The columns that give way first when the page is narrow, by title.
        wrapped: The columns whose text goes on in further lines where it is cut elsewhere.
        note: A line below the table.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell | str | None]]
    empty: str = "nothing"
    flexible: Sequence[str] = ()
    wrapped: Sequence[str] = ()
    note: str = ""

    def text(self, page: Page) -> str:
        """The table, no line longer than the page is wide."""
        if not self.rows:
            return page.paint(self.empty, "quiet")
        cells = [[Cell(one_line(cell.text, 2_000), cell.tone) for cell in map(as_cell, row)] for row in self.rows]
        widths = self.widths(cells, page.width)
        lines = [self.line(page, [Cell(title, "strong") for title in self.titles], widths)]
        for row in cells:
            lines += [self.line(page, part, widths) for part in self.split(row, widths)]
        if self.note:
            lines += ["", page.paint(self.note, "quiet")]
        return "\n".join(lines)

    def widths(self, cells: Sequence[Sequence[Cell]], width: int) -> list[int]:
        """The width of each column; the widest flexible one gives way until all fit."""
        widths = [
            max(columns_of(title), *(columns_of(row[index].text) for row in cells))
            for index, title in enumerate(self.titles)
        ]
        flexible = [self.titles.index(title) for title in self.flexible]
        for group in (flexible, list(range(len(widths)))):
            while sum(widths) + GAP * (len(widths) - 1) > width:
                widest = max(group, key=lambda index: widths[index], default=None)
                if widest is None or widths[widest] <= NARROWEST:
                    break
                widths[widest] -= 1
        return widths

    def split(self, cells: Sequence[Cell], widths: Sequence[int]) -> list[list[Cell]]:
        """The lines of a row: as many as its longest wrapped cell needs."""
        columns = [
            [Cell(part, cell.tone) for part in (wrap(cell.text, width) if title in self.wrapped else [cell.text])]
            for title, cell, width in zip(self.titles, cells, widths, strict=True)
        ]
        height = max(len(column) for column in columns)
        return [[column[line] if line < len(column) else Cell("") for column in columns] for line in range(height)]

    @staticmethod
    def line(page: Page, cells: Sequence[Cell], widths: Sequence[int]) -> str:
        """One line of the table."""
        last = len(cells) - 1
        shown = [
            page.paint(cut(cell.text, width) if index == last else padded(cell.text, width), cell.tone)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return (" " * GAP).join(shown).rstrip()

    def html(self) -> str:
        """The table as HTML."""
        if not self.rows:
            return f'<div class="jw-empty">{escaped(self.empty, 400)}</div>'
        rows = [[html_of(as_cell(cell)) for cell in row] for row in self.rows]
        note = f'<div class="jw-foot jw-muted">{escaped(self.note, 400)}</div>' if self.note else ""
        return grid([(title, "") for title in self.titles], rows) + note


@dataclass(frozen=True)
class Facts:
    """A headline and what is known, one fact a line."""

    headline: Cell | str
    facts: Sequence[tuple[str, Cell | str | None]] = ()
    note: str = ""

    def text(self, page: Page) -> str:
        """Headline and facts, the values aligned and wrapped."""
        headline = as_cell(self.headline)
        lines = [page.paint(one_line(headline.text, 2_000), headline.tone)]
        known = [(name, as_cell(value)) for name, value in self.facts if as_cell(value).text]
        width = max((len(name) for name, _ in known), default=0)
        for name, value in known:
            lead = f"  {name.ljust(width)}  "
            wrapped = wrap(one_line(value.text, 2_000), page.width - len(lead))
            lines.append(page.paint(lead, "quiet") + page.paint(wrapped[0], value.tone))
            lines += [" " * len(lead) + page.paint(line, value.tone) for line in wrapped[1:]]
        if self.note:
            lines += ["", *(page.paint(line, "quiet") for line in wrap(self.note, page.width))]
        return "\n".join(lines)

    def html(self) -> str:
        """Headline and facts as HTML."""
        rows = [
            [f'<span class="jw-muted">{escaped(name, 80)}</span>', html_of(as_cell(value))]
            for name, value in self.facts
            if as_cell(value).text
        ]
        note = f'<div class="jw-foot jw-muted">{escaped(self.note, 400)}</div>' if self.note else ""
        facts = grid([("", "110px"), ("", "")], rows) if rows else ""
        return f'<div class="jw-head">{html_of(as_cell(self.headline))}</div>{facts}{note}'


@dataclass(frozen=True)
class Several:
    """One thing shown after the other."""

    parts: Sequence[Shown] = field(default=())

    def text(self, page: Page) -> str:
        """The parts with an empty line between."""
        return "\n\n".join(part.text(page) for part in self.parts)

    def html(self) -> str:
        """The parts."""
        return "".join(part.html() for part in self.parts)


def wrap(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` columns, broken between words where that is possible."""
    width = max(width, 10)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if columns_of(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while columns_of(line) > width:
            lines.append(fitting(line, width))
            line = line[len(lines[-1]) :]
    return [*lines, line]


TONE_CLASSES: dict[Tone, str] = {
    "good": "jw-ok",
    "bad": "jw-fail",
    "busy": "jw-run",
    "waiting": "jw-wait",
    "quiet": "jw-muted",
    "strong": "jw-title",
}


def html_of(cell: Cell) -> str:
    """A cell as HTML, its text escaped."""
    tone = TONE_CLASSES.get(cell.tone, "")
    return f'<span class="jw-any {tone}">{escaped(cell.text, 2_000)}</span>'


@dataclass(frozen=True)
class Rendered:
    """Text of ours, and HTML that is rendered elsewhere.

    Args:
        content: Gives the text.
        markup: Gives the HTML, a whole card.
    """

    content: Shown
    markup: Callable[[], str]

    def text(self, page: Page) -> str:
        """The text."""
        return self.content.text(page)

    def html(self) -> str:
        """The HTML."""
        return self.markup()


def document(shown: Shown) -> str:
    """What is shown as a card, for a cell's output."""
    return shown.html() if isinstance(shown, Rendered) else card(shown.html())
