"""The workflow failure recovery rate: runs that met a failure and completed, of those that met one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ...schema.dashboards import Recovery

# Of a normal distribution: 95 % lie within so many standard deviations.
DEVIATIONS = 1.96


@dataclass(frozen=True)
class Share:
    """Closed runs of one workflow and status.

    Args:
        size: How many there are.
        known: Of how many the history was looked at.
        met: Of how many of these it tells of a failure.
        recovered: Whether such a run counts as recovered: whether these completed.
    """

    size: int
    known: int
    met: int
    recovered: bool

    @property
    def total(self) -> float:
        """How many met a failure, as the known ones suggest."""
        return self.size * self.met / self.known

    @property
    def variance(self) -> float:
        """The variance of `total`; none where all are known, and none met or all met stays a little doubtful."""
        if self.known >= self.size:
            return 0.0
        rate = (self.met + 1) / (self.known + 2)
        return self.size**2 * rate * (1 - rate) / self.known * (1 - self.known / self.size)


def recovery_of(shares: Iterable[Share], target: float) -> Recovery:
    """The rate, with an interval where not all histories were looked at.

    Args:
        shares: The closed runs.
        target: The rate that is aimed at, from 0 to 1.
    """
    known = list(shares)
    good = sum(share.total for share in known if share.recovered)
    bad = sum(share.total for share in known if not share.recovered)
    met = good + bad
    if not met:
        return Recovery(target=target)
    rate = good / met
    good_variance = sum(share.variance for share in known if share.recovered)
    bad_variance = sum(share.variance for share in known if not share.recovered)
    # Delta method: how the quotient moves with each of its parts.
    margin = DEVIATIONS * math.sqrt(bad**2 * good_variance + good**2 * bad_variance) / met**2
    return Recovery(
        met_failure=round(met, 3),
        recovered=round(good, 3),
        rate=rate,
        low=max(0.0, rate - margin) if margin else None,
        high=min(1.0, rate + margin) if margin else None,
        target=target,
    )
