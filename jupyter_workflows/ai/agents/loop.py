"""The loop of an agent: deterministic workflow code around model calls and tool calls, which are durable steps."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import temporalio.workflow
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_jsonable_python

from ...authoring.state import run_state
from ...errors import ApprovalTimedOut, AuthoringError, CheckFailed, StepFailed
from ...schema import Usage
from ..activities import CHAT
from ..answers import ChatAnswer, ToolCall
from ..options import Manner, manner_of
from ..requests import ChatRequest, Message
from ..steps import perform
from .arguments import Arguments, problems
from .choices import MALFORMED
from .clock import now
from .conversation import (
    CHARACTERS_PER_TOKEN,
    Conversation,
    cut,
    old_messages,
    shortened,
    text_of,
    tokens_of,
    transcript,
)
from .limits import Limits
from .mcp import McpServer
from .outcomes import AgentAnswer, AgentStopped, Ended
from .shared import Outdated, SharedState
from .tools import Caller, LocalTool, Tool, told, update_tool
from .turns import TURN, TurnRequest, turn

if TYPE_CHECKING:
    from .agent import Agent

FINAL = "final_answer"
HAND_OVER = "hand_over_to_"
FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?```\s*$", re.DOTALL)
SUMMARISE = """\
Summarise the conversation below for the one who goes on with it. Keep every fact, name, number, decision and open
question. Leave out what no longer matters. Write plain text."""


class Handover(BaseModel):
    """What an agent gives with a handover."""

    message: str = Field(description="What the other one has to do, and what it must know")


@dataclass
class Called:
    """One tool call of a turn, and what became of it."""

    call: ToolCall
    tool: Tool | None = None
    arguments: Any = None
    result: str = ""
    wrong: bool = False


class Loop:
    """One run of an agent and of those it hands over to.

    Args:
        agent: Who begins.
        conversation: What was said, the task last.
        limits: How far it may go.
        state: What the agents share.
    """

    def __init__(
        self, agent: Agent, conversation: Conversation, limits: Limits, state: SharedState[Any] | None
    ) -> None:
        self.agent = agent
        self.messages = list(conversation.messages)
        self.summary = conversation.summary
        self.limits = limits
        self.state = state
        self.usage = Usage()
        self.turns = 0
        self.wrong = 0
        self.complaint = ""
        self.begun = now()
        self.step = ""
        self._first = (agent, conversation)
        self._tools: dict[str, dict[str, Tool]] = {}
        self._calls: Counter[tuple[str, str]] = Counter()
        self._listed: dict[McpServer, list[Tool]] = {}
        self._team = team_of(agent)

    def again(self) -> Loop:
        """The same run from its beginning."""
        agent, conversation = self._first
        return Loop(agent, conversation, self.limits, self.state)

    def say(self, text: str) -> None:
        """Tells the agent something."""
        self.messages.append(Message(role="user", content=text))

    async def run(self) -> Ended:
        """Turns, until there is an answer or a limit is reached."""
        while True:
            if self.wrong > self.limits.repairs:
                detail = f"{self.wrong} answers in a row made no sense, the last: {self.complaint}"
                return self.stopped("repairs", detail)
            if crossed := self.limits.crossed(self.turns, self.usage, self.begun, now()):
                return self.stopped(*crossed)
            tools = self.offered(await self.tools())
            await self.compact()
            answer = await self.turn(tools)
            ended = await self.take(answer, tools)
            if ended is not None:
                return ended

    # A turn

    async def tools(self) -> dict[str, Tool]:
        """What the agent may call, by name; the tools of MCP servers are listed once in a run."""
        agent = self.agent
        known = self._tools.get(agent.name)
        if known is not None:
            return known
        caller = Caller(agent.name)
        found: list[Tool] = []
        for tool in agent.tools:
            if not isinstance(tool, McpServer):
                found.append(tool)
                continue
            if tool not in self._listed:
                self._listed[tool] = await tool.tools_request(caller)
            found.extend(self._listed[tool])
        found.extend(self.handover_tool(other) for other in agent.handoffs)
        if self.state is not None:
            found.append(update_tool(self.state))
        by_name = {tool.name: tool for tool in found}
        if len(by_name) < len(found) or FINAL in by_name:
            raise AuthoringError(
                f"agent {agent.name} has two tools of one name, or one called {FINAL}: rename one", code="JW462"
            )
        self._tools[agent.name] = by_name
        return by_name

    def offered(self, tools: dict[str, Tool]) -> dict[str, Tool]:
        """The tools that may still be called."""
        most = self.limits.calls_per_tool
        if most is None:
            return tools
        return {name: tool for name, tool in tools.items() if self._calls[self.agent.name, name] < most}

    def handover_tool(self, other: Agent | str) -> Tool:
        """The tool with which the agent hands over to another one."""
        name = other if isinstance(other, str) else other.name
        if name not in self._team:
            raise AuthoringError(
                f"agent {self.agent.name} hands over to {name!r}, and no agent of that name can be reached from "
                f"{self._first[0].name}: {', '.join(self._team)}",
                code="JW460",
            )
        purpose = " ".join(self._team[name].instructions.split())[:200]

        def hand_over(given: Any, caller: Caller) -> str:
            return f"{caller.agent} handed over to {name}: {given.message}"

        return LocalTool(
            HAND_OVER + name, f"Hands the work over to {name} ({purpose}).", Arguments(Handover), hand_over
        )

    async def turn(self, tools: dict[str, Tool]) -> ChatAnswer:
        """What the model says next: one durable step."""
        agent = self.agent
        self.turns += 1
        request = TurnRequest(messages=[*self.preamble(), *self.messages], **agent.fields, **self.choices(tools))
        manner = manner_of(agent.options, request, text_of(self.messages[-1]))
        if "summary" not in agent.options:
            manner = Manner(retry=manner.retry, rate_limit=manner.rate_limit, summary=self.headline())
        if temporalio.workflow.in_workflow():
            self.step = run_state().next_id(agent.name)
            answer: ChatAnswer = await perform(TURN, request, manner, step=self.step)
        else:
            answer = await turn(request)
        self.usage += answer.usage
        # Ids of our own: unique in a conversation, in the form that Mistral's server wants.
        calls = [
            call.model_copy(update={"id": f"c{self.turns:05d}{number:03d}"})
            for number, call in enumerate(answer.tool_calls)
        ]
        return answer.model_copy(update={"tool_calls": calls})

    def preamble(self) -> list[Message]:
        """What the agent is told before the conversation."""
        parts = [self.agent.instructions]
        if self.state is not None:
            parts.append(f"The shared state, version {self.state.version}: {self.state.text}")
        if self.summary:
            parts.append(f"What happened before:\n{self.summary}")
        text = "\n\n".join(part for part in parts if part)
        return [Message(role="system", content=text)] if text else []

    def choices(self, tools: dict[str, Tool]) -> dict[str, Any]:
        """The part of a request that says what the agent may do."""
        agent = self.agent
        if agent.adapter is None:
            offered = {"tools": [tool.schema for tool in tools.values()], "tool_mode": agent.tool_mode}
            return offered if agent.answers else {**offered, "may_answer": False, "tool_choice": "any"}
        schema = agent.adapter.json_schema()
        if not tools:
            return {"answer_schema": wrapped(schema)}
        final = LocalTool(FINAL, "Gives the final answer.", Arguments(Any, wrapped(schema)), lambda given, _: given)
        return {
            "tools": [*(tool.schema for tool in tools.values()), final.schema],
            "tool_mode": agent.tool_mode,
            "may_answer": False,
        }

    def headline(self) -> str:
        """What the timeline says of a turn."""
        last = " ".join(text_of(self.messages[-1]).split())
        line = f"{self.agent.name}, turn {self.turns}: {last}"
        return line if len(line) <= 100 else f"{line[:99]}…"

    # What comes of it

    async def take(self, answer: ChatAnswer, tools: dict[str, Tool]) -> Ended | None:
        """Does what the model wants; gives how the run ended, if it did."""
        if not answer.tool_calls or answer.tool_calls[0].name == MALFORMED:
            return self.take_text(answer)
        final = next((call for call in answer.tool_calls if call.name == FINAL), None)
        others = [call for call in answer.tool_calls if call is not final]
        if final is not None and not others:
            return self.take_final(answer, final.arguments)
        called = [self.looked_up(call, tools) for call in others]
        await asyncio.gather(*(self.perform(one) for one in called if not one.wrong))
        self.messages.append(Message(role="assistant", content=answer.text, tool_calls=others))
        for one in called:
            text = shortened(one.result, self.agent.memory.result_characters)
            self.messages.append(Message(role="tool", content=text, tool_call_id=one.call.id, name=one.call.name))
        self.count_wrong(next((one.result for one in called if one.wrong), ""))
        if final is not None:
            return self.take_final(answer, final.arguments)
        self.hand_over(called)
        return None

    def take_text(self, answer: ChatAnswer) -> Ended | None:
        """An answer in words: the end, unless a value is wanted and this is none."""
        malformed = answer.tool_calls[0].arguments if answer.tool_calls else None
        if malformed is not None:
            said = malformed if isinstance(malformed, str) else json.dumps(malformed)
            self.refuse(said, 'that is no JSON object {"action": ..., "arguments": {...}}', answer)
            return None
        if not self.agent.answers:
            self.refuse(answer.text, "call a tool, or hand over", answer)
            return None
        if self.agent.adapter is None:
            return self.answered(answer.text, answer.text, complete=answer.complete)
        fenced = FENCE.match(answer.text)
        try:
            given: Any = json.loads(fenced[1] if fenced else answer.text)
        except ValueError as error:
            self.refuse(answer.text, f"that is no JSON: {error}", answer)
            return None
        return self.take_final(answer, given)

    def take_final(self, answer: ChatAnswer, given: Any) -> Ended | None:
        """A value: the end, if it fits."""
        adapter = self.agent.adapter
        if adapter is None:
            self.refuse(told(given), "answer in words", answer)
            return None
        try:
            data = json.loads(given) if isinstance(given, str) and answer.tool_calls else given
            value = adapter.validate_python(unwrapped(data, adapter.json_schema()))
        except ValidationError as error:
            self.refuse(told(given), problems(error), answer)
            return None
        except ValueError as error:
            self.refuse(told(given), f"that is no JSON: {error}", answer)
            return None
        return self.answered(value, json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False))

    def refuse(self, said: str, why: str, answer: ChatAnswer) -> None:
        """Asks again with what is wrong."""
        cut_off = " It was cut off, because it was too long: be brief." if answer.finish_reason == "length" else ""
        self.messages.append(Message(role="assistant", content=said or "(nothing)"))
        self.say(f"Your answer can't be used: {why}.{cut_off} Answer again, corrected.")
        self.count_wrong(why)

    def count_wrong(self, complaint: str) -> None:
        """Counts answers in a row that made no sense."""
        self.wrong = self.wrong + 1 if complaint else 0
        self.complaint = complaint

    def looked_up(self, call: ToolCall, tools: dict[str, Tool]) -> Called:
        """A tool call, checked."""
        tool = tools.get(call.name)
        if tool is None:
            names = ", ".join(tools) or "none"
            return Called(call, result=f"there is no tool {call.name[:60]!r}; there are: {names}", wrong=True)
        if not isinstance(call.arguments, dict):
            return Called(call, tool, result=f"the arguments are no JSON object: {call.arguments[:200]}", wrong=True)
        try:
            return Called(call, tool, tool.arguments.read(call.arguments))
        except ValueError as error:
            return Called(call, tool, result=f"the arguments do not fit: {error}", wrong=True)

    async def perform(self, one: Called) -> None:
        """Calls a tool; a failure is what the model is told, and is on the step."""
        assert one.tool is not None
        self._calls[self.agent.name, one.call.name] += 1
        try:
            one.result = told(await one.tool.call(one.arguments, Caller(self.agent.name)))
        except (StepFailed, CheckFailed, ApprovalTimedOut) as error:
            one.result = f"the tool failed: {error}"
        except Outdated as error:
            # Nothing is wrong with the call: somebody was faster.
            one.result = str(error)
        except ValueError as error:
            one.result, one.wrong = f"that did not work: {error}", True

    def hand_over(self, called: Sequence[Called]) -> None:
        """Lets the first agent that was handed over to go on."""
        for one in called:
            if one.tool is not None and not one.wrong and one.call.name.startswith(HAND_OVER):
                self.agent = self._team[one.call.name.removeprefix(HAND_OVER)]
                return

    # How it ends

    def answered(self, value: Any, text: str, *, complete: bool = True) -> Ended:
        """The end with an answer."""
        self.wrong = 0
        self.messages.append(Message(role="assistant", content=text))
        return AgentAnswer[Any](value=value, complete=complete, **self.reached(text))

    def stopped(self, reason: Any, detail: str) -> Ended:
        """The end by a limit, with the last thing that was reached."""
        said = [message for message in self.messages if message.role in ("assistant", "tool") and message.content]
        text = text_of(said[-1]) if said else f"nothing yet: {detail}"
        return AgentStopped(reason=reason, detail=detail, **self.reached(text))

    def reached(self, text: str) -> dict[str, Any]:
        """What both ends say."""
        conversation = Conversation(messages=self.messages, summary=self.summary)
        return {
            "agent": self.agent.name,
            "text": text,
            "turns": self.turns,
            "usage": self.usage,
            "conversation": conversation,
        }

    # Memory

    async def compact(self) -> None:
        """Replaces old messages by a summary where the conversation is too long; cuts what is too long still."""
        memory = self.agent.memory
        if tokens_of(self.messages, self.summary) <= memory.tokens:
            return
        old = old_messages(self.messages, memory.keep)
        if old > 0:
            await self.summarise(self.messages[1 : 1 + old])
            del self.messages[1 : 1 + old]
        self.messages = cut(self.messages, memory.tokens - len(self.summary) // CHARACTERS_PER_TOKEN)

    async def summarise(self, messages: Sequence[Message]) -> None:
        """A summary of what is forgotten: one durable step."""
        agent = self.agent
        memory = agent.memory
        earlier = f"Earlier: {self.summary}\n\n" if self.summary else ""
        told = [
            Message(role="system", content=SUMMARISE),
            Message(role="user", content=earlier + transcript(messages, memory.tokens // 2)),
        ]
        fields: dict[str, Any] = {**agent.fields, "max_tokens": memory.summary_tokens}
        request = ChatRequest(messages=told, **fields)
        summary = f"{agent.name}: summary of {len(messages)} messages"
        manner = manner_of({**agent.options, "summary": summary}, request, "")
        step = run_state().next_id(f"{agent.name}.summary") if temporalio.workflow.in_workflow() else ""
        answer: ChatAnswer = await perform(CHAT, request, manner, step=step)
        self.usage += answer.usage
        self.summary = shortened(answer.text, memory.summary_tokens * CHARACTERS_PER_TOKEN)


def team_of(first: Agent) -> dict[str, Agent]:
    """All agents that can be reached by handoffs, by name.

    Raises:
        AuthoringError: Two have one name.
    """
    found = {first.name: first}
    waiting = [first]
    while waiting:
        for other in waiting.pop(0).handoffs:
            if isinstance(other, str) or found.get(other.name) is other:
                continue
            if other.name in found:
                raise AuthoringError(f"two agents are called {other.name}: rename one", code="JW460")
            found[other.name] = other
            waiting.append(other)
    return found


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as servers want it: of an object."""
    if schema.get("type") == "object" or "$ref" in schema:
        return schema
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    inner = {name: part for name, part in schema.items() if name != "$defs"}
    return {"type": "object", "properties": {"value": inner}, "required": ["value"], **definitions}


def unwrapped(data: Any, schema: dict[str, Any]) -> Any:
    """What was asked for, taken out of the object it had to be put into."""
    if schema.get("type") == "object" or "$ref" in schema:
        return data
    if isinstance(data, dict) and "value" in data:
        return cast("dict[str, Any]", data)["value"]
    return cast("Any", data)
