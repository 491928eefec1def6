"""A kernel's hold on the run of its notebook: it reads what is recorded, begins cells and completes them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    AsyncActivityHandle,
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.durable_cells import BEGIN, END, FORGET, SIGNS_OF_LIFE, TAKEN_OVER, WORKFLOW
from ..connection import loop_thread
from ..errors import DurableCellError
from ..notebook.bundle import BundleFiles, write_bundle
from ..notebook.items import Closure
from ..payloads import bare
from ..payloads.values import ValueConverter
from ..runs.client import StartRequest, start_run
from ..schema.durable import CellRecord, CellRun, CellStatus, KernelIdentity
from ..security.identity import local_user
from ..worker import task_queue
from . import values
from .history import Attempt, NotebookRecord, Reading, Recorded, payload_of
from .kernels import is_dead, this_kernel

if TYPE_CHECKING:
    from ..session import Session

T = TypeVar("T")
BEATS_PER_TIMEOUT = 6
BEGIN_SECONDS = 60.0
RECORD_SECONDS = 60.0
PAUSE_SECONDS = 0.5
_SLUG = re.compile(r"[^A-Za-z0-9]+")
_LOST = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.INTERNAL})


def run_id(place: str, user: str) -> str:
    """The id of a notebook's run.

    Args:
        place: The notebook's path, or the directory of a notebook whose path is not known.
        user: Whose run it is.
    """
    digest = hashlib.sha256(json.dumps([place, user]).encode("utf-8", "surrogateescape")).hexdigest()
    stem = _SLUG.sub("-", Path(place).stem).strip("-").lower()[:30] or "notebook"
    return f"cells-{stem}-{digest[:10]}"


def run_of(session: Session) -> NotebookRun:
    """The run of the notebook of a session, one for all that asks."""
    if session.durable is None:
        session.durable = NotebookRun(session)
    return session.durable


class NotebookRun:
    """The run of the durable cells of this kernel's notebook.

    Args:
        session: The kernel's session.
        name: The run's id; by default that of the notebook.
    """

    def __init__(self, session: Session, name: str | None = None) -> None:
        self.session = session
        place = str(Path(session.notebook).absolute()) if session.notebook else str(session.directory)
        self.id = name or run_id(place, local_user())
        self.known: NotebookRecord | None = None
        self.kernel: KernelIdentity = this_kernel()
        self.bundle: BundleFiles | None = None
        self.beats: dict[str, Future[None]] = {}
        self.steps: dict[str, CellRun] = {}

    # What is recorded ------------------------------------------------------------------------------------------------

    @property
    def record(self) -> NotebookRecord:
        """What is known of the run; read from history once, and kept up to date by what this kernel does."""
        if self.known is None:
            self.known = self.read()
        return self.known

    def read(self) -> NotebookRecord:
        """What history tells of the run; nothing where there is none."""
        return loop_thread().run(self.reading(self.session.client()))

    async def reading(self, client: Client) -> NotebookRecord:
        """The same, to be awaited on the loop thread."""
        events = client.get_workflow_handle(self.id).fetch_history_events()
        try:
            return await Reading(client.data_converter).read(events)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return NotebookRecord()
            raise

    def fetch(self, payloads: list[Payload]) -> list[Payload]:
        """The payloads that a record refers to."""
        return loop_thread().run(bare(self.session.client().data_converter, payloads))

    # A cell that runs ------------------------------------------------------------------------------------------------

    def begin(self, cell: CellRun) -> str:
        """Opens the step of a cell and gives its id; signs of life are sent from then on.

        Raises:
            DurableCellError: Another kernel holds the run, or no worker takes the step.
        """
        try:
            step = self.opened(cell)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            # Somebody has ended the run since it was read.
            self.known = None
            step = self.opened(cell)
        self.record.kernel = self.kernel
        self.record.attempts[cell.cell] = Attempt(cell, step, datetime.now(UTC))
        self.steps[step] = cell
        self.beats[step] = loop_thread().submit(self.live(step))
        return step

    def opened(self, cell: CellRun) -> str:
        """Opens the step of a cell in a run that goes on."""
        self.open()
        return loop_thread().run(self.beginning(cell.model_copy(update={"over": self.predecessor()})))

    async def beginning(self, cell: CellRun) -> str:
        """Sends the update that opens a step."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                return await self.update(BEGIN, cell, str)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == TAKEN_OVER:
                raise DurableCellError(
                    f"{cause.message}, and two would overwrite each other's record: shut that kernel down, or take "
                    "the notebook over with `%workflow durable take-over`"
                ) from None
            raise DurableCellError(f"the cell could not begin: {cause}. Run it again") from None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise DurableCellError(
                f"no worker took the cell's step within {BEGIN_SECONDS:.0f} s: `%workflow status` shows what is up"
            ) from None

    def predecessor(self) -> str | None:
        """The kernel that this one may take the run over from: one that has ended."""
        holder = self.record.kernel
        if holder is None or holder.id == self.kernel.id or not is_dead(holder):
            return None
        self.give_up_steps(f"the kernel that ran the cell has ended ({holder})", "KernelDied")
        return holder.id

    def take_over(self) -> KernelIdentity | None:
        """Lets this kernel hold the run whoever held it before; gives who that was."""
        self.known = self.read()
        holder = self.known.kernel
        if holder is None or holder.id == self.kernel.id:
            return None
        self.give_up_steps(f"the kernel {self.kernel} took the notebook over", TAKEN_OVER)
        self.known.kernel = self.kernel
        self.restart(keep=True)
        return holder

    def give_up_steps(self, reason: str, kind: str) -> None:
        """Fails the steps that nobody will complete."""
        for attempt in self.record.running():
            error = ApplicationError(reason, type=kind, non_retryable=True)
            loop_thread().run(quietly(self.step(attempt.step).fail(error)))
            attempt.status = "failed"

    async def live(self, step: str) -> None:
        """Sends signs of life for a step until it is cancelled."""
        while True:
            await asyncio.sleep(SIGNS_OF_LIFE.total_seconds() / BEATS_PER_TIMEOUT)
            await quietly(self.step(step).heartbeat())

    def complete(self, step: str, record: CellRecord, stored: list[values.Encoded], shown: Payload) -> Recorded:
        """Records a cell that has run to its end.

        Raises:
            DurableCellError: It could not be recorded.
            PayloadError: The disk is full.
        """
        client = self.session.client()
        payload = loop_thread().run(self.recording(client, record, [shown, *(each.payload for each in stored)]))
        self.stop(step)
        cell = self.steps.pop(step)

        def send(target: str) -> Awaitable[None]:
            return self.step(target).complete(RawValue(payload))

        try:
            loop_thread().run(insistently(lambda: send(step)))
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise unrecorded(error) from None
            # The step was given up meanwhile: the machine slept, or code held the interpreter for too long.
            again = self.begin(cell.model_copy(update={"why": "its step was taken for dead; the kernel was silent"}))
            self.stop(again)
            self.steps.pop(again)
            try:
                loop_thread().run(insistently(lambda: send(again)))
            except RPCError as second:
                raise unrecorded(second) from None
        recorded = Recorded(record, payload)
        self.end_attempt(record.cell, "finished")
        self.record.records[record.cell] = recorded
        return recorded

    async def recording(self, client: Client, record: CellRecord, parts: list[Payload]) -> Payload:
        """The payload of a record; large values are stored on the way."""
        sent = await values.send(client.data_converter, parts, workflow_id=self.id, namespace=client.namespace)
        return payload_of(record, sent, ValueConverter().encode(record, "the record"))

    def fail(self, step: str, error: ApplicationError) -> None:
        """Records that a cell has failed; where that can't be said, its step times out."""
        self.stop(step)
        cell = self.steps.pop(step, None)
        if cell is not None:
            self.end_attempt(cell.cell, "failed")
        loop_thread().run(quietly(self.step(step).fail(error)))

    def end_attempt(self, cell: str, status: CellStatus) -> None:
        """Notes how a cell has ended."""
        attempt = self.record.attempts[cell]
        attempt.status, attempt.ended_at = status, datetime.now(UTC)

    def stop(self, step: str) -> None:
        """Ends the signs of life of a step."""
        beat = self.beats.pop(step, None)
        if beat is not None:
            beat.cancel()

    # The run itself --------------------------------------------------------------------------------------------------

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """Temporal's handle of the run."""
        return self.session.client().get_workflow_handle(self.id)

    async def update(self, name: str, argument: Any, result: type | None = None) -> Any:
        """Sends the run an update and gives its answer."""
        send = cast("Callable[..., Awaitable[Any]]", self.handle.execute_update)  # pyright: ignore[reportUnknownMemberType]
        return await send(name, argument, id=secrets.token_hex(8), result_type=result)

    def step(self, step: str) -> AsyncActivityHandle:
        """Temporal's handle of a step."""
        return self.session.client().get_async_activity_handle(workflow_id=self.id, run_id=None, activity_id=step)

    @property
    def queue(self) -> str:
        """The task queue on which this notebook's worker host serves the run."""
        return task_queue(self.served().digest, self.session.host_spec().key)

    def served(self) -> BundleFiles:
        """The bundle of the run, which has no code of the notebook's."""
        if self.bundle is None:
            empty = Closure(items=(), imports={}, workflows=(), activities=(), exports={})
            self.bundle = write_bundle(empty, self.session.home.create().bundles)
        return self.bundle

    def open(self) -> None:
        """Makes sure that the run goes on and this notebook's worker host serves it."""
        self.session.load(self.served())
        if not self.record.is_open or self.record.queue != self.queue:
            self.restart(keep=True)

    def restart(self, *, keep: bool) -> None:
        """Begins the run anew, in place of one that is open.

        Args:
            keep: Whether the new run knows what the old one recorded.
        """
        known = self.record if keep else NotebookRecord(kernel=self.kernel)
        self.session.load(self.served())
        request = StartRequest(
            workflow=WORKFLOW,
            args=[known.carried()],
            task_queue=self.queue,
            bundle=self.served().digest[:16],
            id=self.id,
            if_exists="restart",
            notebook=self.session.notebook,
            starter=local_user(),
            summary="durable cells",
        )
        start_run(self.session.client(), request, home=self.session.home)
        self.known = NotebookRecord(
            records=dict(known.records), kernel=known.kernel, queue=self.queue, count=known.count, is_open=True
        )

    def adopt(self, other: str) -> int:
        """Takes over what another run recorded, its values included; gives how many cells those are."""
        client = self.session.client()
        found = loop_thread().run(NotebookRun(self.session, other).reading(client))
        if found.records:
            records = {cell: self.copied(client, recorded) for cell, recorded in found.records.items()}
            self.known = NotebookRecord(records={**self.record.records, **records}, kernel=self.kernel)
            self.restart(keep=True)
        return len(found.records)

    def copied(self, client: Client, recorded: Recorded) -> Recorded:
        """A record with its values stored for this run: those of the other go when it goes."""
        parts = self.fetch(recorded.values)
        return Recorded(recorded.record, loop_thread().run(self.recording(client, recorded.record, parts)))

    def forget(self, cells: list[str]) -> None:
        """Drops the records of cells: they run again."""
        self.open()
        loop_thread().run(self.update(FORGET, cells))
        for cell in cells:
            self.record.records.pop(cell, None)
            self.record.attempts.pop(cell, None)

    def end(self) -> None:
        """Ends the run."""
        loop_thread().run(self.handle.signal(END))
        self.known = None


def unrecorded(error: RPCError) -> DurableCellError:
    """Says that a cell has run and could not be recorded."""
    return DurableCellError(
        f"the cell has run, but it could not be recorded ({error.message}); its values are in the kernel. Run it again "
        "to record them"
    )


async def insistently(action: Callable[[], Awaitable[T]], seconds: float = RECORD_SECONDS) -> T:
    """Does something, again and again while the server is out of reach."""
    give_up = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await action()
        except RPCError as error:
            if error.status not in _LOST or asyncio.get_running_loop().time() > give_up:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def quietly(action: Awaitable[Any]) -> None:
    """Does something whose failure changes nothing."""
    try:
        async with asyncio.timeout(timedelta(seconds=10).total_seconds()):
            await action
    except (RPCError, TimeoutError, ApplicationError):
        pass
