"""The one shape of an error, and which status each exception means.

    {"error": {"code": "run-not-found", "message": "a sentence", "remedy": "what to do"}}

`code` is stable; `remedy` is left out where the message says it already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from pydantic import Field, ValidationError

from .. import errors
from ..runs.untrusted import one_line, printable
from ..schema import Wire

MAX_TEXT = 4_000
# The first that fits counts.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.RunNotFound, 404),
    (errors.WorkflowNotFound, 404),
    (errors.BadRequest, 400),
    (errors.CallerRefused, 403),
    (errors.ScheduleNotFound, 404),
    (errors.ScheduleRefused, 422),
    (errors.ArgumentsError, 422),
    (errors.PayloadError, 422),
    (errors.NotPermitted, 403),
    (errors.WorkspacesInvalid, 403),
    (errors.ApprovalRefused, 409),
    (errors.RunAlreadyExists, 409),
    (errors.ConnectionFailed, 503),
    (errors.RuntimeFailed, 503),
    (errors.JupyterWorkflowsError, 409),
    (ValidationError, 400),
    (TimeoutError, 504),
)
REMEDIES = {
    403: "sign in, send a page's X-XSRFToken or a script's token, or ask for the right that the reference lists",
    413: "send less; large values belong into a file that the workflow reads",
    500: "look into the Jupyter server's log, and report it",
    504: "look whether it was done, then try again",
}


class Problem(Wire):
    """What went wrong."""

    code: str = Field(description="Stable, for programs")
    message: str = Field(description="A sentence, for people")
    remedy: str | None = Field(default=None, description="What to do, where the message does not say it")


class ErrorAnswer(Wire):
    """The body of every answer that is no success."""

    error: Problem


def status_of(error: BaseException | None) -> int:
    """The status that an exception means."""
    # Tornado's HTTPError and Starlette's HTTPException.
    if isinstance(found := getattr(error, "status_code", None), int):
        return found
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def code_of(error: BaseException | None, status: int) -> str:
    """The code of an exception: `JW...` of a mistake, else its name, else the status'."""
    if isinstance(error, errors.AuthoringError):
        return error.code
    if isinstance(error, errors.JupyterWorkflowsError):
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    if isinstance(error, ValidationError):
        return "bad-request"
    return phrase(status).lower().replace(" ", "-")


def phrase(status: int) -> str:
    """The words of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "error"


def message_of(error: BaseException | None, status: int) -> str:
    """What happened, as a sentence; nothing of an error that nobody foresaw."""
    if isinstance(error, ValidationError):
        found = [f"{'.'.join(map(str, item['loc'])) or 'the request'}: {item['msg']}" for item in error.errors()]
        return printable("; ".join(found[:10]), MAX_TEXT)
    if isinstance(error, errors.JupyterWorkflowsError):
        return printable(str(error), MAX_TEXT)
    told = getattr(error, "log_message", None) or getattr(error, "detail", None)
    if isinstance(told, str) and told:
        return one_line(told, 500)
    return phrase(status)


def answer_of(error: BaseException | None, status: int, remedies: Mapping[int, str] = REMEDIES) -> ErrorAnswer:
    """The body of an answer to a request that failed; `remedies` say what to do by the status."""
    return ErrorAnswer(
        error=Problem(code=code_of(error, status), message=message_of(error, status), remedy=remedies.get(status))
    )
