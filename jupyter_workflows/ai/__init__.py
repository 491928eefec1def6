"""Models as durable steps: `await ai.chat(...)` in a workflow is asked once, kept, checked and counted."""

from __future__ import annotations

from .answers import Answer, ChatAnswer, Document, Embeddings, Page, ToolCall
from .calls import chat, embed, ocr
from .requests import Message

__all__ = [
    "Answer",
    "ChatAnswer",
    "Document",
    "Embeddings",
    "Message",
    "Page",
    "ToolCall",
    "chat",
    "embed",
    "ocr",
]
