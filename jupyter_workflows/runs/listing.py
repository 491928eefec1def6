"""Lists of runs and the inbox: from visibility and memos alone, without a look into any history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest

from ..errors import JupyterWorkflowsError
from ..schema import Approval, Run, RunStatus
from .access import RunAccess, in_our_words
from .history import APPROVAL_MEMO
from .steps import read_approval, time_of
from .values import Values

WORKFLOW_MEMO = "jw:workflow"
PAGE = 200

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


def read_run(info: WorkflowExecutionInfo, values: Values) -> Run:
    """A run as a list shows it."""
    attributes = read_attributes(info.search_attributes.indexed_fields)
    named = info.memo.fields.get(WORKFLOW_MEMO)
    name = values(named) if named is not None else None
    status = status_word(info.status)
    return Run(
        id=info.execution.workflow_id,
        run_id=info.execution.run_id,
        workflow=name if isinstance(name, str) else info.type.name,
        status=status,
        started_at=time_of(info.start_time),
        closed_at=time_of(info.close_time) if info.HasField("close_time") else None,
        bundle=text_or_none(attributes.get("JwBundle")),
        notebook=text_or_none(attributes.get("JwNotebook")),
        starter=text_or_none(attributes.get("JwStarter")),
        open_approvals=whole_number(attributes.get("JwOpenApprovals")) if status == "running" else 0,
        history_events=info.history_length or None,
    )


def read_attributes(fields: Mapping[str, Payload]) -> dict[str, Any]:
    """The values of search attributes, which are always JSON."""
    found: dict[str, Any] = {}
    for key, payload in fields.items():
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
    """The memo's payloads that `read_run` and `read_approvals` read."""
    for key, payload in info.memo.fields.items():
        if key == WORKFLOW_MEMO or key.startswith(APPROVAL_MEMO):
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


def quoted(text: str) -> str:
    """A text as a literal of a visibility query."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def visibility_query(
    *,
    workflow: str | None = None,
    status: str | Iterable[str] | None = None,
    since: datetime | timedelta | None = None,
    notebook: str | None = None,
    bundle: str | None = None,
    id_prefix: str | None = None,
) -> str:
    """The query for the runs with all of the given properties; empty for all runs.

    Raises:
        JupyterWorkflowsError: `status` is no word for a state.
    """
    clauses: list[str] = []
    if workflow is not None:
        clauses.append(f"WorkflowType = {quoted(workflow)}")
    if status is not None:
        words = [status] if isinstance(status, str) else list(status)
        for word in words:
            if word not in QUERY_STATUS:
                known = ", ".join(get_args(RunStatus))
                raise JupyterWorkflowsError(f"{word!r} is no status of a run: use one of {known}")
        clauses.append(f"ExecutionStatus IN ({', '.join(quoted(QUERY_STATUS[word]) for word in words)})")
    if since is not None:
        moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since.astimezone(UTC)
        clauses.append(f"StartTime >= '{moment:%Y-%m-%dT%H:%M:%S.%f}Z'")
    if notebook is not None:
        clauses.append(f"JwNotebook = {quoted(notebook)}")
    if bundle is not None:
        clauses.append(f"JwBundle = {quoted(bundle[:16])}")
    if id_prefix is not None:
        clauses.append(f"WorkflowId STARTS_WITH {quoted(id_prefix)}")
    return " AND ".join(clauses)


async def fetch_infos(access: RunAccess, query: str, limit: int) -> list[WorkflowExecutionInfo]:
    """Up to `limit` runs that fit the query, as the server describes them."""
    found: list[WorkflowExecutionInfo] = []
    token = b""
    while len(found) < limit:
        request = ListWorkflowExecutionsRequest(
            namespace=access.client.namespace,
            query=query,
            page_size=min(PAGE, limit - len(found)),
            next_page_token=token,
        )
        with in_our_words(access):
            answer = await access.client.workflow_service.list_workflow_executions(request, retry=True)
        found.extend(answer.executions)
        token = answer.next_page_token
        if not token:
            break
    return found[:limit]


async def fetch_runs(access: RunAccess, query: str, limit: int) -> list[Run]:
    """Up to `limit` runs that fit the query, newest first."""
    infos = await fetch_infos(access, query, limit)
    values = Values(access.client.data_converter)
    await values.prepare(payload for info in infos for payload in memo_payloads(info))
    return sorted((read_run(info, values) for info in infos), key=lambda run: run.started_at, reverse=True)


async def count_runs(access: RunAccess, query: str) -> int:
    """How many runs fit the query."""
    request = CountWorkflowExecutionsRequest(namespace=access.client.namespace, query=query)
    with in_our_words(access):
        return (await access.client.workflow_service.count_workflow_executions(request, retry=True)).count


async def fetch_inbox(access: RunAccess, *, assignee: str | None, limit: int) -> list[Approval]:
    """Up to `limit` approvals that wait, the longest waiting first."""
    query = "JwOpenApprovals > 0 AND ExecutionStatus = 'Running'"
    infos = await fetch_infos(access, query, limit)
    values = Values(access.client.data_converter)
    await values.prepare(payload for info in infos for payload in memo_payloads(info))
    found = [approval for info in infos for approval in open_approvals(info, values)]
    if assignee is not None:
        wanted = assignee.casefold()
        found = [item for item in found if item.assignee is None or item.assignee.casefold() == wanted]
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
