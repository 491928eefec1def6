"""Start runs, find them again, list them, and see which approvals wait.

A worker imports this too: what reads histories and shows runs is imported by whoever does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    VersioningOverride,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.starter import FORK_MEMO
from ..authoring.starter import MEMO_KEY as STARTER_MEMO
from ..connection import loop_thread
from ..errors import ConnectionFailed, RunAlreadyExists
from ..schema import SignedStart
from ..security import identity
from ..security.canonical import canonical, digest
from .access import RunAccess, RunPlaces, translated

if TYPE_CHECKING:
    from .handle import Run
    from .lists import Inbox, RunList

IfExists = Literal["raise", "attach", "restart"]

SEARCH_ATTRIBUTES = {
    "JwBundle": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "JwNotebook": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "JwStarter": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "JwOpenApprovals": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "JwTool": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What to start.

    Args:
        workflow: The workflow's name, as its worker registers it.
        task_queue: The queue its worker polls.
        args: The arguments, in the order of the signature.
        id: The run's id; by default a new one is made from the name.
        if_exists: What to do when the id is taken.
        bundle: Digest of the bundle; its first 16 digits are kept.
        notebook: Where the workflow is written.
        starter: Who starts it.
        timeout: Bounds the run, waits for people included.
        summary: A short text for Temporal's own UI.
        memo: What else the run's memo says from the start.
        version: The version of a worker deployment that the run stays with.
        signal: Name and value of a signal that the run begins with; then its id is to be a new one.
        tool: The published name under which it is called.
    """

    workflow: str
    task_queue: str
    args: Sequence[Any] = ()
    id: str | None = None
    if_exists: IfExists = "raise"
    bundle: str | None = None
    notebook: str | None = None
    starter: str | None = None
    timeout: timedelta | None = None
    summary: str | None = None
    memo: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: VersioningOverride | None = None
    signal: tuple[str, Any] | None = None
    tool: str | None = None


def start_run(
    client: Client, request: StartRequest, *, home: RunPlaces | None = None, result_type: Any = None
) -> Run[Any]:
    """Starts a run and gives its handle at once.

    Args:
        client: A connected client.
        request: What to start.
        home: Where the reviewer key and the bundles are.
        result_type: What the result is read as; plain JSON without one.

    Raises:
        RunAlreadyExists: The id is taken, and `if_exists` is `"raise"`.
        ConnectionFailed: The server is out of reach, or can't take our search attributes.
    """
    return loop_thread().run(starting(RunAccess.of(client, home), request, result_type))


async def starting(access: RunAccess, request: StartRequest, result_type: Any = None) -> Run[Any]:
    """Starts a run; to be awaited on the loop thread."""
    name = request.id or f"{request.workflow}-{secrets.token_hex(4)}"
    try:
        run_id = await send_start(access, request, name)
    except WorkflowAlreadyStartedError as error:
        if request.if_exists != "attach":
            raise await taken(access, name) from None
        run_id = error.run_id or ""
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT or "search attribute" not in error.message.lower():
            raise translated(error, access, "") from None
        await register_search_attributes(access)
        run_id = await start_again(access, request, name)
    from .handle import Run

    return Run(access, name, run_id, result_type=result_type)


async def start_again(access: RunAccess, request: StartRequest, name: str) -> str:
    """The second try, after the search attributes were registered."""
    for attempt in range(20):
        try:
            return await send_start(access, request, name)
        except RPCError as error:
            if attempt == 19 or error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise translated(error, access, "") from None
        # A server knows new search attributes after about 0.3 s.
        await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def send_start(access: RunAccess, request: StartRequest, id: str) -> str:
    """Sends the start to the server and gives Temporal's run id."""
    reuse, conflict = {
        "raise": (WorkflowIDReusePolicy.REJECT_DUPLICATE, WorkflowIDConflictPolicy.FAIL),
        "attach": (WorkflowIDReusePolicy.REJECT_DUPLICATE, WorkflowIDConflictPolicy.USE_EXISTING),
        "restart": (WorkflowIDReusePolicy.ALLOW_DUPLICATE, WorkflowIDConflictPolicy.TERMINATE_EXISTING),
    }[request.if_exists]
    if request.signal is not None:
        # The server starts and signals at once only so.
        conflict = WorkflowIDConflictPolicy.USE_EXISTING
    handle = await access.client.start_workflow(
        request.workflow,
        args=list(request.args),
        id=id,
        task_queue=request.task_queue,
        execution_timeout=request.timeout,
        id_reuse_policy=reuse,
        id_conflict_policy=conflict,
        search_attributes=search_attributes(request),
        memo={**request.memo, **started_by(access, request, id)} or None,
        static_summary=request.summary,
        versioning_override=request.version,
        start_signal=request.signal[0] if request.signal else None,
        start_signal_args=[request.signal[1]] if request.signal else [],
    )
    return handle.result_run_id or ""


def started_by(access: RunAccess, request: StartRequest, id: str) -> dict[str, Any]:
    """Who starts the run, signed, for its memo; empty where no key or nobody's name is at hand.

    Raises:
        ApprovalRefused: The user's key can't be used.
    """
    if access.keys is None or request.starter is None:
        return {}
    statement = SignedStart(
        workflow_id=id,
        workflow=request.workflow,
        starter=request.starter,
        forked=digest(canonical(request.memo[FORK_MEMO])) if FORK_MEMO in request.memo else "",
        issued_at=datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )
    signed = identity.sign(statement, identity.ensure_key(access.keys))
    return {STARTER_MEMO: signed.model_dump(mode="json")}


def search_attributes(request: StartRequest) -> TypedSearchAttributes:
    """What lists filter by."""
    texts = {
        "JwBundle": (request.bundle or "")[:16],
        "JwNotebook": request.notebook,
        "JwStarter": request.starter,
        "JwTool": request.tool,
    }
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(SearchAttributeKey.for_keyword(name), text) for name, text in texts.items() if text
    ]
    pairs.append(SearchAttributePair(SearchAttributeKey.for_int("JwOpenApprovals"), 0))
    return TypedSearchAttributes(pairs)


async def taken(access: RunAccess, id: str) -> RunAlreadyExists:
    """Says which run has the id."""
    from .reading import RunReader
    from .text import status_words

    run = await RunReader(access, id).run()
    return RunAlreadyExists(
        f"a run with the id {id!r} exists, {status_words(run.status)}, started {run.started_at:%Y-%m-%d %H:%M} UTC: "
        'take another id, or say if_exists="attach" to take that run or "restart" to begin anew'
    )


async def register_search_attributes(access: RunAccess) -> None:
    """Makes our search attributes known to a server that is not ours.

    Raises:
        ConnectionFailed: We may not; names the command an operator can use.
    """
    request = AddSearchAttributesRequest(namespace=access.client.namespace, search_attributes=SEARCH_ATTRIBUTES)
    try:
        await access.client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return
        flags = " ".join(
            f"--name {name} --type {'Int' if name == 'JwOpenApprovals' else 'Keyword'}" for name in SEARCH_ATTRIBUTES
        )
        raise ConnectionFailed(
            f"the namespace {access.client.namespace} at {access.address} lacks search attributes and does not let us "
            f"add them ({error.message}): ask its operator for "
            f"`temporal operator search-attribute create --namespace {access.client.namespace} {flags}`"
        ) from None


def get_run(
    client: Client, id: str, *, run_id: str | None = None, home: RunPlaces | None = None, result_type: Any = None
) -> Run[Any]:
    """The handle of a run there is.

    Args:
        client: A connected client.
        id: The run's id.
        run_id: Temporal's id of one execution of it, to stay with that one; by default the newest is followed.
        home: Where the reviewer key and the bundles are.
        result_type: What the result is read as; plain JSON without one.

    Raises:
        RunNotFound: There is no such run.
        ConnectionFailed: The server is out of reach.
    """
    from .handle import Run

    access = RunAccess.of(client, home)
    run = Run[Any](access, id, run_id or "", result_type=result_type, pinned=run_id is not None)
    loop_thread().run(run.reader.describe())
    return run


def list_runs(
    client: Client,
    *,
    workflow: Any = None,
    status: str | Iterable[str] | None = None,
    since: datetime | timedelta | str | None = None,
    notebook: str | None = None,
    limit: int = 100,
    home: RunPlaces | None = None,
) -> RunList:
    """The runs that fit all that is given, newest first; one call for each 200 of them.

    Args:
        client: A connected client.
        workflow: The workflow, or its name.
        status: A word of `schema.RunStatus`, or several.
        since: Started at or after that time, or not longer ago than that duration.
        notebook: Where the workflow is written.
        limit: At most so many.
        home: Where the reviewer key and the bundles are.

    Raises:
        JupyterWorkflowsError: A filter makes no sense.
        ConnectionFailed: The server is out of reach.
    """
    from .handle import Run
    from .listing import Filter, fetch_runs, since_of
    from .lists import ListSource, RunList

    access = RunAccess.of(client, home)
    name = cast("str | None", getattr(workflow, "name", workflow))
    states = status if status is None or isinstance(status, str) else tuple(status)
    wanted = Filter(workflow=name, status=states, since=since_of(since), notebook=notebook)
    records = loop_thread().run(fetch_runs(access, wanted, limit))
    source = ListSource(access, limit, wanted)
    return RunList([Run[Any](access, record.id, record.run_id) for record in records], records, source)


def count(client: Client, *, status: str | None = None, bundle: str | None = None) -> int:
    """How many runs there are with a status, on a bundle, or at all."""
    from .listing import Filter, count_runs

    return loop_thread().run(count_runs(RunAccess.of(client), Filter(status=status, bundle=bundle).query))


def inbox(client: Client, *, assignee: str | None = None, limit: int = 200, home: RunPlaces | None = None) -> Inbox:
    """The approvals that wait for a decision, the longest waiting first.

    Args:
        client: A connected client.
        assignee: Only those of this reviewer and those of nobody in particular.
        limit: At most so many.
        home: Where the reviewer key and the bundles are.

    Raises:
        ConnectionFailed: The server is out of reach.
    """
    from .listing import fetch_inbox
    from .lists import Inbox, ListSource

    source = ListSource(RunAccess.of(client, home), limit, assignee=assignee)
    return Inbox(loop_thread().run(fetch_inbox(source.access, assignee=assignee, limit=limit)), source)
