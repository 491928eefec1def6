"""Model calls as activities: what every worker serves beside its bundle's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..authoring.definitions import Activity
from ..authoring.ledger import ledger
from ..authoring.policies import RateLimit
from .answers import ChatAnswer, Document, Embeddings
from .client import ask
from .requests import ChatRequest, EmbedRequest, OcrRequest, Request


async def made(request: Request) -> Any:
    """Makes a call: within its rate limit and its workspace's budget, and with what it took in the attempt's ledger.

    Raises:
        ModelCallFailed: It failed; says whether the same call may succeed later.
        BudgetSpent: The workspace allows no more.
    """
    spent = ledger.get()
    if spent is None:
        return await ask(request)
    pace = request.rate_limit
    if pace is not None:
        await spent.wait(RateLimit(calls=pace.calls, per=pace.per, name=pace.name), pace.name)
    if spent.account is not None:
        await spent.account.permit()
    result = await ask(request)
    spent.enter(result.usage)
    return result


async def chat(request: ChatRequest) -> ChatAnswer:
    """An answer of a model."""
    return await made(request)


async def parse(request: ChatRequest) -> ChatAnswer:
    """An answer that obeys a JSON schema, as text; the workflow makes the value of it."""
    return await made(request)


async def embed(request: EmbedRequest) -> Embeddings:
    """A vector for each text."""
    return await made(request)


async def ocr(request: OcrRequest) -> Document:
    """A document, read."""
    return await made(request)


CHAT, PARSE, EMBED, OCR = (Activity[Any, Any](fn, name=f"ai.{fn.__name__}") for fn in (chat, parse, embed, ocr))
ACTIVITIES = (CHAT, PARSE, EMBED, OCR)
# Beyond the call's own limit, for what happens around it.
MARGIN = timedelta(seconds=30)
