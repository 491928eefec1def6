"""What was measured, what it had to be, and the page that says so."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Args:
        rounds: How often each thing is done.
        runs: How many runs are "many at once".
    """

    rounds: int = 15
    runs: int = 200


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    Args:
        what: What was done.
        target: The bar, in words.
        values: What was measured, in `unit`.
        limit: The bar, in what `verdict_on` gives; infinite where there is none, and others are only told of.
        unit: `s`, `µs` (the values are seconds all the same), `x`, `MB`, `kB`, `fps`, `/s`, or empty for a count.
        against: The same done by the plain SDK, in the same unit; then the ratio of the medians counts.
        at_least: The ratio must be at least `limit`, not at most.
        share: How many of the values must keep the bar: half of them, which is the median, 0.95 or 0.99.
    """

    what: str
    target: str
    values: Sequence[float]
    limit: float
    unit: str = "s"
    against: Sequence[float] = field(default=())
    at_least: bool = False
    share: float = 0.5

    @property
    def figure(self) -> float:
        """What is compared with the limit."""
        if self.against and self.at_least:
            return statistics.median(self.against) / statistics.median(self.values)
        if self.against:
            return statistics.median(self.values) / statistics.median(self.against)
        return self.counted

    @property
    def counted(self) -> float:
        """Of our values the one that counts."""
        return statistics.median(self.values) if self.share == 0.5 else percentile(self.values, self.share)

    @property
    def holds(self) -> bool:
        """Whether the bar was met."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def line(self) -> str:
        """The measure as a line of a Markdown table."""
        ours = shown(self.counted, self.unit)
        plain = shown(statistics.median(self.against), self.unit) if self.against else ""
        ratio = f"{self.figure:.2f} x" if self.against else ""
        spread = f"{shown(min(self.values), self.unit)} to {shown(max(self.values), self.unit)}, n = {len(self.values)}"
        verdict = "" if math.isinf(self.limit) else "yes" if self.holds else "**no**"
        return f"| {self.what} | {ours} | {plain} | {ratio} | {self.target} | {verdict} | {spread} |"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(value: float, unit: str) -> str:
    """A value with its unit."""
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
    if unit == "µs":
        return f"{value * 1e6:.1f} µs"
    if unit in ("x", "MB", "kB"):
        return f"{value:.2f} {unit}" if unit == "x" else f"{value:.1f} {unit}"
    return f"{value:.0f} {unit}" if unit == "fps" else f"{value:.0f}{unit}"


PAGE = """# Benchmarks

`make bench` measures what a user waits for and writes this page; `make bench ROUNDS=3` is quicker, and
`python -m benchmarks --only PART` measures one part and renews its table (`dashboards`, which makes ten thousand runs
first, only so). What is compared with the plain SDK ran in
the same process against the same server, turn and turn about, with a worker process for each side; the plain SDK has
all its defaults. Times are medians, or the 95th or 99th percentile (p95, p99) where the bar says so. A load above the
number of processors means that other programs took part: then the ratios count, not the times.
"""
HEAD = "| What | Ours | Plain SDK | Ratio | Bar | Met | Spread |\n|---|---|---|---|---|---|---|"


def section(part: str, measures: Sequence[Measure], plan: Plan) -> str:
    """The table of a part."""
    versions = f"temporalio {version('temporalio')}, pydantic {version('pydantic')}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the end"
    how = f"{plan.rounds} rounds; {machine}; {versions}."
    return "\n".join([f"## {part}\n", f"{how}\n", HEAD, *(measure.line() for measure in measures)]) + "\n"


def renewed(page: str, parts: Sequence[str], part: str, table: str) -> str:
    """The page with the table of one part in its place.

    Args:
        page: The page as it is; empty where there is none.
        parts: All parts, in the order of the page.
        part: The one that was measured.
        table: Its section.
    """
    tables = {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in page.split("\n## ")[1:]} | {part: table}
    return "\n".join([PAGE, *(tables[name] for name in parts if name in tables)])
