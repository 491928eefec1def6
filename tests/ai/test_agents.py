"""Agents against a scripted model server, on a real Temporal server."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from jupyter_workflows import ai
from jupyter_workflows.ai.agents.choices import choice_schema, chosen
from jupyter_workflows.errors import AgentUnfinished, AuthoringError
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.testing import Call, ModelServer, Reply
from jupyter_workflows.worker import load_bundle
from tests.authoring.conftest import Engine

HISTORY = Path(__file__).parent / "histories" / "two_agents.json"
AI = "from jupyter_workflows import ai\nfrom pydantic import BaseModel\n"
STEPS = '''
@activity
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b

@activity(retry=RetryPolicy(max_attempts=1))
def broken(why: str) -> str:
    raise ValueError(why)
'''
CALC = 'calc = ai.Agent("calc", "small", "You calculate.", tools=[add, broken])\n'
CALCULATE = CALC + (
    "@workflow\nasync def calculate(task: str) -> ai.AgentAnswer[str] | ai.AgentStopped:\n"
    "    return await calc.run(task)"
)


async def steps_of(handle: Any) -> list[tuple[str, str]]:
    """Id and summary of each activity that was scheduled."""
    return [
        (event.activity_task_scheduled_event_attributes.activity_id, event.user_metadata.summary.data.decode())
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def test_each_turn_and_each_tool_call_is_a_step_with_its_name_and_summary(
    engine: Engine, models: ModelServer
) -> None:
    models.reply(tool_calls=[("add", {"a": 2, "b": 3})])
    models.reply("It is 5.")
    await engine.serve(AI + CALCULATE, STEPS)
    handle = await engine.start("calculate", "What is 2 + 3?", result_type=ai.AgentAnswer[str] | ai.AgentStopped)
    answer = await handle.result()
    assert (answer.finished, answer.value, answer.turns, answer.agent) == (True, "It is 5.", 2, "calc")
    assert answer.usage.calls == 2
    assert await steps_of(handle) == [
        ("calc-1", '"calc, turn 1: What is 2 + 3?"'),
        ("add-1", '"calc: add(a=2, b=3)"'),
        ("calc-2", '"calc, turn 2: 5"'),
    ]
    sent = models.calls[1].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[3]["content"] == "5"
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"]
    tool = models.calls[0].body["tools"][0]["function"]
    assert (tool["name"], tool["description"]) == ("add", "Adds two numbers.")
    assert tool["parameters"]["required"] == ["a", "b"]


async def test_tools_of_one_turn_run_at_the_same_time(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("meet", {"name": "ada"}), ("meet", {"name": "bob"})])
    models.reply("They met.")
    await engine.serve(
        AI + 'host = ai.Agent("host", tools=[meet])\n'
        "@workflow\nasync def party() -> str:\n    return (await host.run('Let them meet')).text",
        "PRESENT = asyncio.Barrier(2)\n@activity\nasync def meet(name: str) -> str:\n"
        "    await asyncio.wait_for(PRESENT.wait(), 60)\n    return name",
    )
    assert await engine.run("party") == "They met."
    assert [message["content"] for message in models.calls[1].body["messages"][2:]] == ["ada", "bob"]


TEAM = (
    'writer = ai.Agent("writer", "small", "You write.", output=Memo)\n'
    'researcher = ai.Agent("researcher", "small", "You look things up.", tools=[add], handoffs=[writer])\n'
    "@workflow\nasync def memo(task: str) -> ai.AgentAnswer[Memo] | ai.AgentStopped:\n"
    "    return await researcher.run(task)"
)
MEMO = "class Memo(BaseModel):\n    title: str\n    lines: list[str]\n"


class Memo(BaseModel):
    title: str
    lines: list[str]


async def test_an_agent_hands_over_to_another_that_knows_what_was_said(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("add", {"a": 1, "b": 1})])
    models.reply(tool_calls=[("hand_over_to_writer", {"message": "Write that it is 2."})])
    models.reply({"title": "Sums", "lines": ["1 + 1 = 2"]})
    await engine.serve(AI + TEAM, STEPS, AI + MEMO)
    handle = await engine.start("memo", "Add.", result_type=ai.AgentAnswer[Memo] | ai.AgentStopped)
    answer = await handle.result()
    assert (answer.agent, answer.value.lines, answer.turns) == ("writer", ["1 + 1 = 2"], 3)
    assert [step for step, _ in await steps_of(handle)] == ["researcher-1", "add-1", "researcher-2", "writer-1"]
    last = models.calls[2]
    assert last.body["messages"][0]["content"] == "You write."
    assert last.body["messages"][-1]["content"] == "researcher handed over to writer: Write that it is 2."
    assert last.schema is not None
    assert "tools" not in last.body


async def test_a_value_comes_by_a_last_tool_where_there_are_other_tools(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("final_answer", {"title": "T", "lines": "none"})])
    models.reply(tool_calls=[("final_answer", {"title": "T", "lines": []})])
    await engine.serve(
        AI + 'writer = ai.Agent("writer", tools=[add], output=Memo)\n'
        "@workflow\nasync def memo() -> Memo:\n    return (await writer.run('Write')).value",
        STEPS,
        AI + MEMO,
    )
    assert await engine.run("memo") == {"title": "T", "lines": []}
    complaint = models.calls[1].prompt
    assert "lines: Input should be a valid list" in complaint


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([("add", {"a": 1})], "the arguments do not fit: b: Field required"),
        ([("add", {"a": 1, "b": "x"})], "b: Input should be a valid integer"),
        ([("add", {"a": 1, "b": 2, "c": 3})], "c: Extra inputs are not permitted"),
        ([("add", "{broken")], "the arguments are no JSON object: {broken"),
        ([("ad", {"a": 1, "b": 2})], "there is no tool 'ad'; there are: add, broken"),
    ],
)
async def test_a_malformed_call_is_asked_for_again_with_what_is_wrong(
    engine: Engine, models: ModelServer, wrong: list, told: str
) -> None:
    models.reply(tool_calls=wrong)
    models.reply(tool_calls=[("add", {"a": 1, "b": 2})])
    models.reply("3")
    await engine.serve(AI + CALCULATE, STEPS)
    assert (await engine.run("calculate", "Add"))["value"] == "3"
    assert told in models.calls[1].prompt


async def test_answers_that_never_make_sense_end_as_stopped_after_the_repairs(
    engine: Engine, models: ModelServer
) -> None:
    for _ in range(4):
        models.reply(tool_calls=[("nothing", {})])
    await engine.serve(AI + CALCULATE, STEPS)
    stopped = ai.AgentStopped.model_validate(await engine.run("calculate", "Add"))
    assert (stopped.reason, models.count, bool(stopped), stopped.finished) == ("repairs", 4, False, False)
    assert "there is no tool 'nothing'" in stopped.text
    with pytest.raises(AgentUnfinished, match=r"calc was stopped \(4 answers in a row"):
        _ = stopped.value


async def test_what_a_tool_raises_is_told_to_the_model(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("broken", {"why": "no paper"})])
    models.reply("It is broken.")
    await engine.serve(AI + CALCULATE, STEPS)
    assert (await engine.run("calculate", "Print"))["value"] == "It is broken."
    assert models.calls[1].prompt == "the tool failed: no paper"


LIMITS = {
    "turns": ("turns=2", "2 of 2 turns are used", 2),
    "tokens": ("tokens=20", "24 tokens are used, and 20 were allowed", 2),
    "time": ("time=timedelta(microseconds=1)", "have passed", 1),
    "money": ("money=0.00002", "is spent, and 2e-05 was allowed", 2),
    "unknown money": ("money=1.0", "what the calls cost is not known: name the model in", 1),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_limit_ends_as_stopped_with_what_was_reached(
    engine: Engine, models: ModelServer, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    given, detail, calls = LIMITS[limit]
    if limit == "money":
        monkeypatch.setenv("JUPYTER_WORKFLOWS_MODEL_PRICES", '{"small": {"input": 1, "output": 1}}')
    for number in range(5):
        models.reply("More:", tool_calls=[("add", {"a": number, "b": 0})], input_tokens=10)
    await engine.serve(
        AI + CALC + "@workflow\nasync def calculate(task: str) -> ai.AgentAnswer[str] | ai.AgentStopped:\n"
        f"    return await calc.run(task, limits=ai.Limits({given}))",
        STEPS,
    )
    stopped = ai.AgentStopped.model_validate(await engine.run("calculate", "Add"))
    assert stopped.reason == limit.removeprefix("unknown ")
    assert detail in stopped.detail
    assert models.count == calls == stopped.turns
    assert stopped.text == (str(calls - 1) if calls else f"nothing yet: {stopped.detail}")


async def test_a_stopped_agent_goes_on_from_its_conversation(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("add", {"a": 20, "b": 1})])
    models.reply("21")
    await engine.serve(
        AI + CALC + "@workflow\nasync def calculate() -> str:\n"
        "    first = await calc.run('Add', limits=ai.Limits(turns=1))\n"
        "    assert not first\n"
        "    return (await calc.run('Go on', conversation=first.conversation)).value",
        STEPS,
    )
    assert await engine.run("calculate") == "21"
    assert [message["content"] for message in models.calls[1].body["messages"][1:]] == ["Add", "", "21", "Go on"]


async def test_a_person_is_asked_with_a_form_and_the_model_is_told_the_answer(
    engine: Engine, models: ModelServer
) -> None:
    models.reply(tool_calls=[("ask_human", {"question": "Which colour?"})])
    models.reply(tool_calls=[("ask_human", {"question": "Really?"})])
    models.reply("Green.")
    await engine.serve(
        AI + 'shopper = ai.Agent("shopper", tools=[ai.ask_human(assignee="ada")])\n'
        "@workflow\nasync def shop() -> str:\n    return (await shopper.run('Buy a chair')).text"
    )
    handle = await engine.start("shop")
    approval = await engine.approval(handle)
    assert (approval.message, approval.assignee) == ("Agent **shopper** asks:\n\nWhich colour?", "ada")
    await engine.decide(handle, approval, form={"answer": "green"}, comment="like grass")
    await engine.decide(handle, await engine.approval(handle, "human_approval-2"), verdict="reject")
    assert await handle.result() == "Green."
    assert models.calls[1].prompt == '{"answered": true, "answer": "green", "comment": "like grass"}'
    assert models.calls[2].prompt == '{"answered": false, "why": "the person did not want to answer"}'


async def test_a_workflow_as_a_tool_is_a_child_run(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("twice", {"n": 4})])
    models.reply("8")
    await engine.serve(
        AI + '@workflow\nasync def twice(n: int) -> int:\n    """Doubles."""\n    return await add(n, n)\n'
        'calc = ai.Agent("calc", tools=[twice])\n'
        "@workflow\nasync def calculate() -> str:\n    return (await calc.run('Double 4')).text",
        STEPS,
    )
    assert await engine.run("calculate") == "8"
    assert models.calls[1].prompt == "8"


async def test_shared_state_has_versions_and_refuses_changes_of_an_old_one(engine: Engine, models: ModelServer) -> None:
    models.reply(tool_calls=[("update_state", {"version": 1, "changes": {"notes": ["a"]}})])
    models.reply(tool_calls=[("update_state", {"version": 1, "changes": {"notes": ["b"]}})])
    models.reply(tool_calls=[("update_state", {"version": 2, "changes": {"nots": ["b"]}})])
    models.reply(tool_calls=[("update_state", {"version": 2, "changes": {"notes": ["a", "b"]}})])
    models.reply("Noted.")
    await engine.serve(
        AI + 'clerk = ai.Agent("clerk", "small", "You note.")\n'
        "@workflow\nasync def note() -> list:\n"
        "    board = ai.SharedState(Board())\n    await clerk.run('Note a and b', state=board)\n"
        "    board.update({'done': True})\n"
        "    changes = [(c.version, c.by, [e.path for e in c.edits]) for c in board.changes]\n"
        "    return [board.version, board.value, changes]",
        "",
        AI + "class Board(BaseModel):\n    notes: list[str] = []\n    done: bool = False\n",
    )
    assert await engine.run("note") == [
        4,
        {"notes": ["a", "b"], "done": True},
        [[2, "clerk", ["/notes"]], [3, "clerk", ["/notes"]], [4, "workflow", ["/done"]]],
    ]
    systems = [call.body["messages"][0]["content"] for call in models.calls]
    assert systems[1].endswith('The shared state, version 2: {"notes": ["a"], "done": false}')
    assert 'version 1 is outdated, version 2 is now: {"notes": ["a"]' in models.calls[2].prompt
    assert "the state has no 'nots'; it has notes, done" in models.calls[3].prompt


async def test_a_long_conversation_is_summarised_and_the_task_and_newest_messages_stay(
    engine: Engine, models: ModelServer
) -> None:
    for number in range(4):
        models.reply(tool_calls=[("fetch", {"page": number})])
    models.reply("Pages 0 and 1 were long.")
    models.reply("Read.")
    await engine.serve(
        AI + 'reader = ai.Agent("reader", tools=[fetch], memory=ai.Memory(tokens=1000, keep=4))\n'
        "@workflow\nasync def read() -> ai.AgentAnswer[str]:\n    return await reader.run('Read all pages')",
        '@activity\ndef fetch(page: int) -> str:\n    return f"page {page}: " + "x" * 1000',
    )
    handle = await engine.start("read", result_type=ai.AgentAnswer[str])
    answer = await handle.result()
    assert [step for step, _ in await steps_of(handle) if step.startswith("reader")] == [
        "reader-1", "reader-2", "reader-3", "reader-4", "reader.summary-1", "reader-5",
    ]  # fmt: skip
    assert "page 1" in models.calls[4].prompt
    last = models.calls[5].body["messages"]
    assert last[0]["content"] == "What happened before:\nPages 0 and 1 were long."
    assert (last[1]["content"], len(last)) == ("Read all pages", 6)
    assert sum(len(message["content"]) for message in last) < 4 * 1000
    assert (answer.conversation.summary, answer.usage.calls) == ("Pages 0 and 1 were long.", 6)


async def test_an_answer_is_judged_and_the_agent_goes_on_with_what_is_wrong(
    engine: Engine, models: ModelServer
) -> None:
    models.reply("no")
    models.reply("yes, please")
    await engine.serve(
        AI
        + 'polite = ai.Agent("polite")\ndef says_please(text):\n    return None if "please" in text else "say please"\n'
        "@workflow\nasync def ask() -> str:\n    return (await polite.run('Coffee?', check=says_please)).value"
    )
    assert await engine.run("ask") == "yes, please"
    assert "Your answer is not right: say please" in models.calls[1].prompt


@pytest.mark.parametrize("where", ["local", "mistral"])
async def test_a_model_without_tool_calls_chooses_by_a_schema(
    engine: Engine, models: ModelServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "local":
        from jupyter_workflows.ai.servers import Server

        # The scripted server stands where the model on this machine would run.
        monkeypatch.setattr("jupyter_workflows.ai.servers.local_is_installed", lambda: True)
        monkeypatch.setattr(
            "jupyter_workflows.ai.local_model.local_model", lambda: Server("local", models.url, models.key)
        )
    mode = "auto" if where == "local" else "json"
    models.reply({"action": "add", "arguments": {"a": 2, "b": 2}})
    models.reply("four, I think")
    models.reply({"action": "answer", "arguments": {"text": "4"}})
    await engine.serve(
        AI + f'calc = ai.Agent("calc", None, "You calculate.", tools=[add], server="{where}", tool_mode="{mode}")\n'
        "@workflow\nasync def calculate() -> str:\n    return (await calc.run('2 + 2')).text",
        STEPS,
    )
    assert await engine.run("calculate") == "4"
    first, second, third = models.calls
    assert "tools" not in first.body
    actions = [variant["properties"]["action"]["const"] for variant in first.schema["anyOf"]]
    assert actions == ["add", "answer"]
    assert "- add(a, b): Adds two numbers." in first.body["messages"][0]["content"]
    assert [message["role"] for message in second.body["messages"]] == ["system", "user", "assistant", "user"]
    assert second.prompt == "Result of add: 4"
    assert "that is no JSON object" in third.prompt


def two_agents(models: ModelServer) -> None:
    """Scripts a run with two tools at once, one call that is malformed, and a handover."""
    models.reply(tool_calls=[("add", {"a": 1, "b": 1}), ("add", {"a": 2, "b": 2}), ("add", {"a": 2})])
    models.reply(tool_calls=[("hand_over_to_writer", {"message": "Write."})])
    models.reply({"title": "Sums", "lines": []})


async def replayed(engine: Engine, history: WorkflowHistory) -> None:
    """Replays a history with the code as it is now."""
    bundle = load_bundle(next(engine.root.glob("jw_*")))
    await Replayer(
        workflows=bundle.workflow_classes,
        data_converter=data_converter(),
        plugins=[EnginePlugin(engine.root / "limits")],
    ).replay_workflow(history)


async def test_a_run_of_two_agents_replays(engine: Engine, models: ModelServer) -> None:
    two_agents(models)
    await engine.serve(AI + TEAM, STEPS, AI + MEMO)
    handle = await engine.start("memo", "Add.")
    await handle.result()
    await replayed(engine, await handle.fetch_history())


async def test_a_recorded_history_of_two_agents_replays(engine: Engine) -> None:
    """Runs that are under way must go on with a newer version: see the decision on agents before recording it anew."""
    await engine.serve(AI + TEAM, STEPS, AI + MEMO)
    await replayed(engine, WorkflowHistory.from_json("memo", HISTORY.read_text()))


async def test_an_agent_works_in_a_cell_too(models: ModelServer) -> None:
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    models.reply(tool_calls=[("add", {"a": 1, "b": 2}), ("ask", {"question": "Sure?"})])
    models.reply("3")
    calc = ai.Agent("calc", tools=[add])
    answer = await calc.run("1 + 2")
    assert (answer.value, repr(calc)) == ("3", "<agent calc>")
    models.reply(tool_calls=[("ask_human", {"question": "Sure?"})])
    with pytest.raises(AuthoringError, match="only a workflow can"):
        await ai.Agent("calc", tools=[ai.ask_human]).run("1 + 2")


def takes_stars(*names: str) -> str:
    return ""


def takes_a_stream(stream: object) -> str:
    return ""


MISTAKES = [
    (lambda: ai.Agent("my agent"), "JW460.*letters, digits and _"),
    (lambda: ai.Agent("a", tool_mode="yes"), "JW460.*'auto', 'tools' or 'json'"),
    (lambda: ai.Agent("a", output=Replayer), "JW460.*pydantic model"),
    (lambda: ai.Agent("a", handoffs=[3]), "JW460.*can't hand over to '3'"),
    (lambda: ai.Agent("a", tools=["look"]), "JW462.*can't use 'look' as a tool"),
    (lambda: ai.Agent("a", tools=[lambda: 1]), "JW462"),
    (lambda: ai.Agent("a", tools=[takes_stars, takes_stars]), "JW463.*name each parameter"),
    (lambda: ai.Agent("a", tools=[ai.ask_human, ai.ask_human]), "JW462.*two tools of the name ask_human"),
    (lambda: ai.Agent("a", temprature=1), r"JW417.*temperature"),
    (lambda: ai.Agent("a", answers=False), "JW460.*needs handoffs"),
    (lambda: ai.Limits(turns=0), "JW461"),
    (lambda: ai.Limits(money=-1), "JW461"),
    (lambda: ai.Limits(time=5), "takes a timedelta"),
    (lambda: ai.Memory(tokens=1), "JW461"),
    (lambda: ai.McpServer("a"), "JW464.*either command="),
    (lambda: ai.McpServer("a", command=["x"], environment=["KEY=value"]), "JW464.*not their values"),
    (lambda: ai.SharedState({}), "JW465"),
    (lambda: ai.ask_human(timeout=timedelta(0)), "longer than zero"),
]


@pytest.mark.parametrize(("make", "said"), MISTAKES)
def test_what_makes_no_sense_is_refused_with_the_remedy(make: Any, said: str) -> None:
    with pytest.raises(AuthoringError, match=said):
        make()


async def test_handing_over_to_nobody_is_refused(models: ModelServer) -> None:
    with pytest.raises(AuthoringError, match=r"JW460.*hands over to 'bob'.*can be reached from a"):
        await ai.Agent("a", handoffs=["bob"]).run("Go")
    with pytest.raises(AuthoringError, match=r"JW460.*two agents are called b"):
        await ai.Agent("a", handoffs=[ai.Agent("b"), ai.Agent("b")]).run("Go")


async def test_a_tool_is_offered_no_more_after_its_calls_and_an_agent_that_only_hands_over_does(
    models: ModelServer,
) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    writer = ai.Agent("writer")
    first = ai.Agent("first", tools=[add], handoffs=[writer], answers=False, limits=ai.Limits(calls_per_tool=1))
    models.reply(tool_calls=[("add", {"a": 1, "b": 1})])
    models.reply(tool_calls=[("add", {"a": 1, "b": 1})])
    models.reply("It is 2.")
    models.reply(tool_calls=[("hand_over_to_writer", {"message": "2"})])
    models.reply("Two.")
    assert (await first.run("1 + 1")).text == "Two."
    offered = [[tool["function"]["name"] for tool in call.body.get("tools", [])] for call in models.calls]
    assert offered == [["add", "hand_over_to_writer"], *[["hand_over_to_writer"]] * 3, []]
    assert "there is no tool 'add'; there are: hand_over_to_writer" in models.calls[2].prompt
    assert "call a tool, or hand over" in models.calls[3].prompt


async def test_what_a_tool_raises_in_a_cell_is_told_to_the_model_too(models: ModelServer) -> None:
    def fails(why: str) -> str:
        raise KeyError(why)

    models.reply(tool_calls=[("fails", {"why": "gone"})])
    models.reply("Gone.")
    assert (await ai.Agent("a", tools=[fails]).run("Go")).text == "Gone."
    assert models.calls[1].prompt == "the tool failed: 'gone'"


class Point(BaseModel):
    x: int


class Line(BaseModel):
    points: list[Point]


def test_a_choice_is_a_union_whose_definitions_do_not_clash() -> None:
    other = {"type": "object", "properties": {"p": {"$ref": "#/$defs/Point"}}, "$defs": {"Point": {"type": "string"}}}
    tools = [
        {"function": {"name": "draw", "parameters": Line.model_json_schema()}},
        {"function": {"name": "say", "parameters": other}},
    ]
    schema = choice_schema(tools)
    jsonschema.validate({"action": "draw", "arguments": {"points": [{"x": 1}]}}, schema)
    jsonschema.validate({"action": "say", "arguments": {"p": "here"}}, schema)
    for wrong in (
        {"action": "say", "arguments": {"p": {"x": 1}}},
        {"action": "none", "arguments": {}},
        {"action": "say"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(
    "said",
    ["no JSON", "[1]", '{"action": "add"}', '{"action": 3, "arguments": {}}', '{"action": "answer", "arguments": {}}'],
)
def test_a_choice_that_obeys_no_variant_is_a_call_without_a_name(said: str) -> None:
    (call,) = chosen(ai.ChatAnswer(model="m", text=said), ["add"]).tool_calls
    assert (call.name, call.arguments) == ("", said)


async def test_two_agents_at_once_change_one_state_and_neither_change_is_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(call: Call) -> Reply:
        """Each agent adds its name to the names it saw last, until its own is there."""
        system = call.body["messages"][0]["content"]
        name = system.split()[2].rstrip(".")
        version, names = system.rpartition(", version ")[2].split(": ", 1)
        seen = json.loads(names)["names"]
        if name in seen:
            return Reply("Done.")
        return Reply(tool_calls=[("update_state", {"version": int(version), "changes": {"names": [*seen, name]}})])

    with ModelServer(answer=says) as models:
        for name, value in models.environment.items():
            monkeypatch.setenv(name, value)
        await engine.serve(
            AI + 'AGENTS = [ai.Agent(name, None, f"You are {name}.") for name in ("ada", "bob", "eve")]\n'
            "@workflow\nasync def sign() -> list:\n    sheet = ai.SharedState(Sheet())\n"
            "    await asyncio.gather(*(agent.run('Sign', state=sheet) for agent in AGENTS))\n"
            "    return [sheet.version, sorted(sheet.value.names), sorted(change.by for change in sheet.changes)]",
            "",
            AI + "class Sheet(BaseModel):\n    names: list[str] = []\n",
        )
        assert await engine.run("sign") == [4, ["ada", "bob", "eve"], ["ada", "bob", "eve"]]
