"""Why a connection failed: found by looking, not by reading the client library's texts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl

from ..errors import ConnectionFailed
from .settings import Settings

_PROBE_SECONDS = 0.5


async def diagnose(settings: Settings, reason: str) -> ConnectionFailed:
    """The `ConnectionFailed` that fits what a plain socket and a TLS handshake meet at the address.

    Args:
        settings: What the connection was tried with.
        reason: What the client library said, for what can't be found out.
    """
    place = f"{settings.address}{settings.source('address')}"
    unreachable = await _unreachable(settings)
    if unreachable:
        embedded = ", or unset it to use the embedded server" if "address" in settings.sources else ""
        return ConnectionFailed(
            f"no Temporal server answers at {place}: {unreachable}. "
            f"Start it there, or correct the address (TEMPORAL_ADDRESS){embedded}"
        )
    speaks_tls = await _speaks_tls(settings)
    if speaks_tls and not settings.uses_tls:
        return ConnectionFailed(
            f"the server at {place} wants TLS, and TLS is off{settings.source('tls')}. "
            "Switch it on: TEMPORAL_TLS=true, or tls=True"
        )
    if not speaks_tls and settings.uses_tls:
        return ConnectionFailed(
            f"the server at {place} does not speak TLS, and TLS is on{_tls_source(settings)}. "
            "Switch it off (TEMPORAL_TLS=false), or correct the address"
        )
    if settings.uses_tls and ("certificate" in reason.lower() or "tls" in reason.lower()):
        return ConnectionFailed(
            f"the TLS connection to {place} was refused: {_brief(reason)}. Check the certificates and the server "
            "name (TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_SERVER_NAME)"
        )
    return ConnectionFailed(
        f"what listens at {place} is no Temporal server, or is not ready: {_brief(reason)}. "
        "Give the address of the frontend's gRPC port, 7233 as a rule, not that of the web interface"
    )


def _tls_source(settings: Settings) -> str:
    return settings.source("tls") or (
        f", as always with an API key{settings.source('api_key')}" if settings.tls is None else ""
    )


async def _unreachable(settings: Settings) -> str:
    """What the operating system says against a connection; empty where there is one."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(settings.host, settings.port)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        named = isinstance(error, socket.gaierror) or error.errno is None
        return str(error.strerror or error).lower() if named else os.strerror(error.errno or 0).lower()
    await _close(writer)
    return ""


async def _speaks_tls(settings: Settings) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent; only whether a handshake is answered counts
    context.set_alpn_protocols(["h2"])
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(settings.host, settings.port, ssl=context)
    except ssl.SSLError as error:
        # An alert is an answer in TLS; a server of another protocol sends none.
        return "ALERT" in (error.reason or "").upper()
    except (OSError, TimeoutError):
        return False
    await _close(writer)
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(_PROBE_SECONDS):
            await writer.wait_closed()


def _brief(reason: str) -> str:
    return " ".join(reason.removeprefix("Failed client connect: ").split())[:200]
