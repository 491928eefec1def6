"""Models as durable steps: `await ai.chat(...)` in a workflow is asked once, kept, checked and counted."""

from __future__ import annotations

from ..authoring.checks import Check, Partial
from ..schema import Doubt, Usage
from ..tokens import emit, last_text
from .agents import (
    Agent,
    AgentAnswer,
    AgentStopped,
    Conversation,
    Limits,
    McpServer,
    Memory,
    SharedState,
    ask_human,
)
from .answers import Answer, ChatAnswer, Document, Embeddings, Page, ToolCall
from .calls import chat, embed, ocr
from .judging import agreement, judge
from .parsing import parse
from .requests import Message
from .streaming import Stream, stream

__all__ = [
    "Agent",
    "AgentAnswer",
    "AgentStopped",
    "Answer",
    "ChatAnswer",
    "Check",
    "Conversation",
    "Document",
    "Doubt",
    "Embeddings",
    "Limits",
    "McpServer",
    "Memory",
    "Message",
    "Page",
    "Partial",
    "SharedState",
    "Stream",
    "ToolCall",
    "Usage",
    "agreement",
    "ask_human",
    "chat",
    "embed",
    "emit",
    "judge",
    "last_text",
    "ocr",
    "parse",
    "stream",
]
