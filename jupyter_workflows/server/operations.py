"""What scripts and people can ask by REST: each operation with its right, its types and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import RunNotFound
from ..live.feed import head_of
from ..live.messages import ConnectionState, ShownApproval, StepDetails
from ..live.shown import shown_approval, shown_effect, shown_rollback, step_details
from ..local.bundled import find_workflow
from ..local.starts import Wanted, start
from ..notebook.catalog import bundled_workflows
from ..runs import decisions, discussion
from ..runs.access import RunAccess
from ..runs.effects import left
from ..runs.forking.carrying import BRANCH, forked
from ..runs.forking.planning import ForkWish
from ..runs.handle import Run as RunHandle
from ..runs.listing import Filter, fetch_forks, fetch_inbox, fetch_runs
from ..runs.reading import RunReader, Snapshot
from ..runs.resuming.carrying import resumed
from ..runs.rollback import roll_back
from ..runs.untrusted import one_line
from ..schema import Approval, Run, Wire
from ..security.rights import (
    ANSWER,
    DECIDE,
    EXPORT,
    SEE_APPROVALS,
    SEE_RUNS,
    SEE_STATUS,
    SEE_VALUES,
    SEE_WORKFLOWS,
    START_RUNS,
    START_RUNTIME,
    STOP_RUNS,
    Right,
)
from ..security.workspaces import Person
from .audit import Audit
from .audit_files import AuditAnswer, AuditQuery, audit_run
from .exports import ExportAnswer, ExportRequest, export_workflow
from .hub import Hub
from .identity import refuse_another
from .published import PublishedAnswer, get_published
from .requests import (
    MAX_ID,
    AnswerRequest,
    CancelRequest,
    CodecAccess,
    DecisionRequest,
    DelegationRequest,
    EffectsAnswer,
    ForkRequest,
    InboxAnswer,
    InboxQuery,
    KnownWorkflow,
    NoBody,
    NoQuery,
    QuestionRequest,
    ResumeAnswer,
    ResumeRequest,
    RollBackWanted,
    RunAnswer,
    RunQuery,
    RunsAnswer,
    RunsQuery,
    StartRequest,
    StepsAnswer,
    StepsQuery,
    TerminateRequest,
    WorkflowsAnswer,
)
from .scheduled import (
    ScheduleAnswer,
    ScheduleRequest,
    SchedulesAnswer,
    TimesRequest,
    get_schedule,
    get_schedules,
    see_to_schedule,
    set_times,
)
from .status import connection_state
from .tickets import TICKET_SECONDS
from .topic_names import UnknownTopic, is_text


@dataclass(frozen=True)
class Call:
    """One request; on the loop thread.

    Args:
        hub: What reaches runs.
        user: Who asks, as the Jupyter server knows them.
        person: Who that is where they act, with their groups.
        path: The parameters in the path.
        query: The parameters after it.
        body: What was sent.
        audit: Puts on record what was done, from the loop thread.
    """

    hub: Hub
    user: Any
    person: Person
    path: dict[str, str]
    query: Any
    body: Any
    audit: Callable[[Callable[[Audit], None]], None]

    @property
    def reviewer(self) -> str:
        """The name under which its user acts."""
        return self.person.name

    async def access(self, *, start: bool = False) -> RunAccess:
        """What runs are reached with; the embedded runtime is started where it is needed."""
        return await self.hub.backend.reached(start=start)

    async def reader(self, run_id: str | None, *, start: bool = False) -> RunReader:
        """Reads the run of the path.

        Raises:
            RunNotFound: No run can have such an id.
        """
        wanted = self.path["id"]
        if len(wanted) > MAX_ID or not is_text(wanted):
            raise RunNotFound(f"no run has the id {one_line(wanted, 80)!r}: `GET api/runs` lists those there are")
        if run_id is not None and (len(run_id) > MAX_ID or not is_text(run_id)):
            raise RunNotFound(f"no execution has the run id {one_line(run_id, 80)!r}")
        return RunReader(await self.access(start=start), wanted, run_id or "", pinned=bool(run_id))

    async def snapshot(self) -> Snapshot:
        """The run of the path with its steps."""
        return await (await self.reader(self.query.run_id)).snapshot()


async def get_status(call: Call) -> Wire:
    """How the Temporal server and the worker hosts are; starts nothing."""
    return (await connection_state(call.hub.backend, call.hub.budgets)).model_copy(update={"reviewer": call.reviewer})


async def start_runtime(call: Call) -> Wire:
    """Starts the embedded runtime, or connects to the configured server, and waits until it is there."""
    await call.access(start=True)
    return await get_status(call)


async def list_runs(call: Call) -> Wire:
    """The runs that fit all that is given, the newest first."""
    query: RunsQuery = call.query
    wanted = Filter(
        workflow=query.workflow, status=tuple(query.status) or None, since=query.since, notebook=query.notebook
    )
    if not all(is_text(text) for text in (query.workflow or "", query.notebook or "")):
        raise UnknownTopic("a filter holds a character that no name has")
    return RunsAnswer(runs=await fetch_runs(await call.access(), wanted, query.limit))


async def get_run(call: Call) -> Wire:
    """A run with its result or failure and its approvals."""
    snapshot = await call.snapshot()
    approvals = [shown_approval(step.approval) for step in snapshot.steps if step.approval]
    return RunAnswer(head=head_of(snapshot, call.reviewer), approvals=approvals, steps=len(snapshot.steps))


async def list_steps(call: Call) -> Wire:
    """The steps of a run."""
    steps = (await call.snapshot()).steps
    offset, limit = call.query.offset, call.query.limit
    shown = [step_details(step).step for step in steps[offset : offset + limit]]
    return StepsAnswer(steps=shown, offset=offset, total=len(steps))


async def get_step(call: Call) -> Wire:
    """One step in full; its values as bounded text."""
    wanted = call.path["step"]
    for step in (await call.snapshot()).steps:
        if step.id == wanted:
            return step_details(step)
    raise RunNotFound(f"run {one_line(call.path['id'], 80)} has no step {one_line(wanted, 80)!r}")


async def get_inbox(call: Call) -> Wire:
    """The approvals that wait for a decision."""
    found = await fetch_inbox(await call.access(), assignee=call.query.assignee, limit=call.query.limit)
    return InboxAnswer(approvals=[shown_approval(approval) for approval in found], reviewer=call.reviewer)


async def decide(call: Call) -> Wire:
    """Approves or rejects, under the name of the user who asks; the first decision counts."""
    body: DecisionRequest = call.body
    decided = await decisions.decide(
        await reader_for(call),
        call.path["approval"],
        body.verdict,
        reviewer=call.person,
        comment=body.comment,
        form=body.form,
        value=body.value if body.edited else None,
        edited=body.edited,
        content_hash=body.content_hash,
    )
    call.hub.look_again()
    call.audit(lambda audit: audit.decided(decided, body.verdict, call.reviewer, edited=body.edited))
    return shown_approval(decided)


async def reader_for(call: Call) -> RunReader:
    """The reader of the run whose approval the user does something about.

    Raises:
        ApprovalRefused: The user names somebody else.
    """
    refuse_another(call.body.reviewer, call.reviewer)
    return await call.reader(call.body.run_id, start=True)


async def delegate(call: Call) -> Wire:
    """Lets another person decide instead of the user who asks."""
    body: DelegationRequest = call.body
    reader, wanted, who = await reader_for(call), call.path["approval"], who_acts(call)
    done = await discussion.delegate(reader, wanted, body.to, comment=body.comment, who=who)
    return discussed(call, done, "delegation", to=body.to)


async def ask_author(call: Call) -> Wire:
    """Asks whoever started the run something about an approval, and decides nothing."""
    reader, wanted, who = await reader_for(call), call.path["approval"], who_acts(call)
    return discussed(call, await discussion.ask(reader, wanted, call.body.text, who=who), "question")


async def answer_question(call: Call) -> Wire:
    """Answers a reviewer's question."""
    body: AnswerRequest = call.body
    reader, wanted, who = await reader_for(call), call.path["approval"], who_acts(call)
    done = await discussion.answer(reader, wanted, body.text, question=body.question, who=who)
    return discussed(call, done, "answer")


def who_acts(call: Call) -> discussion.Who:
    """The user, and what the user was shown."""
    return discussion.Who(call.person, call.body.content_hash)


def discussed(call: Call, approval: Approval, act: str, *, to: str | None = None) -> ShownApproval:
    """Puts on record that something was said about an approval, and shows it."""
    call.hub.look_again()
    call.audit(lambda audit: audit.discussed(approval, act, call.reviewer, to=to))
    return shown_approval(approval)


async def cancel(call: Call) -> Wire:
    """Asks a run to end itself, its open steps first."""
    return await stopped(call, "cancel", lambda handle: handle.cancel())


async def terminate(call: Call) -> Wire:
    """Ends a run at once; its code gets no chance to clean up."""
    reason = call.body.reason or None
    return await stopped(call, "terminate", lambda handle: handle.terminate(reason=reason))


async def list_effects(call: Call) -> Wire:
    """What the steps of a run did, and whether it is undone, can be, or can't: to be read before a rollback."""
    snapshot = await call.snapshot()
    return EffectsAnswer(
        effects=[shown_effect(effect) for effect in snapshot.effects],
        left=len(left(snapshot.effects)),
        rollback=shown_rollback(snapshot.rollback),
    )


async def undo(call: Call) -> Wire:
    """Has what a run did undone, the last first; gives the run that does it: itself, or one of its own."""
    reader = await call.reader(call.body.run_id, start=True)
    found, run_id = await roll_back(reader, by=call.reviewer, reason=call.body.reason)
    call.hub.look_again()
    call.audit(lambda audit: audit.stopped(reader.workflow_id, call.reviewer, "roll_back"))
    return await RunReader(reader.access, found, run_id).run()


async def resume_run(call: Call) -> Wire:
    """Has a run go on with the newest bundle of its workflow, or tells what that would do."""
    reader = await call.reader(call.body.run_id, start=True)
    found, run_id = await resumed(reader, call.body.from_step, only_plan=call.body.plan, seen=call.body.run_id or "")
    if run_id:
        call.hub.look_again()
        call.audit(lambda audit: audit.resumed(reader.workflow_id, run_id, call.reviewer))
    run = await RunReader(reader.access, reader.workflow_id, run_id or reader.run_id).run()
    return ResumeAnswer(run=run, plan=found)


async def fork_run(call: Call) -> Wire:
    """Runs another branch beside a run on the newest bundle of its workflow, or tells what that would do."""
    reader = await call.reader(call.body.run_id, start=True)
    wish = ForkWish(from_step=call.body.from_step, changes=call.body.changes, results=call.body.results)
    plan, ids = await forked(reader, wish, only_plan=call.body.plan, by=call.reviewer)
    if ids is None:
        return ResumeAnswer(run=await reader.run(), plan=plan)
    call.hub.look_again()
    call.audit(lambda audit: audit.resumed(*ids, call.reviewer))
    return ResumeAnswer(run=await RunReader(reader.access, *ids).run(), plan=plan)


async def list_forks(call: Call) -> Wire:
    """The runs that were forked from one, the newest first."""
    reader = await call.reader(None)
    await reader.describe()
    return RunsAnswer(runs=await fetch_forks(reader.access, reader.workflow_id, BRANCH))


async def stopped(call: Call, how: Literal["cancel", "terminate"], ask: Callable[[Any], Awaitable[None]]) -> Run:
    """Ends a run one way or the other, and gives it as it then is."""
    reader = await call.reader(call.body.run_id)
    handle = RunHandle[Any](reader.access, reader.workflow_id, reader.run_id, pinned=reader.pinned)
    await handle.asked(how, ask)
    call.hub.look_again()
    run = await handle.reader.run()
    call.audit(lambda audit: audit.stopped(run.id, call.reviewer, how))
    return run


async def list_workflows(call: Call) -> Wire:
    """The workflows that can be started here."""

    def read() -> dict[str, KnownWorkflow]:
        found: dict[str, KnownWorkflow] = {}
        for each in bundled_workflows(call.hub.home.bundles):
            known = KnownWorkflow(workflow=each.workflow, digest=each.manifest.digest, package=each.manifest.package)
            found.setdefault(each.workflow.name, known)
        return found

    return WorkflowsAnswer(workflows=list((await asyncio.to_thread(read)).values()))


async def start_run(call: Call) -> Wire:
    """Starts a run by arguments, without a kernel; with an id, the same id again gives the same run."""
    body: StartRequest = call.body
    if body.id is not None and not is_text(body.id):
        raise UnknownTopic("the id holds a character that no id has")
    bundles = call.hub.home.bundles
    found = await asyncio.to_thread(find_workflow, bundles, call.path["name"], body.digest or "")
    access = await call.access(start=True)
    wanted = Wanted(found=found, arguments=body.arguments, starter=call.reviewer, id=body.id)
    handle = await start(access, call.hub.home, call.hub.backend.settings, wanted)
    call.hub.look_again()
    run = await handle.reader.run()
    call.audit(lambda audit: audit.started(run, call.reviewer))
    return run


async def open_codec(call: Call) -> Wire:
    """Gives a codec endpoint for Temporal's own tools, which sees values as the user who asks."""
    encrypted = (await call.access()).client.data_converter.payload_codec is not None
    ticket = call.hub.tickets.issue(call.user, call.reviewer)
    return CodecAccess(path=f"codec/{ticket}", seconds=TICKET_SECONDS, encrypted=encrypted)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked.

    Args:
        method: Of HTTP.
        path: Below `jupyter-workflows/`, with `{name}` for parameters.
        right: What its user must have.
        call: What is done; its docstring describes it.
        answer: The type of the answer.
        query: The type of the parameters.
        body: The type of what is sent; None for `GET`.
        status: Of a success.
    """

    method: Literal["GET", "POST"]
    path: str
    right: Right
    call: Callable[[Call], Awaitable[Wire]]
    answer: type[Wire]
    query: type[Wire] = NoQuery
    body: type[Wire] | None = None
    status: int = 200


OPERATIONS = (
    Operation("GET", "api/status", SEE_STATUS, get_status, ConnectionState),
    Operation("POST", "api/runtime/start", START_RUNTIME, start_runtime, ConnectionState, body=NoBody),
    Operation("GET", "api/runs", SEE_RUNS, list_runs, RunsAnswer, RunsQuery),
    Operation("GET", "api/runs/{id}", SEE_RUNS, get_run, RunAnswer, RunQuery),
    Operation("GET", "api/runs/{id}/steps", SEE_RUNS, list_steps, StepsAnswer, StepsQuery),
    Operation("GET", "api/runs/{id}/steps/{step}", SEE_RUNS, get_step, StepDetails, RunQuery),
    Operation("POST", "api/runs/{id}/cancel", STOP_RUNS, cancel, Run, body=CancelRequest),
    Operation("POST", "api/runs/{id}/terminate", STOP_RUNS, terminate, Run, body=TerminateRequest),
    Operation("POST", "api/runs/{id}/resume", START_RUNS, resume_run, ResumeAnswer, body=ResumeRequest),
    Operation("POST", "api/runs/{id}/fork", START_RUNS, fork_run, ResumeAnswer, body=ForkRequest),
    Operation("GET", "api/runs/{id}/forks", SEE_RUNS, list_forks, RunsAnswer),
    Operation("GET", "api/runs/{id}/effects", SEE_RUNS, list_effects, EffectsAnswer, RunQuery),
    Operation("POST", "api/runs/{id}/rollback", STOP_RUNS, undo, Run, body=RollBackWanted),
    Operation("GET", "api/runs/{id}/audit", SEE_VALUES, audit_run, AuditAnswer, AuditQuery),
    Operation("GET", "api/inbox", SEE_APPROVALS, get_inbox, InboxAnswer, InboxQuery),
    Operation(
        *("POST", "api/runs/{id}/approvals/{approval}/decision", DECIDE, decide, ShownApproval),
        body=DecisionRequest,
    ),
    Operation(
        *("POST", "api/runs/{id}/approvals/{approval}/delegation", DECIDE, delegate, ShownApproval),
        body=DelegationRequest,
    ),
    Operation(
        *("POST", "api/runs/{id}/approvals/{approval}/question", DECIDE, ask_author, ShownApproval),
        body=QuestionRequest,
    ),
    Operation(
        *("POST", "api/runs/{id}/approvals/{approval}/answer", ANSWER, answer_question, ShownApproval),
        body=AnswerRequest,
    ),
    Operation("POST", "api/codec", SEE_VALUES, open_codec, CodecAccess, body=NoBody),
    Operation("GET", "api/workflows", SEE_WORKFLOWS, list_workflows, WorkflowsAnswer),
    Operation("GET", "api/published", SEE_WORKFLOWS, get_published, PublishedAnswer),
    Operation("GET", "api/schedules", SEE_RUNS, get_schedules, SchedulesAnswer),
    Operation("GET", "api/schedules/{id}", SEE_RUNS, get_schedule, ScheduleAnswer),
    Operation("POST", "api/schedules/{id}/times", START_RUNS, set_times, ScheduleAnswer, body=TimesRequest),
    Operation(
        *("POST", "api/schedules/{id}/{action}", START_RUNS, see_to_schedule, ScheduleAnswer),
        body=ScheduleRequest,
    ),
    Operation("POST", "api/workflows/{name}/export", EXPORT, export_workflow, ExportAnswer, body=ExportRequest),
    Operation("POST", "api/workflows/{name}/runs", START_RUNS, start_run, Run, body=StartRequest, status=201),
)
