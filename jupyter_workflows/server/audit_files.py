"""The audit file of a run by REST: written and signed by this server, kept nowhere here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..runs.audit.evidence import ValueMode
from ..runs.audit.exporting import audit_bytes, file_name
from ..runs.audit.report import render_report
from ..runs.audit.verifying import verify
from ..schema import Wire

if TYPE_CHECKING:
    from .operations import Call


class AuditQuery(Wire):
    """Of which execution, and how values stand in it."""

    run_id: str | None = Field(default=None, description="Temporal's id of one execution; by default the newest")
    values: ValueMode = Field(default="full", description="`hashes`: SHA-256 in the place of values")


class AuditAnswer(Wire):
    """An audit file and its report."""

    name: str = Field(description="A name for the file")
    file: str = Field(description="The file, byte for byte: all of it is ASCII")
    report: str = Field(description="HTML without script")
    fingerprint: str = Field(description="SHA-256 of the public key that signed it")


async def audit_run(call: Call) -> Wire:
    """Gives the audit file of a run, signed with this server's key, and a report of it."""
    reader = await call.reader(call.query.run_id)
    data = await audit_bytes(reader, call.query.values)
    verdict = verify(data, {})
    return AuditAnswer(
        name=file_name(reader.workflow_id),
        file=data.decode("ascii"),
        report=render_report(verdict.records, checked=None),
        fingerprint=verdict.fingerprint,
    )
