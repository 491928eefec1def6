"""The one shape of an error, and which status each exception means.

    {"error": {"code": "run-not-found", "message": "a sentence", "remedy": "what to do"}}

`code` is stable; `remedy` is left out where the message says it already.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from pydantic import Field, ValidationError
from tornado.web import HTTPError

from .. import errors
from ..runs.untrusted import one_line, printable
from ..schema import Wire
from .topic_names import UnknownTopic
from .workflows import WorkflowNotFound

MAX_TEXT = 4_000
# The first that fits counts.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.RunNotFound, 404),
    (WorkflowNotFound, 404),
    (UnknownTopic, 400),
    (errors.ArgumentsError, 422),
    (errors.PayloadError, 422),
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
    if isinstance(error, HTTPError):
        return error.status_code
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
    if isinstance(error, HTTPError) and error.log_message:
        return one_line(error.log_message, 500)
    return phrase(status)


def answer_of(error: BaseException | None, status: int) -> ErrorAnswer:
    """The body of an answer to a request that failed."""
    return ErrorAnswer(
        error=Problem(code=code_of(error, status), message=message_of(error, status), remedy=REMEDIES.get(status))
    )
