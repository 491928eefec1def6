"""Lists of runs and the inbox: from visibility and memos alone, without a look into any history."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest
from temporalio.service import RPCError

from ..errors import JupyterWorkflowsError
from ..schema import Approval, Run, RunStatus
from ..security.workspaces import Person
from .access import RunAccess, in_our_words
from .history import APPROVAL_MEMO
from .steps import read_approval, time_of
from .values import Values

PAGE = 200
SAYABLE = re.compile(r"[^'\"`\\\x00-\x1f\x7f]+")

STATUS: dict[int, RunStatus] = {
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING: "running",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED: "completed",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED: "failed",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED: "cancelled",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED: "terminated",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: "continued_as_new",
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: "timed_out",
}
QUERY_STATUS: dict[str, str] = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Canceled",
    "terminated": "Terminated",
    "continued_as_new": "ContinuedAsNew",
    "timed_out": "TimedOut",
}


def status_word(status: int) -> RunStatus:
    """The word for a server's status; a state this version doesn't know, such as paused, is a running one."""
    return STATUS.get(status, "running")


def read_run(info: WorkflowExecutionInfo) -> Run:
    """A run as a list shows it."""
    attributes = attributes_of(info)
    status = status_word(info.status)
    return Run(
        id=info.execution.workflow_id,
        run_id=info.execution.run_id,
        workflow=info.type.name,
        status=status,
        started_at=time_of(info.start_time),
        closed_at=time_of(info.close_time) if info.HasField("close_time") else None,
        # A run that was resumed is pinned to the bundle it goes on with.
        bundle=pinned_bundle(info) or text_or_none(attributes.get("JwBundle")),
        notebook=text_or_none(attributes.get("JwNotebook")),
        starter=text_or_none(attributes.get("JwStarter")),
        open_approvals=whole_number(attributes.get("JwOpenApprovals")) if status == "running" else 0,
        history_events=info.history_length or None,
    )


# Names of the deployments that carry resumed runs, see `worker.deployment_of`.
RESUMING = "jw-"


def pinned_bundle(info: WorkflowExecutionInfo) -> str | None:
    """The bundle a run was resumed on."""
    pinned = info.versioning_info.versioning_override.pinned.version
    return pinned.build_id if pinned.deployment_name.startswith(RESUMING) and pinned.build_id else None


def attributes_of(info: WorkflowExecutionInfo) -> dict[str, Any]:
    """The values of a run's search attributes, which are always JSON."""
    found: dict[str, Any] = {}
    for key, payload in info.search_attributes.indexed_fields.items():
        try:
            found[key] = json.loads(payload.data)
        except ValueError:
            continue
    return found


def text_or_none(value: object) -> str | None:
    """The value where it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def whole_number(value: object) -> int:
    """The value where it is a whole number, else 0."""
    return value if isinstance(value, int) else 0


def memo_payloads(info: WorkflowExecutionInfo) -> Iterable[Payload]:
    """The memo's payloads that `read_approvals` reads."""
    for key, payload in info.memo.fields.items():
        if key.startswith(APPROVAL_MEMO):
            yield payload


def read_approvals(info: WorkflowExecutionInfo, values: Values) -> list[Approval]:
    """All approvals in a run's memo, oldest first, decided ones included."""
    found: list[Approval] = []
    for key, payload in info.memo.fields.items():
        approval = read_approval(values(payload)) if key.startswith(APPROVAL_MEMO) else None
        if approval:
            where = {"workflow_id": info.execution.workflow_id, "run_id": info.execution.run_id}
            found.append(approval.model_copy(update=where))
    return sorted(found, key=lambda approval: (approval.opened_at, approval.id))


def open_approvals(info: WorkflowExecutionInfo, values: Values) -> list[Approval]:
    """The approvals of a run that wait for a decision; a closed run has none."""
    if status_word(info.status) != "running":
        return []
    return [approval for approval in read_approvals(info, values) if approval.status == "open"]


def clause(attribute: str, text: str) -> str:
    """The condition of a visibility query that runs with this text fulfil.

    Temporal's query language can't say every text: measured on server 1.32 with SQLite, a literal with a quote, a
    backslash or a control character finds nothing, or another text. So what comes before such a character is
    asked for, and `Filter` compares the whole text. Nothing is ever escaped.
    """
    sayable = SAYABLE.match(text)
    said = sayable.group() if sayable else ""
    if said == text and text:
        return f"{attribute} = '{text}'"
    return f"{attribute} STARTS_WITH '{said}'" if said else ""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which runs are wanted; a run fits when it has everything that is given.

    Args:
        workflow: Name of the workflow.
        status: A word of `schema.RunStatus`, or several.
        since: Started at or after that time, or not longer ago than that duration.
        notebook: Where the workflow is written.
        bundle: Digest of the bundle, or its first 16 digits.
    """

    workflow: str | None = None
    status: str | Sequence[str] | None = None
    since: datetime | timedelta | None = None
    notebook: str | None = None
    bundle: str | None = None

    @property
    def query(self) -> str:
        """The visibility query that finds at least these runs; empty for all.

        Raises:
            JupyterWorkflowsError: `status` is no word for a state.
        """
        clauses = [clause("WorkflowType", self.workflow) if self.workflow is not None else ""]
        if self.status is not None:
            words = [self.status] if isinstance(self.status, str) else self.status
            clauses.append(f"ExecutionStatus IN ({', '.join(query_status(word) for word in words)})")
        if self.since is not None:
            since = datetime.now(UTC) - self.since if isinstance(self.since, timedelta) else self.since.astimezone(UTC)
            clauses.append(f"StartTime >= '{since:%Y-%m-%dT%H:%M:%S.%f}Z'")
        clauses.append(clause("JwNotebook", self.notebook) if self.notebook is not None else "")
        clauses.append(clause("JwBundle", self.bundle[:16]) if self.bundle is not None else "")
        return " AND ".join(part for part in clauses if part)

    def fits(self, info: WorkflowExecutionInfo) -> bool:
        """Whether a run that the query found has the very texts that were asked for."""
        if self.workflow is not None and info.type.name != self.workflow:
            return False
        return self.notebook is None or attributes_of(info).get("JwNotebook") == self.notebook


def query_status(word: str) -> str:
    """A status as the query language writes it.

    Raises:
        JupyterWorkflowsError: There is no such status.
    """
    if word not in QUERY_STATUS:
        known = ", ".join(get_args(RunStatus))
        raise JupyterWorkflowsError(f"{word!r} is no status of a run: use one of {known}")
    return f"'{QUERY_STATUS[word]}'"


async def fetch_infos(
    access: RunAccess, query: str, limit: int, fits: Callable[[WorkflowExecutionInfo], bool] | None = None
) -> list[WorkflowExecutionInfo]:
    """Up to `limit` runs that the query finds and that fit, as the server describes them."""
    found: list[WorkflowExecutionInfo] = []
    token = b""
    while len(found) < limit:
        request = ListWorkflowExecutionsRequest(
            namespace=access.client.namespace, query=query, page_size=min(PAGE, limit), next_page_token=token
        )
        with in_our_words(access):
            try:
                answer = await access.client.workflow_service.list_workflow_executions(request, retry=True)
            except RPCError as error:
                if "invalid search attribute: Jw" in error.message:
                    # A namespace that lacks our search attributes has never had a run of ours: the first adds them.
                    return []
                raise
        found.extend(info for info in answer.executions if fits is None or fits(info))
        token = answer.next_page_token
        if not token:
            break
    return found[:limit]


async def fetch_runs(access: RunAccess, wanted: Filter, limit: int) -> list[Run]:
    """Up to `limit` runs that fit, newest first."""
    infos = await fetch_infos(access, wanted.query, limit, wanted.fits)
    return sorted(map(read_run, infos), key=lambda run: run.started_at, reverse=True)


async def fetch_forks(access: RunAccess, id: str, branch: str, limit: int = PAGE) -> list[Run]:
    """The runs that were forked from one, newest first: their ids begin with its own."""
    start = f"{id}{branch}"
    if not SAYABLE.fullmatch(start):
        return []
    # A fork's child runs and its own forks begin so, too.
    infos = await fetch_infos(
        access,
        f"WorkflowId STARTS_WITH '{start}'",
        limit,
        lambda info: "/" not in info.execution.workflow_id.removeprefix(start),
    )
    newest: dict[str, Run] = {}
    for run in sorted(map(read_run, infos), key=lambda run: run.started_at):
        newest[run.id] = run
    return list(newest.values())[::-1]


async def count_runs(access: RunAccess, query: str) -> int:
    """How many runs fit the query."""
    request = CountWorkflowExecutionsRequest(namespace=access.client.namespace, query=query)
    with in_our_words(access):
        return (await access.client.workflow_service.count_workflow_executions(request, retry=True)).count


def is_of_interest(approval: Approval, person: Person) -> bool:
    """Whether an approval waits for a person: for a decision, or for an answer to a reviewer's question."""
    name = person.name.casefold()
    voted = name in {vote.by.casefold() for vote in approval.standing}
    if approval.is_for(person.name, person.groups) and not voted:
        return True
    asked = any(question.answer is None for question in approval.questions)
    return asked and (approval.starter or "").casefold() == name


async def fetch_inbox(access: RunAccess, *, assignee: str | None, limit: int) -> list[Approval]:
    """Up to `limit` approvals that wait, the longest waiting first."""
    query = "JwOpenApprovals > 0 AND ExecutionStatus = 'Running'"
    infos = await fetch_infos(access, query, limit)
    values = Values(access.client.data_converter)
    await values.prepare(payload for info in infos for payload in memo_payloads(info))
    found = [approval for info in infos for approval in open_approvals(info, values)]
    if assignee is not None:
        person = access.person(assignee)
        found = [item for item in found if is_of_interest(item, person)]
    return sorted(found, key=lambda approval: approval.opened_at)[:limit]


def since_of(value: object) -> datetime | timedelta | None:
    """`since` as users give it: a datetime, a timedelta, or an ISO 8601 text.

    Raises:
        JupyterWorkflowsError: It is none of them.
    """
    if value is None or isinstance(value, (datetime, timedelta)):
        return value
    try:
        return datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        raise JupyterWorkflowsError(
            f"since={value!r} is no time: give a datetime, a timedelta, or a text such as '2026-11-22T10:00'"
        ) from None
