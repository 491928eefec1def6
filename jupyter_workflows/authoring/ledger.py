"""What an activity in execution knows besides its arguments: what its model calls took, and who keeps rate limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from temporalio.api.common.v1 import Payload

from ..schema import Kept, Usage
from .policies import RateLimit

# In the metadata of a result's payload: usage as JSON. Metadata, so that the result's type stays the user's.
USAGE_KEY = "jw-usage"
KEPT_KEY = "jw-kept"
# The execution that paid for the step, where its workspace counts what runs spend.
PAID_KEY = "jw-paid"


class Account(Protocol):
    """Where what an attempt spends counts for its workspace."""

    @property
    def prices(self) -> Mapping[str, Mapping[str, float]] | None:
        """What models cost in the workspace; None where it does not say."""
        ...

    @property
    def counts_money(self) -> bool:
        """Whether a call whose cost nobody knows can't be made."""
        ...

    async def permit(self) -> None:
        """Lets one more call be made.

        Raises:
            BudgetSpent: The workspace allows none.
        """
        ...

    def enter(self, usage: Usage) -> None:
        """Takes in what a call took."""
        ...


@dataclass
class Ledger:
    """The model calls of one attempt.

    Attributes:
        wait: Waits until a rate limit of this machine allows one more call.
        account: Where it counts for the workspace; None where nobody counts.
        usage: What the calls took so far.
    """

    wait: Callable[[RateLimit, str], Awaitable[None]]
    account: Account | None = None
    usage: Usage = field(default_factory=Usage)

    def enter(self, usage: Usage) -> None:
        """Takes in what one more call took."""
        self.usage += usage
        if self.account is not None:
            self.account.enter(usage)


def usage_in(payload: Payload) -> Usage | None:
    """What the model calls of a step took, as its result's payload says; None where there were none."""
    # Reading a missing key by brackets would put it there.
    told = payload.metadata.get(USAGE_KEY)
    try:
        return Usage.model_validate_json(told) if told else None
    except ValueError:
        return None


def paid_in(payload: Payload) -> str:
    """Which execution paid for a step whose workspace counts what runs spend; empty where nobody counts."""
    return payload.metadata[PAID_KEY].decode("utf-8", "replace") if PAID_KEY in payload.metadata else ""


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
