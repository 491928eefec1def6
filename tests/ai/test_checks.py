"""Half-right answers: repaired, decided by a person, taken as partial, or refused; on record each time."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import WorkflowFailureError

from jupyter_workflows import Check, Partial, ai
from jupyter_workflows.errors import AuthoringError, CheckFailed
from jupyter_workflows.runs.history import steps
from jupyter_workflows.runs.values import Values
from jupyter_workflows.schema import Step
from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import Engine

MODELS = """
from pydantic import BaseModel

class Invoice(BaseModel):
    number: str
    total: float

def plausible(invoice):
    return {"total": "a total is not negative"} if invoice.total < 0 else None
"""
HEAD = "from jupyter_workflows import ai\n"


class Invoice(BaseModel):
    number: str
    total: float


async def steps_of(engine: Engine, handle: Any) -> list[Step]:
    events = [event async for event in handle.fetch_history_events()]
    return steps(events, decode=Values(engine.client.data_converter))


async def test_parse_gives_a_value_of_the_type_and_sends_its_schema(models: ModelServer) -> None:
    models.reply({"number": "A1", "total": 3})
    answer = await ai.parse(Invoice, "Read it")
    assert answer.value == Invoice(number="A1", total=3.0)
    assert answer.usage.calls == 1
    schema = models.calls[0].schema
    assert schema is not None
    assert set(schema["properties"]) == {"number", "total"}


async def test_parse_gives_values_that_are_no_objects_and_reads_fenced_json(models: ModelServer) -> None:
    models.reply({"value": [1, 2]})
    models.reply('```json\n{"value": ["a"]}\n```')
    assert (await ai.parse(list[int], "Numbers")).value == [1, 2]
    assert (await ai.parse(list[str], "Letters")).value == ["a"]


@pytest.mark.parametrize("fault", ["wrong_json", "cut_json"])
async def test_json_that_does_not_fit_is_asked_for_again_with_what_is_wrong(models: ModelServer, fault: Any) -> None:
    models.fault(fault)
    models.reply({"number": "A1", "total": 3})
    answer = await ai.parse(Invoice, "Read it")
    assert answer.value.number == "A1"
    said = models.calls[1].body["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert "Your answer is not right" in said[2]["content"]
    assert "number" in said[2]["content"] or "no JSON" in said[2]["content"]


async def test_an_answer_that_never_fits_is_refused_after_the_repairs(models: ModelServer) -> None:
    models.fault("wrong_json", times=9)
    with pytest.raises(CheckFailed, match="number: Field required") as caught:
        await ai.parse(Invoice, "Read it", check=Check(repairs=3))
    assert models.count == 4
    assert [doubt.field for doubt in caught.value.doubts] == ["number", "total"]


async def test_a_doubtful_answer_may_be_taken_as_partial(models: ModelServer) -> None:
    models.reply({"number": "A1", "total": -1})
    check = Check(lambda invoice: {"total": "negative"} if invoice.total < 0 else None, on_doubt="accept")
    partial: Any = await ai.parse(Invoice, "Read it", check=check)
    assert isinstance(partial, Partial)
    assert (partial.complete, partial.doubtful, partial.trusted()) == (False, {"total"}, {"number": "A1"})
    models.reply({"number": "A1", "total": 1})
    whole: Any = await ai.parse(Invoice, "Read it", check=check)
    assert (whole.complete, whole.value.total) == (True, 1.0)


@pytest.mark.parametrize(
    ("validator", "doubts"),
    [
        (lambda text: None, []),
        (lambda text: True, []),
        (lambda text: False, ["<lambda> says no"]),
        (lambda text: "too short", ["too short"]),
        (lambda text: ["one", ai.Doubt(field="a", reason="two")], ["one", "a: two"]),
        (lambda text: {"b": "three"}, ["b: three"]),
        (int, ["invalid literal for int() with base 10: 'hello'"]),
    ],
)
async def test_a_validator_says_its_verdict_in_many_ways(
    models: ModelServer, validator: Any, doubts: list[str]
) -> None:
    models.reply("hello")
    partial: Any = await ai.chat("Go", check=Check(validator, on_doubt="accept"))
    assert [str(doubt) for doubt in partial.doubts] == doubts


async def test_a_judge_says_what_is_wrong(models: ModelServer) -> None:
    models.reply("The sky is green.")
    models.reply({"acceptable": False, "objections": [{"field": "", "reason": "the sky is blue"}]})
    models.reply("The sky is blue.")
    models.reply({"acceptable": True})
    answer = await ai.chat("Which colour?", check=ai.judge("it is true", context="The sky is blue."))
    assert answer.text == "The sky is blue."
    assert "the sky is blue" in models.calls[2].prompt
    assert "The sky is green." in models.calls[1].prompt


async def test_agreement_doubts_the_fields_on_which_answers_differ(models: ModelServer) -> None:
    for total in (1, 2, 2):
        models.reply({"number": "A1", "total": total})
    partial: Any = await ai.parse(Invoice, "Read it", check=Check(ai.agreement(3), on_doubt="accept"))
    assert [str(doubt) for doubt in partial.doubts] == ["total: 2 of 3 answers say 2.0, this one says 1.0"]


async def test_repairs_are_steps_and_each_doubtful_one_says_why(engine: Engine, models: ModelServer) -> None:
    models.reply({"number": "A1", "total": -1})
    models.reply({"number": "A1", "total": 1})
    await engine.serve(
        HEAD + "@workflow\nasync def read() -> float:\n"
        "    return (await ai.parse(Invoice, 'Read it', check=plausible)).value.total",
        models=MODELS,
    )
    handle = await engine.start("read")
    assert await handle.result() == 1.0
    first, second = await steps_of(engine, handle)
    assert (first.id, second.id) == ("ai.parse-1", "ai.parse-2")
    assert first.checked is not None
    assert (first.checked.outcome, first.checked.doubts[0].field) == ("repeated", "total")
    assert second.checked is None
    assert first.usage is not None
    assert first.usage.calls == 1


async def test_a_person_edits_a_doubtful_answer_and_it_is_on_record(engine: Engine, models: ModelServer) -> None:
    models.reply({"number": "A1", "total": -1})
    await engine.serve(
        HEAD + "@workflow\nasync def read() -> float:\n"
        "    check = Check(plausible, on_doubt='ask', assignee='ada')\n"
        "    return (await ai.parse(Invoice, 'Read it', check=check)).value.total",
        models=MODELS,
    )
    handle = await engine.start("read")
    approval = await engine.approval(handle)
    assert approval.editable == {"number": "A1", "total": -1.0}
    assert "ai.parse-1 is doubtful" in approval.message
    assert "total: a total is not negative (plausible)" in approval.message
    await engine.decide(handle, approval, value={"number": "A1", "total": 12}, edited=True)
    assert await handle.result() == 12.0
    step = (await steps_of(engine, handle))[0]
    assert step.checked is not None
    assert (step.checked.outcome, step.checked.by, step.checked.approval) == ("approved", "ada", "human_approval-1")
    assert [(edit.path, edit.before, edit.after) for edit in step.checked.edits] == [("/total", -1.0, 12)]


async def test_what_a_person_made_of_text_that_was_no_json_is_checked_too(engine: Engine, models: ModelServer) -> None:
    models.reply("no idea")
    await engine.serve(
        HEAD + "@workflow\nasync def read() -> float:\n"
        "    return (await ai.parse(Invoice, 'Read it', check=Check(on_doubt='ask'))).value.total",
        models=MODELS,
    )
    handle = await engine.start("read")
    first = await engine.approval(handle)
    assert first.editable == "no idea"
    await engine.decide(handle, first, value='{"number": "A1"}', edited=True)
    second = await engine.approval(handle, "human_approval-2")
    assert "total: Field required" in second.message
    await engine.decide(handle, second, value='{"number": "A1", "total": 5}', edited=True)
    assert await handle.result() == 5.0


async def test_a_rejected_answer_fails_with_what_was_doubtful(engine: Engine, models: ModelServer) -> None:
    models.reply({"number": "A1", "total": -1})
    await engine.serve(
        HEAD + "@workflow\nasync def read() -> float:\n"
        "    check = Check(plausible, on_doubt='ask')\n"
        "    return (await ai.parse(Invoice, 'Read it', check=check)).value.total",
        models=MODELS,
    )
    handle = await engine.start("read")
    await engine.decide(handle, await engine.approval(handle), verdict="reject", comment="no")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "ada rejected the answer of ai.parse-1 (no): total: a total is not negative" in str(caught.value.cause)
    step = (await steps_of(engine, handle))[0]
    assert step.checked is not None
    assert step.checked.outcome == "rejected"


async def test_the_result_of_an_activity_is_checked_and_repaired_with_what_was_wrong(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def count() -> int:\n    return await guess(3)",
        "@activity(check=lambda n: 'too small' if n < 5 else None)\n"
        "def guess(start: int, doubts=()) -> int:\n"
        "    return start + (2 if [doubt['reason'] for doubt in doubts] == ['too small'] else 0)\n",
    )
    handle = await engine.start("count")
    assert await handle.result() == 5
    found = await steps_of(engine, handle)
    assert [(step.id, step.checked.outcome if step.checked else None) for step in found] == [
        ("guess-1", "repeated"),
        ("guess-2", None),
    ]


async def test_an_activity_may_be_a_validator(engine: Engine, models: ModelServer) -> None:
    models.reply("first")
    models.reply("second")
    await engine.serve(
        HEAD + "@workflow\nasync def talk() -> str:\n    return (await ai.chat('Go', check=Check(known))).text",
        "@activity\ndef known(text: str) -> str | None:\n    return None if text == 'second' else 'not known'\n",
    )
    handle = await engine.start("talk")
    assert await handle.result() == "second"
    assert [step.id for step in await steps_of(engine, handle)] == ["ai.chat-1", "known-1", "ai.chat-2", "known-2"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Check("positive"), "JW453"),
        (lambda: Check(on_doubt="retry"), "JW454"),  # pyright: ignore[reportArgumentType]
        (lambda: Check(otherwise="repair"), "JW454"),
        (lambda: Check(repairs=0), "JW455"),
        (lambda: ai.judge(""), "JW457"),
        (lambda: ai.agreement(1), "JW457"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(make: Any, code: str) -> None:
    with pytest.raises(AuthoringError, match=code):
        make()
