"""What an activity in execution knows besides its arguments: what its model calls took, and who keeps rate limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload

from ..schema import Kept, Usage
from .policies import RateLimit

# In the metadata of a result's payload: usage as JSON. Metadata, so that the result's type stays the user's.
USAGE_KEY = "jw-usage"
KEPT_KEY = "jw-kept"


@dataclass
class Ledger:
    """The model calls of one attempt.

    Attributes:
        wait: Waits until a rate limit of this machine allows one more call.
        usage: What the calls took so far.
    """

    wait: Callable[[RateLimit, str], Awaitable[None]]
    usage: Usage = field(default_factory=Usage)

    def enter(self, usage: Usage) -> None:
        """Takes in what one more call took."""
        self.usage += usage


def usage_in(payload: Payload) -> Usage | None:
    """What the model calls of a step took, as its result's payload says; None where there were none."""
    # Reading a missing key by brackets would put it there.
    told = payload.metadata.get(USAGE_KEY)
    try:
        return Usage.model_validate_json(told) if told else None
    except ValueError:
        return None


def kept_in(payload: Payload) -> Kept | None:
    """Where a step's result comes from that was not worked out by the step itself; None for what was."""
    told = payload.metadata.get(KEPT_KEY)
    try:
        return Kept.model_validate_json(told) if told else None
    except ValueError:
        return None


def is_of_another_run(payload: Payload) -> bool:
    """Whether a step's result was worked out, and paid for, by the run that this one is a fork of."""
    kept = kept_in(payload)
    return kept is not None and bool(kept.id)


ledger: ContextVar[Ledger | None] = ContextVar("ledger", default=None)
