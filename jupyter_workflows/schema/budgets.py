"""What a workspace allows its runs to take of models, and what they took of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from . import Usage, Wire

Period = Literal["run", "day", "month"]


class Spent(Wire):
    """What was spent on models; adds up, and is never less than nothing, whoever wrote it."""

    tokens: int = Field(default=0, ge=0, description="Of prompts and answers")
    cost: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="By the price table")

    @classmethod
    def of(cls, usage: Usage) -> Spent:
        """What a usage spends."""
        return cls(tokens=max(0, usage.input_tokens + usage.output_tokens), cost=max(0.0, usage.cost or 0.0))

    def __add__(self, other: Spent) -> Spent:
        return Spent(tokens=self.tokens + other.tokens, cost=self.cost + other.cost)

    def at_least(self, other: Spent) -> Spent:
        """The larger of two counts of the same."""
        return Spent(tokens=max(self.tokens, other.tokens), cost=max(self.cost, other.cost))


class SpentByRun(Wire):
    """What one execution of a run spent, as its memo says it.

    A reset copies what the memo said before it, so only what names the execution itself counts for its workspace.
    """

    run_id: str = Field(description="The execution that says so")
    total: Spent = Field(description="All that the run's steps took, those that were kept by a resume included")
    days: dict[str, Spent] = Field(default={}, description="What this execution paid for, by day (UTC)")


class WorkspaceBudget(Wire):
    """What a workspace allows in a period, and what is used of it."""

    period: Period
    tokens: int | None = Field(default=None, description="None for any number")
    cost: float | None = Field(default=None, description="In the currency of the workspace's prices; None for any")
    used: Spent | None = Field(default=None, description="In this day or month (UTC) so far; None for that of a run")
