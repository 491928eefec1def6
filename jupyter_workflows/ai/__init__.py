"""Models as durable steps: `await ai.chat(...)` in a workflow is asked once, kept, checked and counted."""

from __future__ import annotations

from ..tokens import emit, last_text
from .answers import Answer, ChatAnswer, Document, Embeddings, Page, ToolCall
from .calls import chat, embed, ocr
from .requests import Message
from .streaming import Stream, stream

__all__ = [
    "Answer",
    "ChatAnswer",
    "Document",
    "Embeddings",
    "Message",
    "Page",
    "Stream",
    "ToolCall",
    "chat",
    "embed",
    "emit",
    "last_text",
    "ocr",
    "stream",
]
