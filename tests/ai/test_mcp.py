"""Tools of real MCP servers, over standard input and output and over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_workflows import ai
from jupyter_workflows.ai.agents import mcp_sessions
from jupyter_workflows.ai.agents.mcp import McpCall, mcp_call
from jupyter_workflows.ai.agents.tools import Caller
from jupyter_workflows.errors import ModelCallFailed, ToolServerFailed
from jupyter_workflows.testing import Call, ModelServer, Reply
from tests.authoring.conftest import Engine
from tests.conftest import eventually

ROOT = Path(__file__).parents[2]
AI = "from jupyter_workflows import ai\n"
ALLOWED = "JUPYTER_WORKFLOWS_ALLOWED_HOSTS"
PROGRAM = [sys.executable, str(ROOT / "tests" / "ai" / "tool_server.py")]
LIBRARIAN = (
    AI + 'librarian = ai.Agent("librarian", tools=[ai.McpServer("shelf", {where})])\n'
    "@workflow\nasync def borrow(task: str) -> str:\n    return (await librarian.run(task)).text"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The URL of the server, running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*PROGRAM, "http", str(port)], stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.socket() as there:
            return there.connect_ex(("127.0.0.1", port)) == 0

    try:
        assert eventually(answers, 60)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("way", ["stdio", "http"])
async def test_an_agent_uses_a_server_whose_listing_and_calls_are_steps(
    engine: Engine, models: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str, address: str
) -> None:
    monkeypatch.setenv(ALLOWED, "127.0.0.1")
    monkeypatch.setenv("LENT", str(tmp_path / "lent"))
    where = f"command={[*PROGRAM, 'stdio']!r}, environment=['LENT']" if way == "stdio" else f"url={address!r}"
    models.reply(tool_calls=[("shelf_lend", {"title": "Emma"}), ("shelf_lose", {"title": "Emma"})])
    models.reply("Lent.")
    await engine.serve(LIBRARIAN.replace("{where}", where))
    handle = await engine.start("borrow", "Lend Emma")
    assert await handle.result() == "Lent."
    scheduled = [
        (event.activity_task_scheduled_event_attributes.activity_id, event.user_metadata.summary.data.decode())
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert scheduled == [
        ("shelf.tools-1", '"librarian: what shelf can"'),
        ("librarian-1", '"librarian, turn 1: Lend Emma"'),
        ("shelf.lend-1", '"librarian: shelf_lend(title=\\"Emma\\")"'),
        ("shelf.lose-1", '"librarian: shelf_lose(title=\\"Emma\\")"'),
        ("librarian-2", scheduled[4][1]),
    ]
    tools = [tool["function"]["name"] for tool in models.calls[0].body["tools"]]
    assert tools == ["shelf_lend", "shelf_lose", "shelf_remember", "shelf_process", "shelf_environment"]
    said = [message["content"] for message in models.calls[1].body["messages"] if message["role"] == "tool"]
    assert said[0] == "Emma for 14 days"
    assert said[1].startswith("the tool failed: ")
    if way == "stdio":
        assert (tmp_path / "lent").read_text() == "Emma\n"


async def test_a_server_remembers_within_a_run_and_nothing_of_another(engine: Engine, models: ModelServer) -> None:
    titles = ["Emma", "Persuasion"]
    for _ in range(2):
        for title in titles:
            models.reply(tool_calls=[("shelf_remember", {"title": title})])
        models.reply("Lent.")
    await engine.serve(LIBRARIAN.replace("{where}", f"command={[*PROGRAM, 'stdio']!r}"))
    for _ in range(2):
        assert await engine.run("borrow", "Lend both") == "Lent."
        said = [message["content"] for message in models.calls[-1].body["messages"] if message["role"] == "tool"]
        assert said == ["Emma", "Emma, Persuasion"]


async def test_a_server_that_died_is_started_anew_and_the_model_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply:
        said = [message["content"] for message in call.body["messages"] if message["role"] == "tool"]
        if not said:
            return Reply(tool_calls=[("shelf_process", {})])
        if len(said) == 1:
            os.kill(int(said[0]), signal.SIGKILL)
            return Reply(tool_calls=[("shelf_remember", {"title": "Emma"})])
        return Reply(said[1])

    with ModelServer(answer=answer) as models:
        for name, value in models.environment.items():
            monkeypatch.setenv(name, value)
        await engine.serve(LIBRARIAN.replace("{where}", f"command={[*PROGRAM, 'stdio']!r}"))
        said = await engine.run("borrow", "Lend Emma")
    assert said == "(shelf was connected to anew before this call: what it remembered of earlier calls is gone)\nEmma"


async def test_a_server_that_died_while_it_was_idle_is_asked_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_sessions, "SURE_SECONDS", 0.0)  # in place of a wait
    server = ai.McpServer("shelf", command=[*PROGRAM, "stdio"], environment=["LENT"])
    first = await mcp_call(McpCall(target=server.target, tool="process"))
    again = await mcp_call(McpCall(target=server.target, tool="process"))
    assert (again.text, again.session) == (first.text, first.session)
    os.kill(int(first.text), signal.SIGKILL)
    anew = await mcp_call(McpCall(target=server.target, tool="process"))
    assert anew.text != first.text
    assert anew.session != first.session


async def test_a_session_that_is_not_used_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_sessions, "IDLE_SECONDS", 0.0)
    server = ai.McpServer("shelf", command=[*PROGRAM, "stdio"])
    process = int((await mcp_call(McpCall(target=server.target, tool="process"))).text)
    assert await asyncio.to_thread(eventually, lambda: not psutil.pid_exists(process), 30)


async def test_a_program_gets_no_variable_of_the_worker_but_those_that_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SECRET", "abc")
    monkeypatch.setenv("MY_SETTING", "abc")
    server = ai.McpServer("shelf", command=[*PROGRAM, "stdio"], environment=["MY_SETTING"])
    names = (await mcp_call(McpCall(target=server.target, tool="environment"))).text
    assert "MY_SETTING" in names
    assert "MY_SECRET" not in names


async def test_a_url_that_is_not_public_is_not_followed(address: str) -> None:
    server = ai.McpServer("shelf", url=address)
    with pytest.raises(ModelCallFailed, match=ALLOWED) as caught:
        await server.tools_request(Caller("a"))
    assert (caught.value.kind, caught.value.retryable) == ("blocked_address", False)


async def test_only_some_tools(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(ALLOWED, "127.0.0.1")
    tools = await ai.McpServer("shelf", url=address, only=["lend"]).tools_request(Caller("a"))
    assert [(tool.name, tool.description) for tool in tools] == [("shelf_lend", "Lends a book.")]


async def test_a_server_that_is_not_there_fails_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolServerFailed, match=r"shelf \(no-such-program\) can't be used"):
        await ai.McpServer("shelf", command=["no-such-program"]).tools_request(Caller("a"))
    crashing = [sys.executable, "-c", "import sys; sys.exit('no shelf here')"]
    with pytest.raises(ToolServerFailed, match="it wrote: no shelf here"):
        await ai.McpServer("shelf", command=crashing).tools_request(Caller("a"))
    with pytest.raises(ToolServerFailed, match="set SHELF_TOKEN where the worker runs"):
        await ai.McpServer("shelf", url="https://example.com/mcp", token="SHELF_TOKEN").tools_request(Caller("a"))
