"""Model calls whose answers are checked: asked again with what was wrong, bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import temporalio.workflow
from pydantic import TypeAdapter, ValidationError

from ..authoring.checks import doubts_in, listed
from ..authoring.definitions import Activity
from ..authoring.state import run_state
from ..schema import Doubt
from .activities import CHAT, PARSE
from .answers import ChatAnswer
from .options import Manner
from .requests import ChatRequest, Message
from .steps import perform

FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?```\s*$", re.DOTALL)
WRAPPED = "value"


class ChatTrial:
    """Asks a model, each time as a step of its own where workflow code runs.

    Args:
        request: What is asked.
        manner: How it is made a step.
    """

    definition: Activity[Any, Any] = CHAT
    again_with = "Answer again, completely and corrected."

    def __init__(self, request: ChatRequest, manner: Manner) -> None:
        self.request = request
        self.manner = manner
        self.step = ""
        self.last: ChatAnswer | None = None

    @property
    def asked(self) -> str:
        """The conversation, as text."""
        return "\n".join(f"{message.role}: {message.content}" for message in self.request.messages)

    @property
    def can_repair(self) -> bool:
        """Always: a model can be told what was wrong."""
        return True

    async def run(self, doubts: Sequence[Doubt] = ()) -> Any:
        """Asks; after a doubtful answer with that answer and what is wrong with it."""
        request = self.request
        if doubts and self.last is not None:
            # Only the last answer goes along, so that the conversation does not grow.
            complaint = f"Your answer is not right: {listed(doubts)}. {self.again_with}"
            told = [Message(role="assistant", content=self.last.text), Message(role="user", content=complaint)]
            request = request.model_copy(update={"messages": [*request.messages, *told]})
        if temporalio.workflow.in_workflow():
            self.step = run_state().next_id(self.definition.name)
        self.last = await perform(self.definition, request, self.manner, step=self.step)
        return self.last

    async def sample(self) -> Any:
        """Asks once more, for comparison."""
        return await perform(self.definition, self.request, self.manner)

    def doubts(self, answer: Any) -> list[Doubt]:
        """An answer that was cut off is not whole."""
        if answer.complete or answer.finish_reason != "length":
            return []
        return [Doubt(reason="the answer was cut off: it is longer than max_tokens", by="max_tokens")]

    def value(self, answer: Any) -> Any:
        """The text."""
        return answer.text

    def edited(self, answer: Any, value: Any) -> Any:
        """The answer with another text."""
        return answer.model_copy(update={"text": str(value), "finish_reason": "stop"})


@dataclass(frozen=True)
class Parsed:
    """An answer and what was made of it.

    Attributes:
        answer: The answer as text.
        value: The value; meaningless where there are problems.
        raw: What the JSON says; the text where it is none.
        problems: Why the text is no value of the type.
    """

    answer: ChatAnswer
    value: Any = None
    raw: Any = None
    problems: list[Doubt] = field(default_factory=list[Doubt])


class ParseTrial(ChatTrial):
    """Asks for a value of a type.

    Args:
        request: What is asked; the schema is added here.
        manner: How it is made a step.
        wanted: The type.
    """

    definition = PARSE
    again_with = "Answer again with only the corrected JSON."

    def __init__(self, request: ChatRequest, manner: Manner, wanted: Any) -> None:
        self.adapter = TypeAdapter[Any](wanted)
        schema = self.adapter.json_schema()
        # Servers want an object; anything else is put into one.
        self.wraps = schema.get("type") != "object" and "$ref" not in schema
        if self.wraps:
            definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
            schema = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED], **definitions}
        super().__init__(request.model_copy(update={"answer_schema": schema}), manner)

    async def run(self, doubts: Sequence[Doubt] = ()) -> Any:
        """Asks, and makes a value of the answer."""
        return self.parsed(await super().run(doubts))

    async def sample(self) -> Any:
        """Asks once more, for comparison."""
        return self.parsed(await super().sample())

    def parsed(self, answer: ChatAnswer) -> Parsed:
        """The value that an answer's text is."""
        fenced = FENCE.match(answer.text)
        text = fenced[1] if fenced else answer.text
        try:
            raw: Any = json.loads(text)
        except ValueError as error:
            cut = " (the answer was cut off: it is longer than max_tokens)" if answer.finish_reason == "length" else ""
            return Parsed(answer, raw=text, problems=[Doubt(reason=f"it is no JSON: {error}{cut}", by="JSON")])
        if self.wraps and isinstance(raw, dict) and WRAPPED in raw:
            raw = cast("dict[str, Any]", raw)[WRAPPED]
        return self.valued(answer, raw)

    def valued(self, answer: ChatAnswer, raw: Any) -> Parsed:
        """The value that plain data is."""
        try:
            return Parsed(answer, self.adapter.validate_python(raw), raw)
        except ValidationError as error:
            return Parsed(answer, raw=raw, problems=doubts_in(error, "type"))

    def doubts(self, answer: Any) -> list[Doubt]:
        """Why the text is no value of the type."""
        return list(answer.problems)

    def value(self, answer: Any) -> Any:
        """The value; what the JSON says where it is none of the type."""
        return answer.raw if answer.problems else answer.value

    def edited(self, answer: Any, value: Any) -> Any:
        """The answer with another value."""
        if isinstance(value, str) and answer.problems:
            return replace(self.parsed(answer.answer.model_copy(update={"text": value})), answer=answer.answer)
        return self.valued(answer.answer, value)
