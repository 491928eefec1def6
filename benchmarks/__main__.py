"""Measures what a user waits for, prints it and writes `docs/benchmarks.md`: `python -m benchmarks [--rounds N]`."""

from __future__ import annotations

import argparse
import compileall
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    dashboards,
    durable_cells,
    engine,
    live_view,
    notebooks,
    overheads,
    peers,
    recovery,
    resume,
    stream,
    tokens,
)
from benchmarks.measures import Plan, renewed, section

ROOT = Path(__file__).parents[1]
PARTS = {
    "engine": engine.measure,
    "overheads": overheads.measure,
    "notebooks": notebooks.measure,
    "durable-cells": durable_cells.measure,
    "recovery": recovery.measure,
    "resume": resume.measure,
    "resume-peers": peers.measure,
    "stream": stream.measure,
    "tokens": tokens.measure,
    "live-view": live_view.measure,
    "dashboards": dashboards.measure,
}
# Making ten thousand runs takes minutes; other tools are downloaded.
ONLY_WHEN_ASKED = {"dashboards", "resume-peers"}
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Runs what was asked for; the exit code tells whether every bar was met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each thing is measured (default: 15)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; the others stay as they are")
    parser.add_argument("--runs", type=int, default=200, help="how many runs are many at once (default: 200)")
    options = parser.parse_args()
    plan = Plan(options.rounds, options.runs)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is ended that was begun
    # An installed package is compiled; a tree whose files were just changed need not be.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(ROOT / "jupyter_workflows", quiet=2)
    held = True
    with tempfile.TemporaryDirectory(prefix="jw-bench-") as root:
        for part in options.only or [part for part in PARTS if part not in ONLY_WHEN_ASKED]:
            with notebooks.scratch(Path(root) / part) as folder:
                found = PARTS[part](folder, plan)
            print(*(measure.line() for measure in found), sep="\n", flush=True)
            held = held and all(measure.holds for measure in found)
            known = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            PAGE.write_text(renewed(known, list(PARTS), part, section(part, found, plan)), encoding="utf-8")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
