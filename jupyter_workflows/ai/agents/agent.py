"""`ai.Agent`: a model with instructions, tools and others to hand over to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack, get_args

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from ...authoring.checks import check_of
from ...authoring.policies import meant
from ...authoring.settling import settled
from ...errors import AuthoringError
from ..options import ChatOptions, Prompt, checked
from ..requests import conversation as messages_of
from .conversation import Conversation, Memory
from .limits import Limits
from .loop import Loop
from .outcomes import AgentAnswer, AgentStopped
from .shared import SharedState
from .tools import TOOL_NAME, tools_of
from .trial import AgentTrial, Stopped
from .turns import ToolMode

OPTIONS = """
    name model instructions tools handoffs output answers server limits memory tool_mode temperature max_tokens
""".split()


class Agent:
    """A model with instructions, that calls tools and hands over to other agents until it has an answer.

    `await agent.run(task)` in a workflow is plain workflow code: each answer of the model and each call of a tool
    is a durable step. In an activity or a cell the same calls are made plainly.

    Args:
        name: Names its steps, and is what others hand over to.
        model: The model's name; by default the server's.
        instructions: What it is told first.
        tools: Functions of the notebook (they become activities), workflows, `ai.ask_human`, `ai.McpServer(...)`.
        handoffs: Agents it may hand over to; one that is made later is given by its name.
        output: The type of its answer; by default a text.
        answers: Whether it may answer itself; if not, it works until it hands over.
        server: As for `ai.chat`.
        limits: How far a run that begins with it may go.
        memory: How much of the conversation it is told.
        tool_mode: `"tools"` for models that can call tools, `"json"` for those that only obey a JSON schema; by
            default `"json"` for the model on this machine, `"tools"` for all others.
        temperature: How freely the model chooses.
        max_tokens: How long one answer may be.
        options: As for `ai.chat`; `timeout`, `retry` and `rate_limit` are those of one answer.

    Raises:
        AuthoringError: An argument makes no sense.
    """

    def __init__(
        self,
        name: str,
        model: str | None = None,
        instructions: str = "",
        *,
        tools: Sequence[Any] = (),
        handoffs: Sequence[Agent | str] = (),
        output: Any = None,
        answers: bool = True,
        server: str | None = None,
        limits: Limits | None = None,
        memory: Memory | None = None,
        tool_mode: ToolMode = "auto",
        temperature: float | None = None,
        max_tokens: int | None = None,
        **options: Unpack[ChatOptions],
    ) -> None:
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            raise AuthoringError(
                f"Agent(name={name!r}) takes letters, digits and _, because others call it by that name", code="JW460"
            )
        if tool_mode not in get_args(ToolMode):
            raise AuthoringError(f"Agent(tool_mode={tool_mode!r}) takes 'auto', 'tools' or 'json'", code="JW460")
        known = [*OPTIONS, *ChatOptions.__annotations__]
        if unknown := [option for option in options if option not in known]:
            raise AuthoringError(f"ai.Agent has no option {unknown[0]}=: {meant(unknown[0], known)}", code="JW417")
        if isinstance(tools, str) or not isinstance(tools, Sequence):
            raise AuthoringError(f"Agent(tools={str(tools)[:60]!r}) takes a list of functions", code="JW462")
        self.name = name
        self.instructions = instructions
        self.tools = tools_of(tools, name)
        self.handoffs = list(handoffs_of(handoffs, name))
        self.answers = answers
        if not answers and (not self.handoffs or output is not None):
            raise AuthoringError(
                f"Agent({name!r}, answers=False) needs handoffs=[...] and no output=: it only hands over", code="JW460"
            )
        self.adapter = adapter_of(output, name)
        self.limits = limits or Limits()
        self.memory = memory or Memory()
        self.tool_mode: ToolMode = tool_mode
        self.options = options
        given = {"model": model, "server": server, "temperature": temperature, "max_tokens": max_tokens}
        self.fields: dict[str, Any] = {
            **checked("ai.Agent", options, ChatOptions),
            **{field: value for field, value in given.items() if value is not None},
        }

    async def run(
        self,
        task: Prompt,
        *,
        conversation: Conversation | None = None,
        state: SharedState[Any] | None = None,
        limits: Limits | None = None,
        check: Any = None,
    ) -> AgentAnswer[Any] | AgentStopped:
        """Works on a task until there is an answer or a limit stops it.

        Args:
            task: A text, or messages.
            conversation: What was said before, such as `answer.conversation`.
            state: What it shares with other agents and with the workflow.
            limits: In place of the agent's own.
            check: Who judges the answer's value, and what happens to a doubtful one: see `Check`.

        Returns:
            An `AgentAnswer` with `.value`, or an `AgentStopped` with all that was reached; `.finished` tells them
            apart.

        Raises:
            StepFailed: The model could not be asked, after all attempts.
            CheckFailed: The answer is doubtful, and nothing settled that.
            AuthoringError: The agent can't work.
        """
        before = conversation or Conversation()
        messages = [*before.messages, *messages_of(task, None)]
        loop = Loop(self, before.model_copy(update={"messages": messages}), limits or self.limits, state)
        if check is None:
            return await loop.run()
        try:
            return await settled(AgentTrial(loop, messages[-1]), check_of(check))
        except Stopped as stop:
            return stop.outcome

    def __repr__(self) -> str:
        return f"<agent {self.name}>"


def handoffs_of(given: Iterable[Any], owner: str) -> Iterable[Agent | str]:
    """Whom an agent may hand over to.

    Raises:
        AuthoringError: One of them is no agent.
    """
    for other in [given] if isinstance(given, str | Agent) else given:
        if not isinstance(other, Agent | str):
            raise AuthoringError(
                f"agent {owner} can't hand over to {str(other)[:60]!r}: give it agents, or names of agents made later",
                code="JW460",
            )
        yield other


def adapter_of(output: Any, owner: str) -> TypeAdapter[Any] | None:
    """What makes a value of an answer.

    Raises:
        AuthoringError: The type has no JSON Schema.
    """
    if output in (None, str):
        return None
    try:
        adapter = TypeAdapter[Any](output)
        adapter.json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise AuthoringError(
            f"Agent({owner!r}, output={output!r}) takes a pydantic model or a type of plain data: "
            f"{str(error).splitlines()[0]}",
            code="JW460",
        ) from None
    return adapter
