"""Completion of the lines of `%workflow`, `%%workflow`, `%%activity` and `%%durable` in a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from IPython.core import completer

from ..commands.completion import Candidate, completions, words_before
from ..commands.parser import build_parser
from .options import PARSERS, PROGRAM

if TYPE_CHECKING:
    from ..session import Session

LINE = re.compile(r"\s*(?:[\w.]+\s*=\s*)?%workflow\s(.*)$")
CELL = re.compile(r"%%(workflow|activity|durable)\s(.*)$")
PATHS = re.compile(r"\s*worker\s|.*--notebook\s+\S*$")


class Matcher:
    """IPython's completer asks it first; on our lines nothing else is asked."""

    def __init__(self, session_of: Callable[[], Session]) -> None:
        self.session_of = session_of

        def match(context: Any) -> dict[str, Any]:
            return self.match(context)

        # IPython marks the function it is given, and a bound method takes no marks.
        mark = cast("Callable[[Any], Any]", completer.context_matcher(identifier="jupyter_workflows"))  # pyright: ignore[reportUnknownMemberType]
        self.matcher: Any = mark(match)

    def match(self, context: Any) -> dict[str, Any]:
        """What completes the word at the cursor."""
        found = self.candidates(context)
        if found is None:
            return {"completions": []}
        candidates, token = found
        return {
            "completions": [
                completer.SimpleCompletion(text=item.text, type=item.about[:60] or "workflow") for item in candidates
            ],
            "matched_fragment": token,
            "suppress": True,
        }

    def candidates(self, context: Any) -> tuple[list[Candidate], str] | None:
        """The candidates and the word they complete; None where the line is not ours."""
        text = context.text_until_cursor
        cell = CELL.match(text) if context.cursor_line == 0 else None
        line = LINE.match(text)
        if cell:
            words, token = words_before(cell.group(2))
            return completions(self.session_of(), PARSERS[cell.group(1)](), words, token), token
        if line and not PATHS.match(line.group(1)):
            words, token = words_before(line.group(1))
            return completions(self.session_of(), build_parser(PROGRAM), words, token), token
        return None
