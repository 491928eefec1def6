"""`ai.parse`: a value of a type from a model, asked for again where it does not fit."""

from __future__ import annotations

from typing import Any, TypeVar, Unpack, cast

from pydantic import PydanticSchemaGenerationError
from pydantic.errors import PydanticInvalidForJsonSchema

from ..authoring.checks import Check, Partial, check_of
from ..authoring.settling import settled
from ..errors import AuthoringError
from .answers import Answer
from .options import ChatOptions, Prompt, chat_request, manner_of
from .trials import Parsed, ParseTrial

T = TypeVar("T")


async def parse(
    wanted: type[T],
    prompt: Prompt,
    *,
    instructions: str | None = None,
    model: str | None = None,
    server: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    check: Any = None,
    **options: Unpack[ChatOptions],
) -> Answer[T]:
    """A value of a type, from a model: a durable step in a workflow, a plain call in an activity or a cell.

    The model is given the type's JSON Schema. An answer that does not fit is asked for again with what is wrong,
    twice by default; each time is a step of its own.

    Args:
        wanted: A pydantic model, a dataclass, or any type pydantic knows.
        prompt: A text, or the messages of a conversation.
        instructions: What the model is told first, as the system message.
        model: The model's name; by default the server's.
        server: As for `ai.chat`.
        temperature: How freely it chooses.
        max_tokens: How long the answer may be.
        check: Who judges the value besides its type, and what happens to a doubtful one: see `Check`. Where it
            may be accepted, a `Partial` of the value is given instead.
        options: As for `ai.chat`.

    Raises:
        CheckFailed: No answer fits, or it is doubtful and nothing settled that.
        ModelCallFailed: The call failed; in a workflow after all attempts, as a `StepFailed`.
        AuthoringError: An argument makes no sense.
    """
    request = chat_request(
        "ai.parse",
        prompt,
        instructions,
        options,
        model=model,
        server=server,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    manner = manner_of(options, request, str(request.messages[-1].content))
    try:
        trial = ParseTrial(request, manner, wanted)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        given = wanted.__name__ if isinstance(wanted, type) else f"a value of type {type(wanted).__name__}"
        raise AuthoringError(
            f"ai.parse takes a pydantic model, a dataclass or a type of plain data, and {given} has no JSON Schema",
            code="JW458",
        ) from None
    found = await settled(trial, Check() if check is None else check_of(check))
    if isinstance(found, Partial):
        return cast("Any", found)
    parsed = cast("Parsed", found)
    return Answer[T].model_construct(
        value=parsed.value, text=parsed.answer.text, model=parsed.answer.model, usage=parsed.answer.usage
    )
