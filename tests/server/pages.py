"""A Jupyter server of its own, and what a page and a script do with it."""

from __future__ import annotations

import contextlib
import http.cookiejar
import itertools
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import websocket

from jupyter_workflows.server.frames import decode_frame

from ..e2e.lab import free_port
from ..kernels import kernel_environment
from .authorizers import HeaderAuthorizer

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-tests"
START_SECONDS = 120
ANSWER_SECONDS = 60.0


class Reply(NamedTuple):
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running Jupyter server, seen by a script that has the token."""

    def __init__(self, address: str, process: subprocess.Popen[bytes], log: Path, folder: Path) -> None:
        self.address = address
        self.process = process
        self.log = log
        self.folder = folder

    def url(self, path: str) -> str:
        return f"{self.address}/jupyter-workflows/{path}"

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
        raw: bytes | None = None,
    ) -> Reply:
        """Sends a request; errors are answers too."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data, method=method)
        if token:
            request.add_header("Authorization", f"token {token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def get(self, path: str, **more: Any) -> Reply:
        return self.send("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return self.send("POST", path, {} if body is None else body, **more)

    def browser(self) -> dict[str, str]:
        """The headers of a page whose user has signed in: cookies, and the XSRF token of its forms."""
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        with opener.open(f"{self.address}/tree?token={TOKEN}", timeout=ANSWER_SECONDS):
            pass
        cookies = {cookie.name: cookie.value or "" for cookie in jar}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "xsrf": cookies["_xsrf"]}

    def page(self, *, token: str | None = TOKEN, headers: Sequence[str] = (), **more: Any) -> Page:
        """A page at the stream."""
        sent = [*headers, *([f"Authorization: token {token}"] if token else [])]
        url = self.url("stream").replace("http", "ws", 1)
        return Page(websocket.create_connection(url, timeout=ANSWER_SECONDS, header=sent, **more))

    def read_log(self) -> str:
        return self.log.read_text("utf-8", "replace")


class Page:
    """A page at the stream: what it was told, in order."""

    numbers = itertools.count(1)

    def __init__(self, connection: websocket.WebSocket) -> None:
        self.connection = connection
        self.told: list[tuple[dict[str, Any], list[bytes]]] = []
        self.sizes: list[int] = []

    def send(self, message: dict[str, Any]) -> None:
        self.connection.send(json.dumps(message))

    def receive(self, seconds: float = ANSWER_SECONDS) -> tuple[dict[str, Any], list[bytes]]:
        """The next message."""
        self.connection.settimeout(seconds)
        frame = self.connection.recv()
        self.sizes.append(len(frame))
        text, buffers = decode_frame(frame)
        self.told.append((json.loads(text), buffers))
        return self.told[-1]

    def until(
        self, wanted: Callable[[dict[str, Any]], object], seconds: float = ANSWER_SECONDS, *, since: int | None = None
    ) -> dict[str, Any]:
        """The first message that is wanted: from now on, or of all that were `told` since there were so many."""
        at, deadline = len(self.told) if since is None else since, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if at == len(self.told):
                self.receive(left)
            message, _ = self.told[at]
            if wanted(message):
                return message
            at += 1
        raise TimeoutError(f"not told within {seconds} s; the last message was {self.told[-1:]}")

    def follow(self, topic: str, have: int = -1) -> None:
        self.send({"type": "follow", "topic": topic, "have": have})

    def followed(self, topic: str, type: str, seconds: float = ANSWER_SECONDS, **fields: Any) -> dict[str, Any]:
        """Follows a topic until it tells a message of this type with these fields; asks again as a page does."""
        wanted = {"topic": topic, "type": type, **fields}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.follow(topic)
            with contextlib.suppress(websocket.WebSocketTimeoutException, TimeoutError):
                return self.until(lambda message: wanted.items() <= message.items(), 5.0)
        raise TimeoutError(f"{topic} told no {type} within {seconds} s; the last message was {self.told[-1:]}")

    def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """The answer to a request."""
        number = next(Page.numbers)
        self.send({"type": type, "request": number, **fields})
        return self.until(lambda message: message["type"] == "answer" and message["request"] == number)

    def close(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self.connection.close(timeout=1)
        self.connection.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def jupyter_server(
    home: Path,
    folder: Path,
    *,
    options: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    authorizer: str = f"{HeaderAuthorizer.__module__}.HeaderAuthorizer",
) -> Iterator[Server]:
    """A Jupyter server with a token and XSRF on, that touches nothing outside of `home` and `folder`."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", "--ServerApp.allow_root=True", f"--IdentityProvider.token={TOKEN}"),
        *(
            f"--ServerApp.root_dir={folder}",
            f"--ServerApp.authorizer_class={authorizer}",
        ),
        *options,
    ]
    surroundings = kernel_environment(home, folder) | {"PYTHONPATH": str(ROOT)} | (environment or {})
    log = folder / ".jupyter" / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=surroundings, stdout=output, stderr=output, cwd=folder)
        try:
            wait_until_up(port, process, log)
            yield Server(f"http://127.0.0.1:{port}", process, log, folder)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"the Jupyter server did not answer within {START_SECONDS} s")


def origin(address: str) -> str:
    return f"{urlsplit(address).scheme}://{urlsplit(address).netloc}"


def user() -> str:
    """Who runs these tests."""
    from jupyter_workflows.security.identity import local_user

    return os.environ.get("JUPYTER_WORKFLOWS_USER") or local_user()
