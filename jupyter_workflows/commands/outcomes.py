"""What a command found, for a notebook, a terminal or a script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from .tables import Page, Shown, document


@dataclass(frozen=True)
class Outcome:
    """What a command found.

    Args:
        data: As JSON: wire types of `schema`, or plain data.
        shown: As text and HTML.
        value: What a notebook gets instead: an object with a display of its own, such as a run.
        follow: The outcome after each change, for a terminal that follows a run.
        exit_code: What a terminal exits with.
        is_passing: Whether it is only a moment between two outcomes: `data` is what is new, and what is shown is not
            worth keeping.
        forms: Other forms that a notebook may show instead, by MIME type.
    """

    data: Any
    shown: Shown
    value: Any = None
    follow: Iterator[Outcome] | None = None
    exit_code: int = 0
    is_passing: bool = False
    forms: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def json(self) -> str:
        """The data as indented JSON."""
        return json.dumps(jsonable(self.data), indent=2, ensure_ascii=False)

    def json_line(self) -> str:
        """The data as JSON on one line."""
        return json.dumps(jsonable(self.data), ensure_ascii=False)

    def text(self, page: Page) -> str:
        """The outcome as text."""
        return self.shown.text(page)


@dataclass(frozen=True, repr=False)
class Display:
    """A command's outcome as the output of a cell."""

    outcome: Outcome

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        plain = {"text/plain": self.outcome.text(Page()), "text/html": document(self.outcome.shown)}
        return plain | dict(self.outcome.forms)

    def __repr__(self) -> str:
        return self.outcome.text(Page())


def jsonable(data: Any) -> Any:
    """Data as what JSON can hold."""
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    if isinstance(data, dict):
        return {str(key): jsonable(value) for key, value in data.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(data, (list, tuple)):
        return [jsonable(item) for item in data]  # pyright: ignore[reportUnknownVariableType]
    return to_jsonable_python(data, fallback=repr)
