"""Agents in a notebook: what they may call becomes a step, wherever the agent is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Notebook

LOOK = '''
from jupyter_workflows import ai
def look(name: str) -> str:
    """Looks something up."""
    return clean(name)
def clean(text):
    return text.strip()
'''
USE = """
@workflow
async def flow(n: int) -> str:
    return (await agent.run("go")).text
"""
STEPS = {
    "a constant": (LOOK + 'agent = ai.Agent("a", tools=[look])\n# ---' + USE, ["look"]),
    "imported by name": (
        LOOK + 'from jupyter_workflows.ai import Agent\nagent = Agent("a", tools=[look])\n# ---' + USE,
        ["look"],
    ),
    "in the workflow": (
        LOOK + '@workflow\nasync def flow(n: int) -> str:\n    agent = ai.Agent("a", tools=[look])\n'
        '    return (await agent.run("go")).text',
        ["look"],
    ),
    "an async tool in the workflow": (
        LOOK.replace("def look", "async def look")
        + '@workflow\nasync def flow(n: int) -> str:\n    return (await ai.Agent("a", tools=[look]).run("go")).text',
        ["look"],
    ),
    "tools in a list of their own": (
        LOOK + 'TOOLS = [look]\nagent = ai.Agent("a", tools=TOOLS)\n# ---' + USE,
        ["look"],
    ),
    "tools of several lists, in the workflow": (
        LOOK + "def add(a: int) -> int:\n    return a\nBASIC = [look]\nTOOLS = [*BASIC, add]\n"
        '@workflow\nasync def flow(n: int) -> str:\n    return (await ai.Agent("a", tools=TOOLS).run("go")).text',
        ["add", "look"],
    ),
    "an agent that another hands over to": (
        LOOK + 'other = ai.Agent("other", tools=[look])\nagent = ai.Agent("a", handoffs=[other])\n# ---' + USE,
        ["look"],
    ),
    "agents in a dict": (
        LOOK + 'TEAM = {"a": ai.Agent("a", tools=[look])}\n@workflow\nasync def flow(n: int) -> str:\n'
        '    return (await TEAM["a"].run("go")).text',
        ["look"],
    ),
    "a function that makes agents": (
        LOOK + 'def make(name):\n    return ai.Agent(name, tools=[look])\nagent = make("a")\n# ---' + USE,
        ["look"],
    ),
    "a decorated tool that is awaited too": (
        LOOK.replace("def look", "@activity\ndef look") + 'agent = ai.Agent("a", tools=[look])\n@workflow\n'
        'async def flow(n: int) -> str:\n    return await look("x") + (await agent.run("go")).text',
        ["look"],
    ),
    "limits, memory, output, people and servers": (
        LOOK + "from pydantic import BaseModel\nclass Found(BaseModel):\n    name: str\n"
        'agent = ai.Agent("a", "m", "Be brief.", tools=[look, ai.ask_human(assignee="ada"), '
        'ai.McpServer("files", command=["files"])], output=Found, limits=ai.Limits(turns=3), '
        "memory=ai.Memory(tokens=500))\n# ---" + USE,
        ["look"],
    ),
}


@pytest.mark.parametrize(("text", "steps"), STEPS.values(), ids=STEPS.keys())
def test_functions_named_as_tools_are_steps(notebook: Notebook, text: str, steps: list[str]) -> None:
    notebook.run_all(text)
    closure = notebook.resolve()
    assert [activity.name for activity in closure.activities] == steps
    assert sorted(closure.workflows[0].activities) == steps
    module = notebook.load()
    assert module.flow.name == "flow"


def test_a_workflow_named_as_a_tool_is_a_child_run(notebook: Notebook) -> None:
    notebook.run_all(
        LOOK + "@workflow\nasync def inner(name: str) -> str:\n    return await look(name)\n"
        'agent = ai.Agent("a", tools=[inner])\n' + USE
    )
    closure = notebook.resolve()
    assert [workflow.name for workflow in closure.workflows] == ["flow", "inner"]
    assert [activity.name for activity in closure.activities] == ["look"]
    assert notebook.load().agent.tools[0].name == "inner"


def test_the_agent_of_a_bundle_calls_the_steps_of_the_bundle(notebook: Notebook) -> None:
    notebook.run_all(LOOK + 'agent = ai.Agent("a", tools=[look])\n' + USE)
    (tool,) = notebook.load().agent.tools
    assert type(tool.definition).__name__ == "Activity"
    assert tool.definition.fn("  x ") == "x"
    assert tool.definition.fn.__module__.startswith("jw_")


REFUSED = {
    "a lambda as a tool": """
from jupyter_workflows import ai
def look(n: int) -> int:
    return n
find = lambda n: n
@workflow
async def flow(n: int) -> str:
    return (await ai.Agent("a", tools=[find]).run("go")).text  #! JW217
""",
    "an agent in a block": """
from jupyter_workflows import ai
def look(n: int) -> int:
    return n
if look:  #! JW218
    agent = ai.Agent("a", tools=[look])
@workflow
async def flow(n: int) -> str:
    return (await agent.run("go")).text
""",
    "a tool that is called plainly too": """
from jupyter_workflows import ai
def look(n: int) -> int:
    return n
agent = ai.Agent("a", tools=[look])  #! JW205
@workflow
async def flow(n: int) -> str:
    return (await agent.run(str(look(n)))).text
""",
    "a run that is not awaited": """
from jupyter_workflows import ai
agent = ai.Agent("a")
@workflow
async def flow(n: int) -> str:
    agent.run("go")  #! JW214
    return ""
""",
    "an agent as an argument": """
from jupyter_workflows import ai
@workflow
async def flow(helper: ai.Agent) -> str:  #! JW508
    return (await helper.run("go")).text
""",
    "agents as an argument of a step": """
from jupyter_workflows import ai
agent = ai.Agent("a")
def count(helpers: list[ai.Agent]) -> int:  #! JW508
    return len(helpers)
@workflow
async def flow(n: int) -> int:
    return await count([agent])
""",
    "a person asked by a tool": """
from jupyter_workflows import ai
async def ask(question: str) -> bool:
    return bool(await human_approval(question))  #! JW207
agent = ai.Agent("a", tools=[ask])
@workflow
async def flow(n: int) -> str:
    return (await agent.run("go")).text
""",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_agents_that_cannot_work_are_refused_at_their_place(refused: Callable[[str], None], text: str) -> None:
    refused(text)
