"""Agents: a loop of model calls and tool calls that is plain workflow code, each call a durable step."""

from __future__ import annotations

from .agent import Agent
from .conversation import Conversation, Memory
from .limits import Limits
from .mcp import CALL, TOOLS, McpServer
from .outcomes import AgentAnswer, AgentStopped
from .people import ask_human
from .shared import SharedState
from .turns import TURN

ACTIVITIES = (TURN, TOOLS, CALL)

__all__ = [
    "ACTIVITIES",
    "Agent",
    "AgentAnswer",
    "AgentStopped",
    "Conversation",
    "Limits",
    "McpServer",
    "Memory",
    "SharedState",
    "ask_human",
]
