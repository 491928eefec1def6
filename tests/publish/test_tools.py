"""Published workflows as tools of MCP, by two independent clients: the Python SDK's and the TypeScript SDK's."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.publish.callers import make_token, revoke
from jupyter_workflows.publish.calls import list_calls
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.session import Session

from ..conftest import eventually
from .conftest import Gateway, serving

CLI = [sys.executable, "-m", "jupyter_workflows.cli"]
ROOT = Path(__file__).parents[2]
YES = {"decision": "approve", "comment": "fine", "form_risk": 2, "form_colour": "red"}
SCRIPT = Path(__file__).with_name("client.mjs")


@asynccontextmanager
async def client(
    address: str, token: str | None, *, mode: Any = "auto", answer: Any = None, statuses: list[int] | None = None
) -> AsyncIterator[Client]:
    """The official SDK's client; asked for a form it gives `answer`; what it was answered goes into `statuses`."""

    async def answered(response: Any) -> None:
        if statuses is not None:
            statuses.append(response.status_code)

    async def elicited(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params)
        if answer is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=answer or None)

    asked: list[Any] = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60, event_hooks={"response": [answered]}) as http:
        transport = streamable_http_client(f"{address}/mcp", http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=elicited if answer is not False else None) as made:
            made.asked = asked  # type: ignore[attr-defined]
            yield made


async def test_tools_have_the_schemas_of_their_workflows(gateway: Gateway) -> None:
    async with client(gateway.address, gateway.ada) as ada:
        tools = {tool.name: tool for tool in (await ada.list_tools()).tools}
    assert list(tools) == ["count-letters", "review", "survey", "workflow_run", "cancel_workflow_run"]
    assert tools["count-letters"].description == "Counts the letters of a text"
    assert tools["review"].input_schema["properties"]["urgent"]["default"] is False
    assert tools["review"].input_schema["required"] == ["contract"]
    output = tools["review"].output_schema or {}
    assert "approved" in output["properties"]["result"]["anyOf"][0]["properties"]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_call_tells_its_progress_asks_and_gives_the_result(gateway: Gateway, mode: str) -> None:
    told: list[tuple[float, str]] = []

    async def progress(number: float, total: float | None, message: str | None) -> None:
        told.append((number, message or ""))

    async with client(gateway.address, gateway.ada, mode=mode, answer=YES) as ada:
        done = await ada.call_tool("review", {"contract": "C-17"}, progress_callback=progress)
        [asked] = ada.asked  # type: ignore[attr-defined]
    assert done.structured_content["status"] == "completed"
    assert done.structured_content["result"] == {"approved": True, "by": "ada", "size": 4}
    texts = [message for _, message in told]
    assert any("measure-1 running" in text for text in texts)
    assert any("measure-1: word0 word1" in text for text in texts)
    assert "measure-1 completed" in texts
    assert "Publish C-17?" in asked.message
    fields = asked.requested_schema["properties"]
    assert fields["decision"]["enum"] == ["approve", "reject"]
    assert fields["form_colour"]["enum"] == ["red", "green"]


SURVEY = {"decision": "approve", "json_place": '{"city": "Paris", "zip": 1}', "json_tags": "", "form_level": 2}


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_what_is_no_plain_field_is_asked_for_as_json(gateway: Gateway, mode: str) -> None:
    async with client(gateway.address, gateway.ada, mode=mode, answer=SURVEY) as ada:
        done = await ada.call_tool("survey", {"name": "A"})
        [asked] = ada.asked  # type: ignore[attr-defined]
    form = {"place": {"city": "Paris", "zip": 1}, "tags": [], "level": 2, "colour": None}
    assert done.structured_content["result"] == {"approved": True, "form": form}
    fields = asked.requested_schema["properties"]
    assert list(fields) == ["decision", "comment", "json_place", "json_tags", "form_level", "form_colour"]
    assert {field["type"] for field in fields.values()} == {"string", "integer"}
    assert fields["json_place"]["title"] == "Place (JSON)"
    assert fields["json_place"]["description"] == 'JSON such as {"city": "text", "zip": 1}'
    assert fields["form_colour"]["enum"] == ["red", "green"]
    assert (fields["form_level"]["description"], "enum" in fields["form_level"]) == ("One of 1, 2", False)
    assert "Fields marked (JSON) take JSON" in asked.message
    assert f"jupyter workflows approve {done.structured_content['run']}" in asked.message


async def test_a_field_that_is_no_json_is_said_and_asked_again_by_the_run(gateway: Gateway) -> None:
    async with client(gateway.address, gateway.ada, answer={**SURVEY, "json_place": "Paris"}) as ada:
        wrong = await ada.call_tool("survey", {"name": "B"})
    assert wrong.is_error
    assert "the field place takes JSON, and 'Paris' is none" in wrong.content[0].text
    run = re.search(r"survey-[0-9a-f]{16}", wrong.content[0].text)
    assert run
    async with client(gateway.address, gateway.ada, answer=SURVEY) as ada:
        done = await ada.call_tool("workflow_run", {"run": run.group()})
    assert done.structured_content["result"]["approved"] is True


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_who_declines_is_not_asked_again(gateway: Gateway, mode: str) -> None:
    with serving(gateway.home, "--wait", "5") as address:
        async with client(address, gateway.ada, mode=mode) as ada:
            left = await ada.call_tool("review", {"contract": "C-20"})
            assert len(ada.asked) == 1  # type: ignore[attr-defined]
            assert left.structured_content["status"] == "waiting"
            await ada.call_tool("cancel_workflow_run", {"run": left.structured_content["run"]})


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_form_that_is_not_plain_leads_to_its_page_where_there_is_one(
    gateway: Gateway, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_WORKFLOWS_RUN_LINK", "https://lab.company.com/run/{id}")
    with serving(gateway.home) as address:
        async with client(address, gateway.ada, mode=mode, answer={}) as ada:
            calling = asyncio.create_task(ada.call_tool("survey", {"name": "C"}))
            assert await asyncio.to_thread(eventually, lambda: ada.asked, 60)  # type: ignore[attr-defined]
            [asked] = ada.asked  # type: ignore[attr-defined]
            run = asked.url.rpartition("/")[2]
            assert (asked.mode, asked.url) == ("url", f"https://lab.company.com/run/{run}")
            assert "It is decided on the page of the run." in asked.message
            form = json.dumps({"place": {"city": "Rome", "zip": 2}})
            await asyncio.to_thread(subprocess.run, [*CLI, "approve", run, "--form", form], check=True, timeout=60)
            done = await asyncio.wait_for(calling, 60)
    assert done.structured_content["result"]["form"]["place"] == {"city": "Rome", "zip": 2}


async def test_what_the_client_may_not_decide_is_told_and_goes_on_without_it(gateway: Gateway) -> None:
    with serving(gateway.home, "--wait", "4") as address:
        async with client(address, gateway.bob, answer=YES) as bob:
            waiting = await bob.call_tool("review", {"contract": "C-18"})
            assert bob.asked == []  # type: ignore[attr-defined]
            run = waiting.structured_content["run"]
            assert waiting.structured_content["status"] == "waiting"
            assert waiting.structured_content["waits_for"][0]["message"] == "Publish C-18?"
            session = Session(home=gateway.home, settings=None)
            await asyncio.to_thread(
                subprocess.run, [*CLI, "approve", run, "--form", '{"risk": 1}'], check=True, timeout=60
            )
            done = await bob.call_tool("workflow_run", {"run": run})
    assert done.structured_content["result"]["approved"] is True
    access = RunAccess.of(session.client(), gateway.home)
    [call] = [each for each in loop_thread().run(list_calls(access, tool="review")) if each.run == run]
    assert (call.caller, call.status) == ("bob", "completed")


async def test_failures_and_mistakes_are_errors_that_a_model_can_read(gateway: Gateway) -> None:
    async with client(gateway.address, gateway.ada) as ada:
        failed = await ada.call_tool("count-letters", {"text": "bad"})
        wrong = await ada.call_tool("count-letters", {"text": 3})
        unknown = await ada.call_tool("../review", {})
        others = await ada.call_tool("workflow_run", {"run": "review-0123456789abcdef"})
    texts = [" ".join(part.text for part in result.content) for result in (failed, wrong, unknown, others)]
    assert [result.is_error for result in (failed, wrong, unknown, others)] == [True] * 4
    assert "no such text" in texts[0]
    assert "argument text: 3 is not of type 'string'" in texts[1]
    assert "no workflow is published as '../review'" in texts[2]
    assert "you have started no run" in texts[3]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_client_is_refused_without_a_token_and_with_a_revoked_one(gateway: Gateway, mode: str) -> None:
    made, token = make_token(gateway.home, "carol")
    statuses: list[int] = []
    async with client(gateway.address, token, mode=mode, statuses=statuses) as carol:
        assert "review" in [tool.name for tool in (await carol.list_tools()).tools]
        assert 401 not in statuses
        revoke(gateway.home, made.id)
        # Also where it was let in before.
        with pytest.raises(MCPError):
            await carol.call_tool("count-letters", {"text": "four"})
        assert statuses[-1] == 401
    for given in (None, token):
        statuses.clear()
        with pytest.raises(ExceptionGroup) as caught:
            async with client(gateway.address, given, mode=mode, statuses=statuses) as stranger:
                await stranger.list_tools()
        assert caught.group_contains(MCPError)
        assert set(statuses) == {401}


async def test_another_implementation_calls_and_decides(gateway: Gateway) -> None:
    command = ["node", str(SCRIPT), f"{gateway.address}/mcp", gateway.ada, json.dumps(YES)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["refused"] == 401
    assert told["tools"] == ["count-letters", "review", "survey", "workflow_run", "cancel_workflow_run"]
    assert any("word0" in message for message in told["progress"])
    assert "Publish C-19?" in told["asked"][0]
    assert told["result"] == {"approved": True, "by": "ada", "size": 4}
