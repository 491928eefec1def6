"""What a caller may do: start what is published, look at its own runs, decide and cancel; for MCP and REST alike.

Everything but `Calls.access` is awaited on the loop thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import to_json

from ..errors import BadRequest, CallerRefused, RunAlreadyExists, RunNotFound, WorkflowFailed
from ..live.problems import MAX_TEXT
from ..local.server import NAMESPACE
from ..local.starts import Wanted, start
from ..runs import decisions
from ..runs.access import RunAccess, person_of
from ..runs.handle import Run
from ..runs.listing import fetch_infos, read_run
from ..runs.reading import RunReader, Snapshot
from ..runs.untrusted import one_line, printable
from ..runs.values import Values
from ..schema import Approval, Verdict
from ..schema.publishing import Call, CalledRun, CallerToken, CallStatus, OpenQuestion, Published, RunCall
from ..security.rights import CALL, DECIDE, SEE_RUNS, STOP_RUNS, Right
from ..security.workspaces import Person, WorkspacesFile
from ..session import Session
from .published import bundle_of, find_published, list_published

MEMO_KEY = "call"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}-[0-9a-f]{16}")
RUN_LINK = "JUPYTER_WORKFLOWS_RUN_LINK"
Way = Literal["mcp", "rest"]


@dataclass(frozen=True)
class Called:
    """A run of a caller.

    Args:
        run: Its handle.
        call: How it was called.
        is_new: Whether this request started it.
    """

    run: Run[Any]
    call: RunCall
    is_new: bool = False


@dataclass(frozen=True)
class Answer:
    """What a caller says to an approval."""

    verdict: Verdict
    content_hash: str | None = None
    comment: str | None = None
    form: dict[str, Any] | None = None
    value: Any = None
    edited: bool = False


class Calls:
    """Carries out what callers ask.

    Args:
        session: The home, and how its Temporal server is reached.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.home = session.home

    async def person(self, caller: CallerToken, right: Right) -> Person:
        """The caller with the groups that the file of workspaces gives, where there is one.

        Raises:
            NotPermitted: There is a file, and no role in it gives the caller the right.
        """
        file = WorkspacesFile.of_home(self.home.data)
        signed_in = Person(caller.caller, frozenset(caller.groups)) if caller.groups else caller.caller
        person = await asyncio.to_thread(person_of, signed_in, file)
        if workspaces := await asyncio.to_thread(file.read):
            settings = self.session.settings
            workspaces.check(person, settings.namespace if settings else NAMESPACE, right)
            person = workspaces.known(person)
        return person

    async def access(self) -> RunAccess:
        """What runs are reached with; the embedded server may have moved since."""
        client = await asyncio.to_thread(self.session.client)
        return RunAccess.of(client, self.home)

    def tools(self, caller: CallerToken) -> list[Published]:
        """What a caller may call."""
        return [known for known in list_published(self.home) if caller.tools is None or known.tool in caller.tools]

    def tool(self, caller: CallerToken, name: str) -> Published:
        """One thing that a caller may call.

        Raises:
            WorkflowNotFound: There is none of this name.
            CallerRefused: The token is for others.
        """
        if caller.tools is not None and name not in caller.tools:
            raise CallerRefused(f"this token may call {', '.join(caller.tools)} only: ask {caller.made_by} for another")
        return find_published(self.home, name)

    async def start(
        self, caller: CallerToken, tool: str, arguments: Mapping[str, Any], *, way: Way, key: str | None = None
    ) -> Called:
        """Starts a run; with a key, the same key again gives the same run.

        Raises:
            WorkflowNotFound: Nothing is published under this name.
            ArgumentsError: The arguments don't fit.
            RunAlreadyExists: The key was used with other arguments.
        """
        known = self.tool(caller, tool)
        await self.person(caller, CALL)
        if key is not None and not KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key takes 1 to 255 printable ASCII characters")
        call = RunCall(
            tool=known.tool,
            caller=caller.caller,
            token=caller.id,
            way=way,
            nonce=secrets.token_hex(8),
            arguments=hash_of(arguments),
        )
        wanted = Wanted(
            found=await asyncio.to_thread(bundle_of, self.home, known),
            arguments=arguments,
            starter=caller.caller,
            id=f"{known.tool}-{run_digits(caller.caller, known.tool, key)}",
            tool=known.tool,
            memo={MEMO_KEY: call.model_dump(mode="json")},
        )
        access = await self.access()
        run = await start(access, self.home, self.session.settings, wanted)
        if key is None:
            return Called(run, call, is_new=True)
        found = await self.call_of(run.reader)
        if found is None or found.caller != caller.caller or found.arguments != call.arguments:
            raise RunAlreadyExists(
                f"the Idempotency-Key {one_line(key, 40)!r} was used with other arguments, for run {run.id}: "
                "take another key for another call"
            )
        return Called(run, found, is_new=found.nonce == call.nonce)

    async def call_of(self, reader: RunReader) -> RunCall | None:
        """Who called a run; None where nobody did."""
        info = (await reader.describe()).workflow_execution_info
        payload = info.memo.fields.get(MEMO_KEY)
        if payload is None:
            return None
        values = Values(reader.access.client.data_converter)
        await values.prepare([payload])
        try:
            return RunCall.model_validate(values(payload))
        except ValidationError:
            return None

    async def own(self, caller: CallerToken, run_id: str) -> Called:
        """A run that this caller started.

        Raises:
            RunNotFound: There is none; of others' runs nothing is told, not even that they exist.
        """
        if RUN_ID.fullmatch(run_id):
            reader = RunReader(await self.access(), run_id)
            try:
                found = await self.call_of(reader)
            except RunNotFound:
                found = None
            if found is not None and found.caller == caller.caller:
                return Called(Run[Any](reader.access, run_id, reader.run_id), found)
        raise RunNotFound(f"you have started no run {one_line(run_id, 100)!r}")

    async def look(self, caller: CallerToken, called: Called, snapshot: Snapshot | None = None) -> CalledRun:
        """A run as its caller is shown it."""
        person = await self.person(caller, SEE_RUNS)
        seen = snapshot or await called.run.new_reader().snapshot()
        status: CallStatus = "running" if seen.run.status == "continued_as_new" else seen.run.status
        waiting = [self.question(caller, person, called, approval) for approval in seen.open_approvals]
        shown = CalledRun(
            run=called.run.id,
            tool=called.call.tool,
            status="waiting" if waiting and status == "running" else status,
            started_at=seen.run.started_at,
            closed_at=seen.run.closed_at,
            steps_done=sum(step.finished_at is not None for step in seen.steps),
            approvals=waiting,
        )
        if status == "running":
            return shown
        try:
            result = await called.run.outcome()
        except WorkflowFailed as error:
            return shown.model_copy(update={"problem": printable(str(error), MAX_TEXT)})
        return shown.model_copy(update={"result": json_of(result)})

    def question(self, caller: CallerToken, person: Person, called: Called, approval: Approval) -> OpenQuestion:
        """An approval as the caller is shown it."""
        voted = caller.caller.casefold() in {vote.by.casefold() for vote in approval.standing}
        return OpenQuestion(
            id=approval.id,
            message=printable(approval.message, MAX_TEXT),
            assignees=approval.asked,
            can_decide=caller.may_decide and approval.is_for(*person) and not voted,
            opened_at=approval.opened_at,
            due_at=approval.due_at,
            form_schema=approval.form_schema,
            editable=json_of(approval.editable),
            has_editable=approval.has_editable,
            content_hash=approval.content_hash,
            link=link_to(called.run),
        )

    async def decide(self, caller: CallerToken, called: Called, approval: str, answer: Answer) -> CalledRun:
        """Decides an approval as the caller, signed with this home's key.

        Raises:
            CallerRefused: The token doesn't let it decide.
            ApprovalRefused: The decision was not accepted; says why.
        """
        if not caller.may_decide:
            raise CallerRefused(
                f"this token may call but not decide: use `jupyter workflows approve {called.run.id}`, the run's page, "
                f"or a token that {caller.made_by} makes with --decide"
            )
        person = await self.person(caller, DECIDE)
        reader = called.run.new_reader()
        await reader.describe()
        await decisions.decide(
            reader,
            approval,
            answer.verdict,
            reviewer=person,
            comment=answer.comment,
            form=answer.form,
            value=answer.value if answer.edited else None,
            edited=answer.edited,
            content_hash=answer.content_hash,
        )
        return await self.look(caller, called)

    async def cancel(self, caller: CallerToken, called: Called) -> CalledRun:
        """Asks a run to end itself, its open steps first."""
        await self.person(caller, STOP_RUNS)
        await called.run.asked("cancel", lambda handle: handle.cancel())
        return await self.look(caller, called)


def run_digits(caller: str, tool: str, key: str | None) -> str:
    """What the id of a run ends with: of a caller's key always the same, else random."""
    if key is None:
        return secrets.token_hex(8)
    return hashlib.sha256(json.dumps([caller, tool, key]).encode()).hexdigest()[:16]


def hash_of(arguments: Mapping[str, Any]) -> str:
    """SHA-256 of arguments, whatever their order."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()


def json_of(value: Any) -> Any:
    """A value as plain JSON; what JSON has no form for becomes a text that says so."""
    try:
        return json.loads(to_json(value, inf_nan_mode="strings", fallback=lambda odd: f"<{type(odd).__name__}>"))
    except ValueError:
        return json.loads(json.dumps(value, default=lambda odd: f"<{type(odd).__name__}>", skipkeys=True))


def link_to(run: Run[Any]) -> str | None:
    """Where a person decides: by `JUPYTER_WORKFLOWS_RUN_LINK`; Temporal's Web UI can't, so it is no such place."""
    template = os.environ.get(RUN_LINK)
    return template.replace("{id}", quote(run.id, safe="")) if template and "{id}" in template else None


async def list_calls(access: RunAccess, *, tool: str | None = None, limit: int = 100) -> list[Call]:
    """Who called what, the newest first; from Temporal's list of runs.

    Args:
        access: What runs are reached with.
        tool: Only calls of this.
        limit: At most so many.
    """
    query = f"JwTool = '{tool}'" if tool is not None else "JwTool IS NOT NULL"
    infos = await fetch_infos(access, query, limit)
    found: list[Call] = []
    for info in infos:
        run = read_run(info)
        payload = info.search_attributes.indexed_fields["JwTool"]
        found.append(
            Call(
                tool=str(json.loads(payload.data)),
                caller=run.starter or "",
                at=run.started_at,
                run=run.id,
                status=run.status,
                bundle=run.bundle,
            )
        )
    return sorted(found, key=lambda call: call.at, reverse=True)
