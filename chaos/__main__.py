"""`python -m chaos`: play rows, tell what broke, write the table."""

from __future__ import annotations

import argparse
import random
import sys
import time

from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security import keyrings

from .collector import sink
from .report import Line, write_page
from .rows import ROWS
from .rows.plan import Row
from .stage import stage
from .verdicts import Outcome


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rows", default=",".join(row.id for row in ROWS), help="row numbers, with commas between")
    parser.add_argument("--count", type=int, help="how many faults, instead of each row's own number")
    parser.add_argument("--seed", type=int, help="the schedule of faults; a new one by default")
    parser.add_argument("--tenth", action="store_true", help="a tenth of the first counts, as in CI; writes no table")
    parser.add_argument("--full", action="store_true", help="the counts of a release")
    parser.add_argument("--encryption", action="store_true", help="with all values encrypted; writes no table")
    parser.add_argument("--telemetry", action="store_true", help="with telemetry sent to a collector; writes no table")
    parser.add_argument("--no-table", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


def count_of(row: Row, asked: argparse.Namespace) -> int:
    """How many faults a row is to throw."""
    if asked.count:
        return asked.count
    if asked.tenth:
        return -(-row.first // 10)
    return row.full if asked.full else row.first


def play(row: Row, count: int, seed: int, *, encryption: bool = False, telemetry: bool = False) -> Outcome:
    """Play one row on a stage of its own and print what came of it."""
    began = time.monotonic()
    with stage(seed) as found:
        if encryption:
            keyrings.turn_on(found.home.keys, NAMESPACE)
        if telemetry:
            found.variables |= sink(found)
        outcome = row.run(found, count)
    high = outcome.percentile(0.95)
    times = f", p95 {high:.2f} s" if high is not None else ""
    verdict = "holds" if not outcome.problems else "BROKEN"
    print(
        f"row {row.id}: {verdict} after {outcome.count} faults in {time.monotonic() - began:.0f} s: "
        f"{outcome.lost} lost, {outcome.repeated} run again, {outcome.orphans} orphans{times} (seed {seed})",
        flush=True,
    )
    for problem in outcome.problems:
        print(f"  {problem}", flush=True)
    if outcome.problems:
        print(f"  again: python -m chaos --rows {row.id} --count {count} --seed {seed}", flush=True)
    return outcome


def main() -> int:
    """Play the rows that were asked for."""
    asked = arguments()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10_000)
    wanted = [word.strip().upper() for word in asked.rows.split(",")]
    unknown = set(wanted) - {row.id for row in ROWS}
    if unknown:
        print(f"no rows {', '.join(sorted(unknown))}; there are {', '.join(row.id for row in ROWS)}", file=sys.stderr)
        return 2
    lines = [
        Line(row, play(row, count_of(row, asked), seed, encryption=asked.encryption, telemetry=asked.telemetry))
        for row in ROWS
        if row.id in wanted
    ]
    if not (asked.tenth or asked.count or asked.no_table or asked.encryption or asked.telemetry):
        write_page(lines, seed)
    return 1 if any(line.outcome.problems for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
