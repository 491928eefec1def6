"""HTTP/1.1 as far as a model server needs it, written byte by byte so that it can also be written wrongly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

REASONS = {200: "OK", 307: "Temporary Redirect", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
MAX_BODY = 64 * 1024 * 1024

Request = tuple[str, dict[str, str], bytes]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Path, headers and body of the next request; None where the caller has hung up."""
    head = await reader.readline()
    if not head:
        return None
    path = head.decode("latin-1").split(" ")[1]
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = min(int(headers.get("content-length", "0")), MAX_BODY)
    return path.partition("?")[0], headers, await reader.readexactly(length)


class Connection:
    """What is written to one caller."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.event_number = 0

    async def send(self, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer of JSON."""
        data = body.encode()
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(data)}", "", ""]
        await self.write("\r\n".join(lines).encode() + data)

    async def begin_stream(self) -> None:
        """The head of a stream of events."""
        self.event_number = 0
        await self.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            b"Cache-Control: no-cache\r\n\r\n"
        )

    async def event(self, content: dict[str, Any] | str, *, times: int = 1) -> None:
        """One event, sent once or more often with the same id."""
        self.event_number += 1
        data = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        await self.chunk(f"id: {self.event_number}\ndata: {data}\n\n".encode() * times)

    async def chunk(self, data: bytes) -> None:
        """One chunk of a stream."""
        await self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_stream(self) -> None:
        """The end of a stream."""
        await self.write(b"0\r\n\r\n")

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Hangs up without a word."""
        self.writer.transport.abort()
