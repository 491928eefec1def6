"""Calls of models, plain and as durable steps, against a scripted server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyter_workflows import ai
from jupyter_workflows.errors import AuthoringError, ModelCallFailed
from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import Engine

STEPS = "from jupyter_workflows import ai\n"


async def test_chat_gives_text_usage_model_and_why_it_ended(models: ModelServer) -> None:
    models.reply("Paris is the capital.", input_tokens=7)
    answer = await ai.chat("Which city?", instructions="Be brief.", model="small", temperature=0, max_tokens=20)
    assert (answer.text, str(answer), answer.model) == ("Paris is the capital.", "Paris is the capital.", "small")
    assert (answer.finish_reason, answer.complete) == ("stop", True)
    assert (answer.usage.calls, answer.usage.input_tokens, answer.usage.output_tokens) == (1, 7, 4)
    assert not answer.usage.estimated
    sent = models.calls[0]
    assert sent.key_ok
    assert sent.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which city?"},
    ]
    assert (sent.body["temperature"], sent.body["max_tokens"], sent.body["stream"]) == (0, 20, True)


async def test_chat_takes_a_conversation_and_gives_tool_calls(models: ModelServer) -> None:
    models.reply(tool_calls=[("look_up", {"id": 7}), ("look_up", "{broken")])
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    answer = await ai.chat(
        [
            "Look it up.",
            {"role": "assistant", "tool_calls": [{"id": "a", "name": "look_up", "arguments": {"id": 6}}]},
            ai.Message(role="tool", content="six", tool_call_id="a", name="look_up"),
        ],
        tools=[tool],
        tool_choice="any",
    )
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("look_up", {"id": 7}),
        ("look_up", "{broken"),
    ]
    assert (answer.finish_reason, answer.complete) == ("tool_calls", True)
    roles = [message["role"] for message in models.calls[0].body["messages"]]
    assert roles == ["user", "assistant", "tool"]
    assert models.calls[0].body["tools"][0]["function"]["name"] == "look_up"


async def test_embed_gives_a_vector_for_each_text(models: ModelServer) -> None:
    found = await ai.embed(["one", "two words"])
    assert [len(vector) for vector in found.vectors] == [8, 8]
    assert (found.vectors[0] != found.vectors[1], found.usage.input_tokens) == (True, 3)


async def test_ocr_reads_bytes_and_files(models: ModelServer, tmp_path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(b"\x89PNG")
    read = await ai.ocr(path)
    assert (read.pages[0].number, read.usage.pages) == (1, 1)
    assert models.calls[0].body["document"]["image_url"].startswith("data:image/png;base64,")
    await ai.ocr(b"%PDF-1.7", pages=[2])
    assert models.calls[1].body["document"]["type"] == "document_url"
    assert models.calls[1].body["pages"] == [1]


async def test_a_call_in_workflow_code_is_a_step_with_a_stable_id_and_a_summary(
    engine: Engine, models: ModelServer
) -> None:
    models.reply("first")
    models.reply("second")
    await engine.serve(
        STEPS + "@workflow\nasync def talk(name: str) -> list[str]:\n"
        "    one = await ai.chat(f'Greet {name}', model='small')\n"
        "    two = await ai.chat('Go on')\n"
        "    return [one.text, two.text]"
    )
    handle = await engine.start("talk", "Ada")
    assert await handle.result() == ["first", "second"]
    scheduled = [
        event
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    attributes = [event.activity_task_scheduled_event_attributes for event in scheduled]
    assert [(item.activity_id, item.activity_type.name) for item in attributes] == [
        ("ai.chat-1", "ai.chat"),
        ("ai.chat-2", "ai.chat"),
    ]
    assert scheduled[0].user_metadata.summary.data == b'"small: Greet Ada"'
    assert scheduled[0].event_group_markers[0].label.id == "workflows-cell"


async def test_a_call_in_an_activity_is_part_of_its_step(engine: Engine, models: ModelServer) -> None:
    models.reply("hello")
    await engine.serve(
        "@workflow\nasync def talk() -> str:\n    return await greet('Ada')",
        STEPS + "@activity\nasync def greet(name: str) -> str:\n    return (await ai.chat(f'Greet {name}')).text\n",
    )
    assert await engine.run("talk") == "hello"
    assert models.count == 1


async def test_a_busy_server_is_asked_again_when_it_says_so(engine: Engine, models: ModelServer) -> None:
    models.fault("rate_limited", retry_after=1.5)
    models.reply("at last")
    await engine.serve(STEPS + "@workflow\nasync def talk() -> str:\n    return (await ai.chat('Go')).text")
    assert await engine.run("talk") == "at last"
    first, second = models.calls
    assert second.at - first.at >= 1.5


async def test_a_refused_key_fails_the_step_at_once_and_the_workflow_can_catch_it(
    engine: Engine, models: ModelServer
) -> None:
    models.fault("status", status=401, times=9)
    await engine.serve(
        STEPS + "from jupyter_workflows.errors import ModelCallFailed\n"
        "@workflow\nasync def talk() -> str:\n"
        "    try:\n        return (await ai.chat('Go')).text\n"
        "    except ModelCallFailed as error:\n        return f'{error.kind}: {error}'"
    )
    said = await engine.run("talk")
    assert models.count == 1
    assert said.startswith("key_refused: the model server mistral (mistral-small-latest) answers HTTP 401: scripted.")
    assert said.endswith("Check the key in the worker's environment")


async def test_a_rate_limit_is_shared_by_steps_and_activities(engine: Engine, models: ModelServer) -> None:
    limit = "rate_limit=RateLimit(calls=1, per=timedelta(seconds=1.5), name='models')"
    await engine.serve(
        STEPS + f"@workflow\nasync def talk() -> None:\n"
        f"    await asyncio.gather(ai.chat('One', {limit}), ai.embed(['Two'], {limit}), third())",
        STEPS + f"@activity\nasync def third() -> None:\n    await ai.chat('Three', {limit})\n",
    )
    await ai.chat("a first call imports the client, which takes its time")
    await engine.run("talk")
    times = [call.at for call in models.calls][1:]
    assert len(times) == 3
    # 3 seconds, if the first was not woken late.
    assert times[2] - times[0] >= 2.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": 7}, "takes a text or a list of messages, not int"),
        ({"prompt": ""}, "asked nothing"),
        ({"prompt": []}, "asked nothing"),
        ({"prompt": [{"role": "boss", "content": "x"}]}, "a message of a model is"),
        ({"prompt": "x", "timeout": 5}, "takes a timedelta"),
        ({"prompt": "x", "silence_timeout": timedelta(0)}, "longer than zero"),
        ({"prompt": "x", "rate_limit": 5}, "write rate_limit=RateLimit"),
    ],
)
async def test_what_makes_no_sense_is_refused(arguments: dict, said: str) -> None:
    with pytest.raises(AuthoringError, match=said):
        await ai.chat(**arguments)


async def test_without_a_key_and_a_local_model_both_ways_out_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_workflows.ai.servers.local_is_installed", lambda: False)
    with pytest.raises(ModelCallFailed, match=r"set MISTRAL_API_KEY.*install the small model") as caught:
        await ai.chat("Go")
    assert caught.value.kind == "no_server"
