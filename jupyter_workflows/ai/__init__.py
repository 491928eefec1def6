"""Models as durable steps: `await ai.chat(...)` in a workflow is asked once, kept, checked and counted."""

from __future__ import annotations

from ..authoring.checks import Check, Partial
from ..schema import Doubt, Usage
from ..tokens import emit, last_text
from .answers import Answer, ChatAnswer, Document, Embeddings, Page, ToolCall
from .calls import chat, embed, ocr
from .judging import agreement, judge
from .parsing import parse
from .requests import Message
from .streaming import Stream, stream

__all__ = [
    "Answer",
    "ChatAnswer",
    "Check",
    "Document",
    "Doubt",
    "Embeddings",
    "Message",
    "Page",
    "Partial",
    "Stream",
    "ToolCall",
    "Usage",
    "agreement",
    "chat",
    "embed",
    "emit",
    "judge",
    "last_text",
    "ocr",
    "parse",
    "stream",
]
