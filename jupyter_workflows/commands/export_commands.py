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
    done = export(
        arguments.names,
        arguments.path,
        package=arguments.package,
        target=arguments.target,
        runs=arguments.runs,
        prove=False if arguments.no_prove else None,
        safe=arguments.safe or (),
    )
    data = {**asdict(done), "path": str(done.path), "proof": done.proof.data() if done.proof else None}
    return Outcome(data=data, shown=exported_shown(done), exit_code=0 if done.is_clean else 1)


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
    headline = conflict_line(done) if changes.conflicts else Cell(f"✓ {done.name} is in {done.path}", "good")
    facts = Facts(
        headline,
        [
            ("version", done.build),
            ("files", told),
            ("recorded runs", ", ".join(done.runs)),
            ("proof", proof_line(done)),
            ("to know", "; ".join(done.notes)),
        ],
    )
    rows = [[file, f"your text stays; the new one is in {file}.new"] for file in changes.conflicts]
    rows += [[run, f"left out: {reason}"] for run, reason in done.left_out.items()]
    return Several([facts, Table(["what", "why"], rows, "", flexible=["why"])]) if rows else facts


def proof_line(done: Exported) -> str:
    """What was shown about the package."""
    if done.proof is None:
        return "not made"
    if done.proof.holds:
        return f"holds: installed in a clean environment, {done.proof.tests}; see PROOF.md"
    return "does not hold: " + "; ".join(done.proof.problems)


def conflict_line(done: Exported) -> Cell:
    """Says that somebody has to look."""
    count = len(done.changes.conflicts)
    files = "1 file was" if count == 1 else f"{count} files were"
    return Cell(f"✗ {files} changed by hand and by this export: merge each .new file, then delete it", "bad")
