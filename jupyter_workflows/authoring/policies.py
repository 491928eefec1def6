"""How a step is tried again, how often it may be called, how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Never, Self

from ..errors import AuthoringError

DEFAULT_ACTIVITY_TIMEOUT = timedelta(hours=1)
DEFAULT_HEARTBEAT_TIMEOUT = timedelta(seconds=10)


def timeout(*bare: Never, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> timedelta:
    """A duration for `timeout=` of a workflow, an activity or an approval.

    Args:
        bare: None: the unit is named.
        days: Days of 24 hours.
        hours: Hours.
        minutes: Minutes.
        seconds: Seconds.

    Raises:
        AuthoringError: The duration is not longer than zero, or has no unit.
    """
    if bare:
        raise AuthoringError(f"timeout({bare[0]!r}) has no unit: write {as_timeout(bare[0])}", code="JW401")
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return positive(duration, "timeout(...)")


def positive(duration: object, what: str) -> timedelta:
    """The duration itself, if it is a timedelta longer than zero.

    Raises:
        AuthoringError: It is another type, zero or negative.
    """
    if not isinstance(duration, timedelta):
        raise AuthoringError(f"{what} takes a timedelta, not {duration!r}: write {as_timeout(duration)}", code="JW401")
    if duration <= timedelta(0):
        shown = f"-{-duration}" if duration < timedelta(0) else f"{duration}"
        raise AuthoringError(f"{what} must be longer than zero, not {shown}", code="JW402")
    return duration


def as_timeout(value: object) -> str:
    """How a duration is written that was given as a bare number of seconds, or as anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return f"timeout(seconds={value})" if is_number else "timeout(minutes=5)"


class ByName:
    """A policy whose options are given by name; an unknown one is refused with a suggestion."""

    def __new__(cls, *bare: Any, **options: Any) -> Self:
        """Checks the names before the dataclass does, which would only say that one is unexpected.

        Raises:
            AuthoringError: An option is unknown, or was given without its name.
        """
        known = [field.name for field in fields(cls)]  # pyright: ignore[reportArgumentType]
        if bare:
            raise AuthoringError(
                f"{cls.__name__} takes options by name, not {bare[0]!r}: write {cls.__name__}({known[0]}={bare[0]!r})",
                code="JW415",
            )
        for option in options:
            if option not in known:
                raise AuthoringError(f"{cls.__name__} has no option {option}=: {meant(option, known)}", code="JW417")
        return super().__new__(cls)


def meant(option: str, known: Sequence[str]) -> str:
    """The option that was probably meant; all of them where none is near."""
    import difflib

    near = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}=?" if near else f"it takes {', '.join(f'{name}=' for name in known)}"


@dataclass(frozen=True, kw_only=True)
class RetryPolicy(ByName):
    """How a failed step is tried again.

    Args:
        max_attempts: How often the step is tried in all; 0 means without end.
        initial_interval: Wait before the second attempt.
        backoff_coefficient: Each wait is this many times the one before; at least 1.
        max_interval: No wait is longer than this; by default 100 times the initial interval.
        non_retryable: Exception types after which there is no further attempt. Subclasses count.

    Raises:
        AuthoringError: A value makes no sense.
    """

    max_attempts: int = 3
    initial_interval: timedelta = timedelta(seconds=1)
    backoff_coefficient: float = 2.0
    max_interval: timedelta | None = None
    non_retryable: Sequence[type[BaseException]] = field(default=())

    def __post_init__(self) -> None:
        if type(self.max_attempts) is not int or self.max_attempts < 0:
            raise AuthoringError(
                f"RetryPolicy(max_attempts={self.max_attempts!r}) takes a whole number: "
                "1 for no retry, 0 for retries without end",
                code="JW403",
            )
        positive(self.initial_interval, "RetryPolicy(initial_interval=...)")
        if self.max_interval is not None and positive(self.max_interval, "RetryPolicy(max_interval=...)") < (
            self.initial_interval
        ):
            raise AuthoringError(
                f"RetryPolicy(max_interval={self.max_interval}) is shorter than initial_interval "
                f"{self.initial_interval}: make it at least as long",
                code="JW404",
            )
        if not isinstance(self.backoff_coefficient, (int, float)) or self.backoff_coefficient < 1:
            raise AuthoringError(
                f"RetryPolicy(backoff_coefficient={self.backoff_coefficient!r}) takes a number of at least 1",
                code="JW405",
            )
        for error in self.non_retryable:
            if not (isinstance(error, type) and issubclass(error, BaseException)):
                raise AuthoringError(
                    f"RetryPolicy(non_retryable=...) takes exception types such as ValueError, not {error!r}",
                    code="JW406",
                )


@dataclass(frozen=True, kw_only=True)
class RateLimit(ByName):
    """How often an activity may be called: at most `calls` starts in any window of length `per`.

    The limit holds over all runs, bundles and worker processes of one machine that name it alike. A call
    that has to wait does so in the worker and does not use up the step's own timeout.

    Args:
        calls: Starts allowed in the window.
        per: Length of the window.
        name: What shares the limit; by default the activity's name.

    Raises:
        AuthoringError: A value makes no sense.
    """

    calls: int
    per: timedelta = timedelta(seconds=1)
    name: str | None = None

    def __post_init__(self) -> None:
        if type(self.calls) is not int or self.calls < 1:
            raise AuthoringError(f"RateLimit(calls={self.calls!r}) takes a whole number of at least 1", code="JW407")
        positive(self.per, "RateLimit(per=...)")
