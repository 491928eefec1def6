"""What the model calls of a run may take; see `spending` for what happens then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..errors import AuthoringError
from ..schema import Usage
from .policies import ByName, positive


@dataclass(frozen=True, kw_only=True)
class Budget(ByName):
    """What the model calls of a run may take before a person is asked.

    It is looked at before each step, so the call that spends it is still made and kept. Who approves allows as much
    again; after a no, or none in time, the run's next step raises `BudgetSpent`. Child runs have budgets of their own.

    Args:
        cost: Money, by the worker's price table. A call of a model that the table does not name spends it too:
            what it cost is not known.
        tokens: Tokens of prompts and answers.
        time: Time that models took to answer, summed.
        assignee: Who is asked; by default everybody who may see the run.
        timeout: How long a person is waited for; without end by default.

    Raises:
        AuthoringError: A value makes no sense, or nothing is bounded.
    """

    cost: float | None = None
    tokens: int | None = None
    time: timedelta | None = None
    assignee: str | None = None
    timeout: timedelta | None = None

    def __post_init__(self) -> None:
        if self.cost is None and self.tokens is None and self.time is None:
            raise AuthoringError("Budget() bounds nothing: write Budget(tokens=100_000), cost= or time=", code="JW459")
        for name, value in (("cost", self.cost), ("tokens", self.tokens)):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and (not number or not value > 0):
                raise AuthoringError(f"Budget({name}={value!r}) takes a number above zero", code="JW459")
        for name, duration in (("time", self.time), ("timeout", self.timeout)):
            if duration is not None:
                positive(duration, f"Budget({name}=...)")

    def reached(self, usage: Usage, shares: int) -> str | None:
        """What of the budget is spent, in words; None while nothing is.

        Args:
            usage: What the run's model calls took so far.
            shares: How many times the budget is allowed.
        """
        cost, tokens = usage.cost or 0.0, usage.input_tokens + usage.output_tokens
        if self.cost is not None and cost >= self.cost * shares:
            return f"{cost:,.4g} of {self.cost * shares:,.4g} in money"
        if self.cost is not None and usage.unpriced_calls > 0 and shares == 1:
            return f"{usage.unpriced_calls} calls whose cost is not known: the price table does not name their model"
        if self.tokens is not None and tokens >= self.tokens * shares:
            return f"{tokens:,} of {self.tokens * shares:,} tokens"
        if self.time is not None and usage.seconds >= self.time.total_seconds() * shares:
            return f"{usage.seconds:,.0f} of {self.time.total_seconds() * shares:,.0f} seconds of models at work"
        return None
