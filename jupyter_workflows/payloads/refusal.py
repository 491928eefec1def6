"""The one way this package says that a value can't travel, be stored or be read back."""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from ..errors import PayloadError


class Unfit(ValueError):
    """A part of a value can't travel; the text continues a sentence that begins with its path."""


class _Refusal(PayloadError, ApplicationError):
    """A `PayloadError` that Temporal's worker takes as final: it fails the run or the step, with its message.

    Any other exception in the decoding of a workflow task makes Temporal retry that task for ever.
    """

    def __str__(self) -> str:
        return self.message


# People and history know one name.
_Refusal.__name__ = _Refusal.__qualname__ = PayloadError.__name__


def refuse(message: str) -> PayloadError:
    """The `PayloadError` to raise; in a worker it ends the run or step at once instead of retrying."""
    return _Refusal(message, type=PayloadError.__name__, non_retryable=True)
