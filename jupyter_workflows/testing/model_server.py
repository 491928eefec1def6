"""A scripted model server on loopback: the protocol of Mistral and of OpenAI, every byte in our hands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

from .connection import Connection, read_request
from .faults import Fault, FaultKind
from .script import Call, Reply, usual_reply
from .streams import answer_chat, answer_fault, answer_other

START_SECONDS = 10.0


class ModelServer:
    """A model server for tests: answers what you script, fails how you script, and counts.

    It listens on loopback in a thread of its own, from `with` until the end of the block. Where nothing is
    scripted, it says the prompt back, or gives JSON that obeys the schema it was asked for.

        with ModelServer() as server:
            server.reply("42")
            server.fault("rate_limited", retry_after=1)
            os.environ.update(server.environment)

    Args:
        answer: Gives the reply to a call where nothing is scripted: a text, a value (sent as JSON), a `Reply` or a
            `Fault`. So calls that are made at once are told apart by their prompt.
        key: The key that callers must send; a random one by default.
        tokens_per_second: How fast tokens come where a reply does not say; all at once by default.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Call], Any] | None = None,
        key: str | None = None,
        tokens_per_second: float | None = None,
    ) -> None:
        self.key = key or f"key-{secrets.token_urlsafe(24)}"
        self.calls: list[Call] = []
        self._answer = answer or usual_reply
        self._tokens_per_second = tokens_per_second
        self._script: deque[Reply | Fault] = deque()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Event | None = None
        self._port = 0

    # Scripting

    def reply(
        self,
        text: Any = "",
        *,
        tool_calls: Sequence[tuple[str, Any]] = (),
        tokens_per_second: float | None = None,
        finish_reason: str | None = None,
        input_tokens: int | None = None,
    ) -> None:
        """Adds an answer to the script; each is given once, in order.

        Args:
            text: What the model says; anything but a text is sent as its JSON.
            tool_calls: Tools the model wants called: name and arguments of each.
            tokens_per_second: How fast the tokens come.
            finish_reason: Why the answer ends, as the server says it.
            input_tokens: Tokens of the prompt, for the usage.
        """
        self._script.append(
            Reply(
                text,
                tool_calls=tool_calls,
                tokens_per_second=tokens_per_second,
                finish_reason=finish_reason,
                input_tokens=input_tokens,
            )
        )

    def fault(self, kind: FaultKind, *, times: int = 1, **options: Any) -> None:
        """Adds a failure to the script; see `Fault` for the kinds and their options.

        Args:
            kind: Which one.
            times: For how many calls.
            options: What else `Fault` takes.
        """
        self._script.extend([Fault(kind, **options)] * times)

    # Looking

    @property
    def url(self) -> str:
        """Its address, such as `http://127.0.0.1:49152`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make it the model server of a kernel or worker."""
        return {"MISTRAL_API_KEY": self.key, "MISTRAL_SERVER_URL": self.url}

    @property
    def count(self) -> int:
        """How many calls came, failed ones included."""
        return len(self.calls)

    # Running

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="model-server", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise TimeoutError(f"the model server did not start within {START_SECONDS:g} s")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(START_SECONDS)

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._talk(reader, Connection(writer))
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while request := await read_request(reader):
            path, headers, body = request
            call = Call(path, parsed(body), headers.get("authorization") == f"Bearer {self.key}")
            if not await self._respond(connection, call):
                return

    async def _respond(self, connection: Connection, call: Call) -> bool:
        """Answers one call; gives whether the connection stays open."""
        if call.path == "/v1/models":
            await answer_other(connection, call)
            return True
        with self._lock:
            self.calls.append(call)
        if not call.key_ok:
            # Real servers repeat what they were sent.
            error = {"object": "error", "message": "Unauthorized: this key is not known", "code": "401"}
            await connection.send(401, json.dumps(error))
            return True
        fault, reply = self._next(call)
        if fault is not None:
            return await answer_fault(connection, call, fault, reply)
        if call.path == "/v1/chat/completions":
            await answer_chat(connection, call, reply, self._tokens_per_second)
        else:
            await answer_other(connection, call)
        return True

    def _next(self, call: Call) -> tuple[Fault | None, Reply]:
        """How a call fails, if it does, and what it would be answered."""
        with self._lock:
            scripted = self._script.popleft() if self._script else None
        if isinstance(scripted, Reply):
            return None, scripted
        given = self._answer(call)
        if isinstance(given, Fault):
            return scripted or given, usual_reply(call)
        return scripted, given if isinstance(given, Reply) else Reply(given)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON of a request; empty where it is none."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
