"""The executions of a run, from the first that is still kept to the one asked for, as entries of an audit file."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

from temporalio.api.history.v1 import HistoryEvent

from ...errors import AuditFailed, RunNotFound
from ...schema import Manifest, Run, Usage
from ...security.canonical import digest
from ...security.identity import TRUSTED, public_keys
from ..access import RunAccess, in_our_words
from ..history import Reduction
from ..listing import read_run
from ..reading import RunReader
from .acts import KEYS
from .chain import FORMAT, Entry
from .entries import Told, dumped
from .evidence import Evidence, ValueMode

MOST_EXECUTIONS = 1_000
MOST_SOURCE_BYTES = 16 * 1024 * 1024


@dataclass
class Execution:
    """One execution of a run: what the server says of it, and its events."""

    run: Run
    events: list[HistoryEvent]
    reduction: Reduction

    @property
    def before(self) -> str:
        """The execution that this one goes on from."""
        started = self.events[0].workflow_execution_started_event_attributes
        return self.reduction.resumed.run_id if self.reduction.resumed else started.continued_execution_run_id


async def collected(reader: RunReader, mode: ValueMode) -> list[Entry]:
    """What an audit file of a run holds; of what the server still keeps.

    Raises:
        RunNotFound: There is no such run.
        EncryptionFailed: A key is missing.
        AuditFailed: The run has too many executions.
    """
    access = reader.access
    await reader.describe()
    executions, missing = await lineage(access, reader.workflow_id, reader.run_id)
    evidence = Evidence(access.client.data_converter, mode)
    entries: list[Entry] = []
    used: set[str] = set()
    usage = Usage()
    if missing:
        why = "the server keeps it no longer: what it did is told by the next one, as far as that goes on from it"
        entries.append(("execution", {"run_id": missing, "missing": why}))
    known = "" if missing else None
    for execution in executions:
        told = Told(execution.run, execution.events, execution.reduction, evidence, manifest_of(access, execution))
        entries += await told.entries(in_full=known != execution.before)
        entries += await effects(access, execution)
        known = execution.run.run_id
        used |= told.key_ids
        usage += told.usage
    digests = dict.fromkeys(execution.run.bundle for execution in executions)
    code = [await asyncio.to_thread(code_entry, access, digest) for digest in digests if digest]
    newest = executions[-1].run
    head = {
        "erased_with_keys": sorted(evidence.erased),
        "executions": [execution.run.run_id for execution in executions],
        "format": FORMAT,
        "namespace": access.client.namespace,
        "run": newest.id,
        "status": newest.status,
        "usage": dumped(usage),
        "values": mode,
        "workflow": newest.workflow,
    }
    return [("audit", head), *code, key_entry(access, used), *entries]


async def lineage(access: RunAccess, workflow_id: str, run_id: str) -> tuple[list[Execution], str]:
    """An execution and those before it, the oldest first, and the one before them that is no longer there.

    Raises:
        RunNotFound: The execution is not there.
        AuditFailed: There are too many.
    """
    found = [await read_execution(access, workflow_id, run_id)]
    while before := found[0].before:
        if len(found) >= MOST_EXECUTIONS:
            raise AuditFailed(
                f"run {workflow_id} has more than {MOST_EXECUTIONS:,} executions: name one of the earlier ones by "
                "get_run(id, run_id=...) to write the record up to there"
            )
        try:
            found.insert(0, await read_execution(access, workflow_id, before))
        except RunNotFound:
            return found, before
    return found, ""


async def read_execution(access: RunAccess, workflow_id: str, run_id: str) -> Execution:
    """One execution as it is now.

    Raises:
        RunNotFound: It is not there.
    """
    # A reader of its own: what a view saw of attempts in between is not in history.
    reader = RunReader(access, workflow_id, run_id, pinned=True)
    answer = await reader.describe_execution(run_id)
    with in_our_words(access, workflow_id):
        handle = access.client.get_workflow_handle(workflow_id, run_id=run_id)
        history = await handle.fetch_history()
    reduction = Reduction(workflow_id, run_id)
    for event in history.events:
        reduction.apply(event)
    if reduction.closing is None:
        reduction.observe(answer.pending_activities)
    run = read_run(answer.workflow_execution_info)
    if reduction.closing is not None:
        closing = reduction.closing
        run = run.model_copy(update={"status": closing.status, "closed_at": closing.at, "open_approvals": 0})
    return Execution(run, list(history.events), reduction)


def manifest_of(access: RunAccess, execution: Execution) -> Manifest | None:
    """The manifest of the code an execution runs on, where it is at hand."""
    return access.manifest_of(execution.run.bundle) if execution.run.bundle else None


async def effects(access: RunAccess, execution: Execution) -> list[Entry]:
    """What became of the effects of an execution's steps, in it and in runs that undo it."""
    if not (execution.reduction.has_effects or execution.reduction.rollback):
        return []
    reader = RunReader(access, execution.run.id, execution.run.run_id, pinned=True)
    snapshot = await reader.snapshot()
    told = [dumped(effect) for effect in snapshot.effects]
    return [("effects", {"effects": told, "run_id": execution.run.run_id})] if told else []


def code_entry(access: RunAccess, bundle: str) -> Entry:
    """The code of a bundle: the digest that names it, its files, the cells they came from, what it imports."""
    manifest = access.manifest_of(bundle)
    if manifest is None or access.bundles is None:
        return "code", {"bundle": bundle, "missing": "this bundle is not on the machine where the file was written"}
    root = access.bundles / manifest.package
    files: dict[str, Any] = {}
    room = MOST_SOURCE_BYTES
    for path in sorted(root.rglob("*.py")):
        data = path.read_bytes()
        room -= len(data)
        text = {"source": data.decode("utf-8", "replace")} if room >= 0 else {"left_out": "the sources are too long"}
        files[path.relative_to(root).as_posix()] = {"sha256": digest(data), **text}
    cells = [
        {"end_line": part.end_line, "file": f"{part.module}.py", "name": part.name, "start_line": part.start_line}
        for part in manifest.segments
    ]
    return "code", {
        "activities": sorted(activity.name for activity in manifest.activities),
        "behaviour_digest": manifest.behaviour_digest,
        "bundle": bundle,
        "captured": dict(manifest.captured),
        "cells": cells,
        "digest": manifest.digest,
        "files": files,
        "packages": dict(manifest.distributions),
        "python": manifest.python,
        "workflows": sorted(workflow.name for workflow in manifest.workflows),
    }


def key_entry(access: RunAccess, used: set[str]) -> Entry:
    """The public keys of those who signed something in the file, as far as they are known here."""
    known = public_keys(access.keys / TRUSTED) if access.keys else {}
    return KEYS, {"public": {name: base64.b64encode(known[name]).decode() for name in sorted(used) if name in known}}
