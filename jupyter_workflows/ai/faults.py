"""What a failed model call means: whether the same call may succeed later, when, and what to do about it.

The reference, docs/reference/model-faults.md, is written by a test that makes a server fail in each of these ways.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

from ..errors import JupyterWorkflowsError, ModelCallFailed
from ..security.secrets import redacted
from .servers import Server

SHOWN_CHARACTERS = 300
# A server that asks for more than this is down rather than busy.
LONGEST_WAIT = timedelta(hours=1)
SERVER_BUSY = "the server is busy or broken, which passes"

# Status -> kind, whether it passes, what to do.
STATUSES: dict[int, tuple[str, bool, str]] = {
    400: ("bad_request", False, "correct the request"),
    401: ("key_refused", False, "check the key in the worker's environment"),
    402: ("key_refused", False, "the account has no credit"),
    403: ("key_refused", False, "the key may not use this model"),
    404: ("not_found", False, "check model= and the server's address"),
    408: ("server_error", True, SERVER_BUSY),
    409: ("server_error", True, SERVER_BUSY),
    413: ("bad_request", False, "send less at once"),
    422: ("bad_request", False, "correct the request"),
    425: ("server_error", True, SERVER_BUSY),
    429: ("rate_limited", True, "the server asks for fewer calls; rate_limit=RateLimit(...) keeps below its limit"),
    501: ("bad_request", False, "this server can't do that"),
}


def failure_of(error: Exception, server: Server, model: str) -> ModelCallFailed:
    """The failure that an exception of a model call means.

    Args:
        error: What the client or the transport raised.
        server: Who was asked.
        model: Which model.
    """
    if isinstance(error, ModelCallFailed):
        return error
    who = f"the model server {server.name} ({model})"
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status != 200:
        return of_status(status, error, who, server)
    if isinstance(status, int) and type(error).__name__ != "ResponseValidationError":
        return of_wrong_body(error, who, server)
    module = type(error).__module__
    if module.startswith(("httpx", "httpcore")) or isinstance(error, OSError):
        return of_connection(error, who, server)
    if isinstance(error, JupyterWorkflowsError):
        return ModelCallFailed(str(error), kind="bad_request")
    if isinstance(error, (ValueError, KeyError, AttributeError, RecursionError)) or status == 200:
        # UnicodeDecodeError, JSON and validation errors, brackets without end: what came is no answer.
        return ModelCallFailed(
            f"{who} sent what is no answer ({said(type(error).__name__ + ': ' + first_line(error), server)}): the "
            "server, or a proxy before it, is broken",
            kind="garbage",
            retryable=True,
        )
    return ModelCallFailed(
        f"{who} could not be asked: {said(f'{type(error).__name__}: {first_line(error)}', server)}", kind="unknown"
    )


def of_status(status: int, error: Exception, who: str, server: Server) -> ModelCallFailed:
    """A status other than 200."""
    if 300 <= status < 400:
        return ModelCallFailed(
            f"{who} redirects (HTTP {status}), and a redirect is never followed: give the address it leads to, if "
            "you know that server",
            kind="redirect",
            status=status,
        )
    usual = ("server_error", True, SERVER_BUSY) if status >= 500 else ("bad_request", False, "correct the request")
    kind, retryable, remedy = STATUSES.get(status, usual)
    headers = cast("Mapping[str, str]", getattr(error, "headers", None) or {})
    message = said(message_in(str(getattr(error, "body", ""))), server)
    words = f"{who} answers HTTP {status}{': ' + message if message else ''}"
    return ModelCallFailed(
        f"{words}. {remedy[0].upper()}{remedy[1:]}",
        kind=kind,
        retryable=retryable,
        retry_after=wait_asked_for(headers) if retryable else None,
        status=status,
    )


def of_wrong_body(error: Exception, who: str, server: Server) -> ModelCallFailed:
    """200 with something else than an answer."""
    message = said(message_in(str(getattr(error, "body", ""))), server)
    return ModelCallFailed(
        f"{who} answers HTTP 200 without an answer{': ' + message if message else ''}",
        kind="error_body",
        retryable=True,
        status=200,
    )


def of_connection(error: Exception, who: str, server: Server) -> ModelCallFailed:
    """No connection, or one that broke."""
    name = type(error).__name__
    if name in ("ConnectError", "ConnectTimeout", "UnsupportedProtocol", "InvalidURL", "ProxyError"):
        return ModelCallFailed(
            f"{who} can't be reached: {said(first_line(error) or name, server)}. Check its address and that it runs",
            kind="unreachable",
            retryable=name not in ("UnsupportedProtocol", "InvalidURL"),
        )
    reason = said(first_line(error), server)
    return ModelCallFailed(
        f"the connection to {who} broke ({name}{': ' + reason if reason else ''})", kind="cut_off", retryable=True
    )


def too_slow(what: str, limit: timedelta, option: str, server: Server, model: str) -> ModelCallFailed:
    """A limit of time that was reached."""
    return ModelCallFailed(
        f"the model server {server.name} ({model}) {what} within {limit.total_seconds():g} s; {option}= gives it more",
        kind=option.removesuffix("_timeout") if option != "timeout" else "timeout",
        retryable=True,
    )


def message_in(body: str) -> str:
    """What an error's body says."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return " ".join(body.split())
    while isinstance(found, dict):
        inner = cast("dict[str, Any]", found)
        found = next((inner[key] for key in ("message", "detail", "error") if inner.get(key)), "")
    return found if isinstance(found, str) else json.dumps(found)


def said(text: str, server: Server) -> str:
    """What the other side said, for a message: without keys, and cut."""
    clean = redacted(text, [server.key or ""])
    return clean if len(clean) <= SHOWN_CHARACTERS else f"{clean[: SHOWN_CHARACTERS - 1]}…"


def first_line(error: Exception) -> str:
    """The first line of an exception's text."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def wait_asked_for(headers: Mapping[str, str]) -> timedelta | None:
    """What `Retry-After` asks for (RFC 9110, 10.2.3: seconds or a date), and its form in milliseconds."""
    given = {name.lower(): value for name, value in headers.items()}
    for name, seconds_each in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(given[name]) * seconds_each
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return min(timedelta(seconds=min(seconds, 1e6)), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(given["retry-after"])
    except (KeyError, ValueError, TypeError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - datetime.now(UTC), timedelta(0)), LONGEST_WAIT)
