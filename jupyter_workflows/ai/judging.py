"""Validators that ask models: another model as a judge, and the agreement of several answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from ..authoring.checks import MAX_DOUBTS, Examination
from ..errors import AuthoringError, CheckFailed
from ..schema import Doubt

MAX_SAMPLES = 20
SHOWN = 60
INSTRUCTIONS = """\
You check answers of other models. Judge only by what you are told to look at. Answer with JSON: whether the answer is
acceptable, and for each thing that is wrong the field of the answer (empty for the whole answer) and the reason."""


class Objection(BaseModel):
    """One thing that a judge finds wrong."""

    field: str = Field(default="", description="Field of the answer, such as items.2.price; empty for all of it")
    reason: str


class Judgement(BaseModel):
    """What a judge says of an answer."""

    acceptable: bool
    objections: list[Objection] = []


class Judge:
    """A model that judges an answer; each judgement is a step of its own."""

    name = "judge"

    def __init__(
        self, criteria: str, *, context: str = "", model: str | None = None, server: str | None = None
    ) -> None:
        self.criteria = criteria
        self.context = context
        self.model = model
        self.server = server

    async def examine(self, examination: Examination) -> list[Doubt]:
        """What the model objects to."""
        from .parsing import parse

        shown = to_jsonable_python(examination.value, fallback=str)
        parts = {
            "What to look at": self.criteria,
            "What was asked": examination.asked,
            "What is known": self.context,
            "The answer to judge": shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False),
        }
        prompt = "\n\n".join(f"# {title}\n{text}" for title, text in parts.items() if text)
        try:
            said = await parse(
                Judgement,
                prompt,
                instructions=INSTRUCTIONS,
                model=self.model,
                server=self.server,
                temperature=0,
                summary=f"judge: {self.criteria}"[:120],
            )
        except CheckFailed:
            return [Doubt(reason="the judge gave no judgement that can be read", by=self.name)]
        if said.value.acceptable:
            return []
        objections = said.value.objections[:MAX_DOUBTS] or [Objection(reason=f"it does not meet: {self.criteria}")]
        return [Doubt(field=found.field, reason=found.reason, by=self.name) for found in objections]


class Agreement:
    """The same question asked several times; fields on which the answers differ are doubtful."""

    name = "agreement"

    def __init__(self, samples: int) -> None:
        self.samples = samples

    async def examine(self, examination: Examination) -> list[Doubt]:
        """Where most answers say something else, or none has a majority."""
        others = await asyncio.gather(*(examination.again() for _ in range(self.samples - 1)))
        answers = [fields_of(value) for value in (examination.value, *others)]
        return [doubt for name in answers[0] if (doubt := self.compared(name, answers))]

    def compared(self, name: str, answers: list[dict[str, str]]) -> Doubt | None:
        """What is doubtful about one field."""
        given = Counter(answer.get(name, "nothing") for answer in answers)
        (usual, count), own = given.most_common(1)[0], answers[0][name]
        if count * 2 > len(answers) and usual == own:
            return None
        if count * 2 > len(answers):
            said = f"{count} of {len(answers)} answers say {usual[:SHOWN]}, this one says {own[:SHOWN]}"
        else:
            said = f"{len(answers)} answers say {len(given)} different things"
        return Doubt(field=name, reason=said, by=self.name)


def fields_of(value: Any) -> dict[str, str]:
    """What is compared: field by field for objects, else the whole; case and blanks do not count."""
    plain = to_jsonable_python(value, fallback=str)
    if isinstance(plain, Mapping):
        return {str(name): compared(part) for name, part in cast("Mapping[Any, Any]", plain).items()}
    return {"": compared(plain)}


def compared(part: Any) -> str:
    """A part of an answer as it is compared."""
    text = part if isinstance(part, str) else json.dumps(part, sort_keys=True, ensure_ascii=False)
    return " ".join(text.split()).casefold()


def judge(criteria: str, *, context: str = "", model: str | None = None, server: str | None = None) -> Judge:
    """A validator for `Check`: another model judges the answer, as a step of its own.

    Args:
        criteria: What it has to look at, in words.
        context: What the judge should know, such as the text the answer is about.
        model: The judge's model; by default the server's.
        server: As for `ai.chat`.

    Raises:
        AuthoringError: There are no criteria.
    """
    if not isinstance(criteria, str) or not criteria.strip():
        raise AuthoringError(f"ai.judge({criteria!r}) takes a text that says what to look at", code="JW457")
    return Judge(criteria, context=context, model=model, server=server)


def agreement(samples: int = 3) -> Agreement:
    """A validator for `Check`: asks the same again and doubts what most answers do not agree on.

    Each further answer is a step, paid like the first. Answers differ only where the model chooses freely: give
    the call a `temperature`.

    Args:
        samples: How many answers in all.

    Raises:
        AuthoringError: The number makes no sense.
    """
    if type(samples) is not int or not 2 <= samples <= MAX_SAMPLES:
        raise AuthoringError(f"ai.agreement({samples!r}) takes a whole number from 2 to {MAX_SAMPLES}", code="JW457")
    return Agreement(samples)
