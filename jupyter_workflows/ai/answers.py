"""What model calls give: texts, values, vectors, pages, each with what it took."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..schema import Usage

T = TypeVar("T")


class Result(BaseModel):
    """What all results of model calls share: they are immutable and say what they took."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    model: str = Field(description="The model that answered, as the server calls it")
    usage: Usage = Usage()


class ToolCall(BaseModel):
    """A tool that the model wants called."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    name: str
    arguments: dict[str, Any] | str = Field(description="As JSON gives them; the text itself where it is no object")


class ChatAnswer(Result):
    """What a model said.

    `str(answer)` is its text.
    """

    text: str = ""
    tool_calls: list[ToolCall] = []
    finish_reason: str = Field(default="stop", description="Why it ended: `stop`, `length`, `tool_calls`, ...")

    @property
    def complete(self) -> bool:
        """Whether the model came to an end by itself; false where `max_tokens` cut it off."""
        return self.finish_reason in ("stop", "tool_calls")

    def __str__(self) -> str:
        return self.text


class Answer(Result, Generic[T]):
    """A value a model gave, in the type that was asked for, and the text it came as."""

    value: T
    text: str = ""


class Embeddings(Result):
    """A vector for each text, in the order of the texts."""

    vectors: list[list[float]]


class Page(BaseModel):
    """One page of a document, read."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    number: int = Field(description="The first is 1")
    markdown: str


class Document(Result):
    """A document, read page by page."""

    pages: list[Page]

    @property
    def markdown(self) -> str:
        """All pages, one after the other."""
        return "\n\n".join(page.markdown for page in self.pages)
