"""Percentiles of values that stand for several, and few values that stand for many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# A run may hold 10,000 steps of one name: so many of their durations, evenly spread, keep the percentiles.
KEPT_VALUES = 64


def percentiles(values: Iterable[tuple[float, float]], shares: Sequence[float]) -> list[float | None]:
    """The smallest value that at least a share of the weight does not exceed, for each share; None without values.

    Args:
        values: Value and weight; a weight of 3 counts like the value three times.
        shares: From 0 to 1.
    """
    ordered = sorted((value, weight) for value, weight in values if weight > 0)
    whole = sum(weight for _, weight in ordered)
    return [nearest_rank(ordered, share * whole) for share in shares]


def nearest_rank(ordered: Sequence[tuple[float, float]], wanted: float) -> float | None:
    """The first value at which the weight so far reaches what is wanted."""
    reached = 0.0
    for value, weight in ordered:
        reached += weight
        # Weights are sums of fractions: a rank missed by rounding is reached.
        if reached >= wanted - 1e-9 * max(1.0, wanted):
            return value
    return ordered[-1][0] if ordered else None


def spread(values: Iterable[float], limit: int = KEPT_VALUES) -> list[float]:
    """At most `limit` of the values, smallest and largest among them, at even ranks."""
    ordered = sorted(values)
    if len(ordered) <= limit:
        return ordered
    last = len(ordered) - 1
    return [ordered[round(rank * last / (limit - 1))] for rank in range(limit)]
