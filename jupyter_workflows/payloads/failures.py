"""Exceptions on their way into history: always sendable, never endless.

Temporal's own converter fails on a message with half a character or on details that can't travel. In a workflow
that is retried for ever, and an answer over 4 MB is never accepted; so texts are made clean and cut here.
"""

from __future__ import annotations

from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from ..errors import PayloadError
from .types import short

MESSAGE_CHARACTERS = 16_000
TRACE_CHARACTERS = 16_000
CAUSES = 20
# What the SDK and the server put in the place of a message that is a payload.
ENCODED = "Encoded failure"


class FailureTexts(DefaultFailureConverter):
    """Temporal's failure converter for any exception that user code may raise."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Writes the exception, its causes included, into `failure`."""
        exception = _unreadable_arguments(exception) or exception
        try:
            super().to_failure(_sendable(exception), payload_converter, failure)
        except Exception as problem:  # noqa: BLE001 - str() of the user's exceptions may raise anything
            failure.Clear()
            super().to_failure(_described(exception, problem), payload_converter, failure)
        _shorten(failure)


class EncryptableFailureTexts(FailureTexts):
    """The same, with messages and stack traces as payloads, which a codec encrypts; those of all causes too."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Writes the exception, its causes included, into `failure`."""
        super().to_failure(exception, payload_converter, failure)
        each: Failure | None = failure
        while each is not None:
            if each.message != ENCODED:
                texts = {"message": each.message, "stack_trace": each.stack_trace}
                each.encoded_attributes.CopyFrom(payload_converter.to_payloads([texts])[0])
                each.message, each.stack_trace = ENCODED, ""
            each = each.cause if each.HasField("cause") else None


def _unreadable_arguments(exception: BaseException) -> BaseException | None:
    """The reason why a step's arguments could not be read; Temporal wraps it in an error that is retried."""
    if isinstance(exception, ApplicationError) and isinstance(exception.__cause__, PayloadError):
        return exception.__cause__ if exception.message.startswith("Failed decoding ") else None
    return None


def _sendable(exception: BaseException) -> BaseException:
    """The same exception, or one like it whose message is valid text."""
    message = exception.message if isinstance(exception, FailureError) else str(exception)
    try:
        message.encode()
    except UnicodeEncodeError:
        return _replaced(exception, message.encode("utf-8", "backslashreplace").decode())
    return exception


def _described(exception: BaseException, problem: Exception) -> BaseException:
    """An exception that can be sent in place of one that can't."""
    details = f" (its details were left out: {short(problem)})" if isinstance(problem, PayloadError) else ""
    try:
        message = exception.message if isinstance(exception, FailureError) else str(exception)
    except Exception:  # noqa: BLE001 - see above
        message = f"{type(exception).__name__}, whose text can't be read"
    return _replaced(exception, message.encode("utf-8", "backslashreplace").decode() + details, details=False)


def _replaced(exception: BaseException, message: str, *, details: bool = True) -> ApplicationError:
    if isinstance(exception, ApplicationError):
        replacement = ApplicationError(
            message,
            *(exception.details if details else ()),
            type=exception.type,
            non_retryable=exception.non_retryable,
            next_retry_delay=exception.next_retry_delay,
        )
    else:
        replacement = ApplicationError(message, type=type(exception).__name__)
    replacement.__traceback__ = exception.__traceback__
    if details:
        replacement.__cause__ = exception.__cause__
    return replacement


def _shorten(failure: Failure) -> None:
    each, depth = failure, 0
    while True:
        each.message = _cut(each.message, MESSAGE_CHARACTERS)
        each.stack_trace = _cut(each.stack_trace, TRACE_CHARACTERS)
        if not each.HasField("cause"):
            return
        depth += 1
        if depth == CAUSES:
            each.ClearField("cause")
            return
        each = each.cause


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"
