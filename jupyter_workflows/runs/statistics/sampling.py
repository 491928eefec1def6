"""Which histories to look at where there are more than can be read, and how many runs each then stands for.

Runs are drawn by the hash of their id, the same each time and whoever draws: what was read once serves again.

Visibility tells more than it seems to: a failed attempt of a step is no event of the history, but it is a state
transition. Of runs with the same workflow and number of events, those with more transitions than the fewest are the
ones in which something was retried (or sent many signs of life). They are a group of their own, and so are runs that
did not complete: of the few runs that met a failure most are then looked at, of the many that did not a few suffice.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...schema import Run
from .listed import Listed

# So many of each group are looked at, however rare they are.
LEAST = 20
# Of what may be read, so much goes first to groups in which something may have gone wrong.
TELLING_SHARE = 0.6


@dataclass(frozen=True)
class Stratum:
    """Closed runs of one kind, and those of them that are looked at.

    Args:
        size: How many there are.
        drawn: Those that are looked at, in the order of the draw.
    """

    size: int
    drawn: Sequence[Run]

    def weight(self, known: int) -> float:
        """How many runs each of so many drawn ones stands for."""
        return self.size / known if known else 0.0


def strata(closed: Iterable[Listed], limit: int) -> list[Stratum]:
    """Draws about `limit` of these runs, or all where there are no more.

    Args:
        closed: Closed runs.
        limit: So many histories may be read; a few more where there are very many kinds of runs.
    """
    runs = list(closed)
    groups = {kind: sorted((each.run for each in group), key=lot) for kind, group in grouped(runs).items()}
    if len(runs) <= limit:
        return [Stratum(len(group), group) for group in groups.values()]
    telling = {kind: len(group) for kind, group in groups.items() if kind[1] != "completed" or kind[2]}
    plain = {kind: len(group) for kind, group in groups.items() if kind not in telling}
    quotas = shared(telling, max(int(limit * TELLING_SHARE), limit - sum(plain.values())))
    quotas |= shared(plain, max(0, limit - sum(quotas.values())))
    return [Stratum(len(group), group[: quotas[kind]]) for kind, group in groups.items()]


Kind = tuple[str, str, bool]


def grouped(runs: Iterable[Listed]) -> dict[Kind, list[Listed]]:
    """Runs by workflow, status, and whether there were more state transitions than need be."""
    by_length: dict[tuple[str, str, int | None], list[Listed]] = defaultdict(list)
    for each in runs:
        by_length[each.run.workflow, each.run.status, each.run.history_events].append(each)
    groups: dict[Kind, list[Listed]] = defaultdict(list)
    for (workflow, status, _), group in by_length.items():
        fewest = min(each.transitions for each in group)
        for each in group:
            groups[workflow, status, each.transitions > fewest].append(each)
    return groups


def shared(sizes: dict[Kind, int], limit: int) -> dict[Kind, int]:
    """How many to draw of each group: by its size, and at least a few."""
    whole = sum(sizes.values())
    if whole <= limit:
        return dict(sizes)
    return {kind: max(min(size, LEAST), size * limit // whole) for kind, size in sizes.items()}


def lot(run: Run) -> bytes:
    """The run's place in the draw."""
    return hashlib.blake2b(run.run_id.encode(), digest_size=8).digest()
