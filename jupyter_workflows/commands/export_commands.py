"""The command that writes workflows as a package."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from ..export.exporting import Exported, export
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table


def export_package(session: Session, arguments: Namespace) -> Outcome:
    """`export`."""
    del session
    done = export(arguments.names, arguments.path, package=arguments.package, runs=arguments.runs)
    return Outcome(
        data={**asdict(done), "path": str(done.path)}, shown=exported_shown(done), exit_code=0 if done.is_clean else 1
    )


def exported_shown(done: Exported) -> Shown:
    """What was written, and what is left to settle."""
    changes = done.changes
    counts = {
        "new": changes.written,
        "renewed": changes.renewed,
        "removed": changes.removed,
        "kept as you changed them": changes.kept,
    }
    told = ", ".join(f"{len(files)} {words}" for words, files in counts.items() if files) or "nothing has changed"
    headline = Cell(f"✓ {done.name} is in {done.path}", "good") if done.is_clean else conflict_line(done)
    facts = Facts(
        headline,
        [
            ("version", done.build),
            ("files", told),
            ("recorded runs", ", ".join(done.runs)),
            ("to know", "; ".join(done.notes)),
        ],
    )
    rows = [[file, f"your text stays; the new one is in {file}.new"] for file in changes.conflicts]
    rows += [[run, f"left out: {reason}"] for run, reason in done.left_out.items()]
    return Several([facts, Table(["what", "why"], rows, "", flexible=["why"])]) if rows else facts


def conflict_line(done: Exported) -> Cell:
    """Says that somebody has to look."""
    count = len(done.changes.conflicts)
    files = "1 file was" if count == 1 else f"{count} files were"
    return Cell(f"✗ {files} changed by hand and by this export: merge each .new file, then delete it", "bad")
