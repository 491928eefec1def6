"""Answers and failures on the wire."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from .connection import Connection
from .faults import Fault
from .script import Call, Reply, vector

LONG_LINE_BYTES = 10 * 1024 * 1024


async def answer_chat(connection: Connection, call: Call, reply: Reply, speed: float | None) -> None:
    """A whole, right answer, streamed where that was asked for."""
    if not call.body.get("stream"):
        await connection.send(200, json.dumps(completion(call, reply)))
        return
    pause = 1 / rate if (rate := reply.tokens_per_second or speed) else 0.0
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens, pause=pause)
    await close_answer(connection, call, reply)


async def answer_other(connection: Connection, call: Call) -> None:
    """Embeddings, the texts of a document, the list of models."""
    if call.path == "/v1/embeddings":
        await connection.send(200, json.dumps(embeddings(call)))
    elif call.path == "/v1/ocr":
        await connection.send(200, json.dumps(pages(call)))
    elif call.path == "/v1/models":
        await connection.send(200, json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
    else:
        await connection.send(404, json.dumps({"object": "error", "message": f"no route {call.path}"}))


async def send_tokens(
    connection: Connection, call: Call, reply: Reply, tokens: Iterable[str], *, pause: float = 0.0, times: int = 1
) -> None:
    """The tokens, one event each, `pause` seconds apart."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for token in tokens:
        await connection.event(chunk(call, reply, {"content": token}), times=times)
        if pause:
            due += pause
            await asyncio.sleep(max(0.0, due - loop.time()))


async def close_answer(connection: Connection, call: Call, reply: Reply, *, times: int = 1) -> None:
    """Tool calls, the reason of the end, the usage, and the end itself."""
    if reply.tool_calls:
        await connection.event(chunk(call, reply, {"tool_calls": reply.calls()}), times=times)
    last = chunk(call, reply, {"content": ""}, finish_reason=reply.reason)
    await connection.event(last | {"usage": reply.usage(call)}, times=times)
    await connection.event("[DONE]")
    await connection.end_stream()


def chunk(call: Call, reply: Reply, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """One event of a streamed answer."""
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish_reason}
    return head(call, reply, "chat.completion.chunk") | {"choices": [choice]}


def completion(call: Call, reply: Reply) -> dict[str, Any]:
    """An answer in one piece."""
    message = {"role": "assistant", "content": reply.content, "tool_calls": reply.calls() or None}
    choice = {"index": 0, "message": message, "finish_reason": reply.reason}
    return head(call, reply, "chat.completion") | {"choices": [choice], "usage": reply.usage(call)}


def head(call: Call, reply: Reply, kind: str) -> dict[str, Any]:
    """What all answers begin with."""
    model = reply.model or call.body.get("model") or "scripted"
    return {"id": f"scripted-{int(call.at * 1000)}", "object": kind, "created": int(time.time()), "model": model}


def embeddings(call: Call) -> dict[str, Any]:
    """A vector for each input."""
    given: str | list[str] = call.body.get("input") or []
    inputs: list[str] = [given] if isinstance(given, str) else given
    words = sum(len(text.split()) for text in inputs)
    return {
        "id": "scripted",
        "object": "list",
        "model": call.body.get("model"),
        "usage": {"prompt_tokens": words, "completion_tokens": 0, "total_tokens": words},
        "data": [
            {"object": "embedding", "index": index, "embedding": vector(text)} for index, text in enumerate(inputs)
        ],
    }


def pages(call: Call) -> dict[str, Any]:
    """One page that names the document."""
    document: dict[str, Any] = call.body.get("document") or {}
    named = str(document.get("document_url") or document.get("image_url") or document.get("file_id"))[:80]
    page: dict[str, Any] = {"index": 0, "markdown": f"# Page 1\n\n{named}", "images": [], "dimensions": None}
    return {"pages": [page], "model": call.body.get("model"), "usage_info": {"pages_processed": 1}}


# Failures


async def answer_fault(connection: Connection, call: Call, fault: Fault, reply: Reply) -> bool:
    """Fails as scripted; gives whether the connection stays open."""
    failing = FAILURES.get(fault.kind)
    if failing:
        return await failing(connection, call, fault)
    if call.path != "/v1/chat/completions" or not call.body.get("stream"):
        return await broken_body(connection, fault)
    await STREAMED[fault.kind](connection, call, fault, reply)
    return False


async def with_status(connection: Connection, call: Call, fault: Fault) -> bool:
    """A status that is no 200."""
    del call
    status = {"rate_limited": 429, "server_error": 500, "redirect": 307}.get(fault.kind, fault.status)
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
    if fault.kind == "redirect":
        headers["Location"] = fault.location
    await connection.send(status, fault.body, headers)
    return True


async def hang_up(connection: Connection, call: Call, fault: Fault) -> bool:
    """No answer at all."""
    del call, fault
    connection.reset()
    return False


async def error_body(connection: Connection, call: Call, fault: Fault) -> bool:
    """200 with an error as its body."""
    del call
    await connection.send(200, fault.body)
    return True


async def broken_body(connection: Connection, fault: Fault) -> bool:
    """The failures of a stream, where the answer comes in one piece."""
    if fault.kind in ("slow_first_token", "stall", "slow_tokens", "never_ending"):
        await asyncio.sleep(fault.seconds)
    await connection.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id": "')
    connection.reset()
    return False


async def slow_first_token(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A wait before the first token."""
    await connection.begin_stream()
    await asyncio.sleep(fault.seconds)
    await send_tokens(connection, call, reply, reply.tokens)
    await close_answer(connection, call, reply)


async def stall(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Silence after some tokens; comments keep the line open, as proxies do."""
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens[: fault.after_tokens])
    until = time.monotonic() + fault.seconds
    while time.monotonic() < until:
        await connection.chunk(b": keep-alive\n\n")
        await asyncio.sleep(0.2)


async def slow_tokens(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Tokens one by one, each after a wait."""
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens, pause=fault.seconds)
    await close_answer(connection, call, reply)


async def cut_stream(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """An end in the middle that looks like a right one."""
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens[: fault.after_tokens])
    await connection.end_stream()


async def reset(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A reset in the middle."""
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens[: fault.after_tokens])
    connection.reset()


async def garbage(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Events that are no JSON."""
    del call, fault, reply
    await connection.begin_stream()
    await connection.event("<html><body>502 Bad Gateway</body></html>")
    await connection.end_stream()


async def wrong_json(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A whole answer that does not obey the schema."""
    del fault, reply
    await answer_chat(connection, call, Reply('{"unexpected": true}'), None)


async def cut_json(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A whole answer whose JSON ends in the middle."""
    del fault
    await answer_chat(connection, call, Reply(reply.content[: max(1, len(reply.content) // 2)]), None)


async def duplicate_chunks(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Every event twice."""
    del fault
    await connection.begin_stream()
    await send_tokens(connection, call, reply, reply.tokens, times=2)
    await close_answer(connection, call, reply, times=2)


async def long_line(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """One event of 10 MB."""
    del fault
    await connection.begin_stream()
    await connection.event(chunk(call, reply, {"content": "x" * LONG_LINE_BYTES}))
    await close_answer(connection, call, reply)


async def no_blank_line(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Events that are never closed."""
    del fault
    await connection.begin_stream()
    for token in reply.tokens:
        await connection.chunk(f"data: {json.dumps(chunk(call, reply, {'content': token}))}\n".encode())
    await connection.end_stream()


async def cut_utf8(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A character cut in half."""
    del fault
    data = json.dumps(chunk(call, reply, {"content": "Gruß"}), ensure_ascii=False).encode()
    await connection.begin_stream()
    await connection.chunk(b"data: " + data.replace("ß".encode(), "ß".encode()[:1]) + b"\n\n")
    await connection.end_stream()


async def never_ending(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Tokens without end."""
    del fault
    await connection.begin_stream()
    await send_tokens(connection, call, reply, itertools.repeat(" and"), pause=0.001)


async def empty(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """A whole answer with nothing in it."""
    del fault, reply
    await answer_chat(connection, call, Reply(""), None)


async def raw(connection: Connection, call: Call, fault: Fault, reply: Reply) -> None:
    """Bytes as they were given."""
    del call, reply
    await connection.begin_stream()
    if fault.data:
        await connection.chunk(fault.data)
    await connection.end_stream()


FAILURES: dict[str, Callable[[Connection, Call, Fault], Awaitable[bool]]] = {
    "rate_limited": with_status,
    "server_error": with_status,
    "status": with_status,
    "redirect": with_status,
    "refused": hang_up,
    "error_body": error_body,
}
STREAMED: dict[str, Callable[[Connection, Call, Fault, Reply], Awaitable[None]]] = {
    function.__name__: function
    for function in (
        slow_first_token, stall, slow_tokens, cut_stream, reset, garbage, wrong_json, cut_json, duplicate_chunks,
        long_line, no_blank_line, cut_utf8, never_ending, empty, raw,
    )
}  # fmt: skip
