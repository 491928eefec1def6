"""What supervisor, clients and worker hosts say to each other: JSON objects, one a line, over Unix sockets.

A request carries an `id` that its answer repeats; an answer is `{"id", "ok": true, ...}` or `{"id", "error": text}`.
Messages without an `id` are notices. The supervisor imports this module: the standard library only.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

from ..errors import RuntimeFailed
from .paths import make_private_directory

Message = dict[str, Any]
PROTOCOL = 1
MESSAGE_BYTES = 16 * 1024 * 1024
"""A request carries an environment and a `sys.path`: far below this. More is not one of ours."""
_LINUX_CREDENTIALS = "3i"


def nothing(*_: object) -> None:
    """What to call where nobody wants to know."""


def encode(message: Message) -> bytes:
    """The message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class LineDecoder:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            ValueError: If a line is no JSON object, or longer than `MESSAGE_BYTES`.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MESSAGE_BYTES:
            raise ValueError(f"a message of more than {MESSAGE_BYTES} bytes")
        messages = [json.loads(line) for line in lines if line]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("a message that is not a JSON object")
        return messages


def listen(path: Path) -> socket.socket:
    """A listening socket at `path` that only the user can connect to; replaces a stale one.

    The caller holds the supervisor's lock, so what lies at `path` has no owner any more.
    """
    make_private_directory(path.parent)
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    path.chmod(0o600)
    server.listen(128)
    server.setblocking(False)
    return server


def dial(path: Path, timeout_seconds: float) -> socket.socket | None:
    """A connection to the supervisor at `path`; None where none listens.

    Raises:
        RuntimeFailed: If what listens there is not a process of this user.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_seconds)
    try:
        connection.connect(str(path))
    except (OSError, ValueError):
        connection.close()
        return None
    owner = peer(connection)[1]
    if owner != os.geteuid():
        connection.close()
        raise RuntimeFailed(f"{path} is served by another user (uid {owner}); remove it and try again.")
    return connection


def peer(connection: socket.socket) -> tuple[int | None, int]:
    """Process id, where the system tells it, and user id of the other end."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize(_LINUX_CREDENTIALS)
        pid, uid, _ = struct.unpack(
            _LINUX_CREDENTIALS, connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        return pid, uid
    # LOCAL_PEERCRED of <sys/un.h>: struct xucred begins with a version and the effective user id.
    credentials = connection.getsockopt(0, 1, 76)
    return None, struct.unpack_from("=II", credentials)[1]
