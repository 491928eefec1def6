"""How far an agent may go before it is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...authoring.policies import positive
from ...errors import AuthoringError
from ...schema import Usage
from ..prices import PRICES
from .outcomes import StopReason

DEFAULT_TURNS = 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far one `Agent.run` may go, handoffs included; what is reached then is an `AgentStopped`.

    Limits are looked at before each turn: the call that crosses one is finished and counts.

    Args:
        turns: Answers of the model.
        tokens: Tokens of prompts and answers together, compaction included.
        money: What the model calls cost, by the price table and in its currency.
        time: From the start of the run, waits for people included.
        repairs: How often in a row an answer that makes no sense is asked for again.
        calls_per_tool: How often each agent may call each of its tools; then the tool is offered no more. Small models
            call the same one again and again otherwise.

    Raises:
        AuthoringError: A limit makes no sense.
    """

    turns: int = DEFAULT_TURNS
    tokens: int | None = None
    money: float | None = None
    time: timedelta | None = None
    repairs: int = 3
    calls_per_tool: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("turns", 1), ("tokens", 1), ("repairs", 0), ("calls_per_tool", 1)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise AuthoringError(f"Limits({name}={value!r}) takes a whole number of at least {least}", code="JW461")
        if self.money is not None and (not isinstance(self.money, int | float) or not self.money > 0):
            raise AuthoringError(f"Limits(money={self.money!r}) takes an amount above zero", code="JW461")
        if self.time is not None:
            positive(self.time, "Limits(time=...)")

    def crossed(self, turns: int, usage: Usage, begun: datetime, now: datetime) -> tuple[StopReason, str] | None:
        """The first limit that was reached, and how.

        Args:
            turns: Answers so far.
            usage: What they took.
            begun: When the run began.
            now: The time now.
        """
        if turns >= self.turns:
            return "turns", f"{turns} of {self.turns} turns are used"
        spent = usage.input_tokens + usage.output_tokens
        if self.tokens is not None and spent >= self.tokens:
            return "tokens", f"{spent:,} tokens are used, and {self.tokens:,} were allowed"
        if self.time is not None and now - begun >= self.time:
            return "time", f"{now - begun} have passed, and {self.time} were allowed"
        return self.overspent(usage)

    def overspent(self, usage: Usage) -> tuple[StopReason, str] | None:
        """Whether the money is spent, or nobody can tell."""
        if self.money is None:
            return None
        if usage.unpriced_calls:
            return "money", f"what the calls cost is not known: name the model in {PRICES} where the worker runs"
        if (usage.cost or 0.0) >= self.money:
            return "money", f"{usage.cost:g} is spent, and {self.money:g} was allowed"
        return None
