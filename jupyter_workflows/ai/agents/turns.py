"""One turn of an agent as an activity: tool calls where the server knows them, a JSON schema where it does not."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...authoring.definitions import Activity
from ..activities import made
from ..answers import ChatAnswer
from ..requests import ChatRequest
from ..servers import server_for
from .choices import as_choice, chosen

ToolMode = Literal["auto", "tools", "json"]


class TurnRequest(ChatRequest):
    """A conversation, and what the agent may do next."""

    tool_mode: ToolMode = Field(default="auto", description="How the model says what it wants called")
    may_answer: bool = Field(default=True, description="Whether a text is an answer; else only a tool call is")


async def turn(request: TurnRequest) -> ChatAnswer:
    """What an agent says next: a text, or the tools it wants called.

    Raises:
        ModelCallFailed: The model could not be asked.
    """
    plain = ChatRequest(**{name: getattr(request, name) for name in ChatRequest.model_fields})
    if not request.tools:
        return await made(plain)
    if request.tool_mode == "tools" or (request.tool_mode == "auto" and not server_for(request.server).is_local):
        return await made(plain)
    names = [str(tool["function"]["name"]) for tool in request.tools]
    answer: ChatAnswer = await made(as_choice(plain, with_answer=request.may_answer))
    return chosen(answer, names)


TURN: Activity[Any, Any] = Activity(turn, name="ai.turn")
