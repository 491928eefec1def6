"""The command about audit files: write one of a run, check one."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import CommandError
from ..runs.audit.exporting import AuditFile, file_name, save, verify_file
from ..runs.audit.report import render_report
from ..runs.audit.verdict import Verdict
from ..session import Session, get_run
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table

VERIFY = "verify"


def audit(session: Session, arguments: Namespace) -> Outcome:
    """`audit`.

    Raises:
        CommandError: The file to check is not named.
        AuditFailed: A file can't be written or read.
    """
    if arguments.target == VERIFY:
        return checked(session, arguments)
    if arguments.key:
        raise CommandError("--key names a key to trust when a file is checked: audit verify FILE --key FINGERPRINT")
    run = get_run(arguments.target)
    written = run.audit(arguments.path or file_name(run.id), values=arguments.values, html=arguments.html)
    return Outcome(data=data_of(written), shown=written_facts(written))


def data_of(written: AuditFile) -> dict[str, Any]:
    """A written file as JSON."""
    return {
        "path": str(written.path),
        "run": written.run,
        "records": written.records,
        "size_bytes": written.size_bytes,
        "fingerprint": written.fingerprint,
        "report": str(written.report) if written.report else None,
    }


def written_facts(written: AuditFile) -> Facts:
    """A written file."""
    return Facts(
        Cell(f"✓ {written.path}: {written.records} records, {written.size_bytes:,} bytes", "good"),
        [
            ("run", written.run),
            ("report", str(written.report or "")),
            ("signed with", written.fingerprint),
        ],
        note="Who checks it elsewhere: audit verify FILE --key FINGERPRINT, the one above.",
    )


def checked(session: Session, arguments: Namespace) -> Outcome:
    """`audit verify`.

    Raises:
        CommandError: No file is named.
        AuditFailed: It can't be read.
    """
    if not arguments.path:
        raise CommandError("`audit verify` needs the file to check: audit verify FILE")
    verdict = verify_file(arguments.path, session.home.keys, arguments.key)
    if arguments.html:
        save(Path(arguments.html).expanduser(), render_report(verdict.records, checked=verdict).encode())
    return Outcome(data=verdict_data(verdict), shown=verdict_shown(verdict), exit_code=0 if verdict.holds else 1)


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """What is to be said about a file as JSON."""
    data = asdict(verdict)
    problems = [problem._asdict() for problem in verdict.problems]
    kept = {name: value for name, value in data.items() if name != "records"}
    return kept | {
        "holds": verdict.holds,
        "intact": verdict.intact,
        "problems": problems,
        "records": len(verdict.records),
    }


def verdict_shown(verdict: Verdict) -> Shown:
    """What is to be said about a file."""
    if not verdict.intact:
        rows = [[str(problem.record), problem.field, problem.message] for problem in verdict.problems]
        count = "in 1 place" if len(rows) == 1 else f"in {len(rows)} places"
        headline = Facts(Cell(f"✗ the file is not what was signed: it was changed {count}", "bad"))
        return Several([headline, Table(["record", "field", "what"], rows, flexible=["what"], wrapped=("what",))])
    facts = [
        ("signed by", verdict.signed_by),
        ("key", verdict.fingerprint),
        ("trusted", verdict.trusted),
        ("records", str(len(verdict.records))),
        ("people", f"{verdict.acts} acts with good signatures of their own"),
        ("to know", "; ".join(verdict.remarks)),
    ]
    if verdict.trusted:
        return Facts(Cell("✓ the file is as it was signed", "good"), facts)
    unknown = "✗ the file is whole, but signed with a key that is not known here: anybody may have made it"
    hint = "Ask the signer for the key's fingerprint on another way; --key FINGERPRINT trusts it."
    return Facts(Cell(unknown, "bad"), facts, note=hint)
