"""What a workspace allows its runs to take of models, as its file says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, get_args

from ..schema.budgets import Period, Spent

PERIODS: tuple[Period, ...] = get_args(Period)
PRICED = ("input", "output", "page")
# A month has at most so many days; runs that Temporal has forgotten can't be counted.
MONTH_DAYS = 31


@dataclass(frozen=True)
class Allowance:
    """What may be taken in a period.

    Args:
        tokens: Tokens of prompts and answers; None for any number.
        cost: Money, by the workspace's prices; None for any.
    """

    tokens: int | None = None
    cost: float | None = None

    def reached(self, spent: Spent) -> str | None:
        """What of it is spent, in words; None while nothing is."""
        if self.cost is not None and spent.cost >= self.cost:
            return f"{spent.cost:,.4g} of {self.cost:,.4g} in money"
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"{spent.tokens:,} of {self.tokens:,} tokens"
        return None


def allowance(period: str, content: object) -> Allowance:
    """An allowance as the file says it.

    Raises:
        ValueError: It makes no sense; says why.
    """
    if period not in PERIODS:
        raise ValueError(f"there is no budget of a {period!r}: there are {', '.join(PERIODS)}")
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"budget.{period} = {content!r} bounds nothing: write {{ tokens = 100_000 }} or {{ cost = 5 }}"
        )
    given = cast("dict[str, Any]", content)
    for name, value in given.items():
        if name not in ("tokens", "cost"):
            raise ValueError(f"budget.{period} has no {name!r}: there are tokens and cost")
        if type(value) not in ((int,) if name == "tokens" else (int, float)) or not 0 < value < float("inf"):
            what = "a whole number" if name == "tokens" else "a number"
            raise ValueError(f"budget.{period} {name} = {value!r} is not {what} above zero")
    return Allowance(**given)


def prices(content: dict[str, Any]) -> dict[str, dict[str, float]]:
    """A table of prices as the file says it: model to what a million tokens, or a thousand pages, cost.

    Raises:
        ValueError: It makes no sense; says why.
    """
    for model, price in content.items():
        if not isinstance(price, dict) or not price:
            raise ValueError(f"the price of {model!r} is {price!r}: write {{ input = 0.1, output = 0.3 }}")
        for name, value in cast("dict[str, Any]", price).items():
            if name not in PRICED:
                raise ValueError(f"the price of {model!r} has no {name!r}: there are {', '.join(PRICED)}")
            if type(value) not in (int, float) or not 0 <= value < float("inf"):
                raise ValueError(f"the price of {model!r} {name} = {value!r} is no number from zero")
    return content
