"""The crash table as a page of the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .rows.plan import Row
from .verdicts import Outcome

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN = "<!-- begin: table written by `make chaos` -->"
END = "<!-- end -->"
HEAD = "| # | fault | faults | runs lost | completed steps run again | recovery p50 / p95 (s) | orphans | verdict |"


@dataclass(frozen=True)
class Line:
    """A row that was played, and what came of it."""

    row: Row
    outcome: Outcome


def write_page(lines: Sequence[Line], seed: int) -> None:
    """Replace the table of the page; rows that were not played keep what they had."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = {line.split("|")[1].strip(): line for line in old.splitlines() if line.startswith("| ")}
    kept |= {line.row.id: written(line, seed) for line in lines}
    from .rows import ROWS

    body = [kept[row.id] for row in ROWS if row.id in kept]
    table = "\n".join([HEAD, "|---|---|---|---|---|---|---|---|", *body])
    PAGE.write_text(f"{before}{BEGIN}\n{machine()}\n\n{table}\n{END}{after}", encoding="utf-8")


def written(line: Line, seed: int) -> str:
    """One line of the table."""
    outcome = line.outcome
    middle, high = outcome.percentile(0.5), outcome.percentile(0.95)
    times = f"{middle:.2f} / {high:.2f}" if middle is not None and high is not None else "-"
    limit = f" (< {line.row.limit_seconds:g})" if line.row.limit_seconds and high is not None else ""
    notes = "".join(f"; {note}" for note in outcome.notes)
    verdict = "holds" if not outcome.problems else f"**{len(outcome.problems)} problems**"
    cells = [
        line.row.id, line.row.fault + notes, outcome.count, outcome.lost, outcome.repeated, times + limit,
        outcome.orphans, f"{verdict}, seed {seed}",
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def machine() -> str:
    """The class of machine the numbers are of."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured on {os.cpu_count()} shared cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}."
    )
