"""A mistake and what is said to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """Cells of which the last one is a mistake.

    Attributes:
        name: What is wrong, in a few words.
        error: The exception's class name and message. `<1>` is the number of the first cell, `<time>` a time, `<id>`
            a part of an id that is made anew each time, `<folder>` the notebook's directory.
        cells: The cells, run one after the other in a kernel that other mistakes use too.
    """

    name: str
    error: str
    cells: tuple[str, ...]


def mistake(name: str, error: str, *cells: str) -> Mistake:
    """A mistake; the cells are written without the line breaks around them."""
    return Mistake(name, error, tuple(cell.strip("\n") for cell in cells))
