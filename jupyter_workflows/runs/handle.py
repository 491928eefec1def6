"""`Run`: the handle of one run, in a notebook, a terminal or a server."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import quote

from temporalio.client import WorkflowHandle, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError, RPCStatusCode

from .. import schema
from ..connection import loop_thread
from ..errors import JupyterWorkflowsError, PayloadError, ResultNotReady
from ..security.identity import local_user
from .access import RunAccess, in_our_words, translated
from .failures import exception_of, failed_step
from .forking.forkable import Forkable
from .history import Closing
from .reading import RunReader, Snapshot
from .reviewing import UNSET, Reviewable
from .rewinding import Rewindable
from .text import doing, run_text, status_words
from .tokens import TokenStream
from .untrusted import one_line
from .viewing import Viewable

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects
    from temporalio.client import WorkflowHistory

    from .audit.evidence import ValueMode
    from .audit.exporting import AuditFile
    from .resuming.resumption import Resumption
    from .trace import Trace

T = TypeVar("T")
LOOK_SECONDS = 5.0
RUN_MIME = "application/vnd.jupyter-workflows.run+json"


def seconds_of(timeout: float | timedelta | None) -> float | None:
    """A wait in seconds.

    Raises:
        JupyterWorkflowsError: It is neither a number nor a timedelta, or negative.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is not None and (not isinstance(seconds, (int, float)) or not seconds >= 0):
        raise JupyterWorkflowsError(f"timeout={timeout!r}: give seconds, a timedelta, or nothing to wait without limit")
    return seconds


class Run(Reviewable, Rewindable, Forkable, Viewable, Generic[T]):
    """One workflow execution; `await run` gives its result.

    The handle holds no state of the run: every question is put to Temporal, so a handle made anew after a
    restart is as good as the first. It follows the run over continue-as-new and resets. All methods may be
    called from any thread, from cells that block and from cells that `await`.

    Args:
        access: What the run is reached with.
        id: The workflow id.
        run_id: Temporal's id of the execution; the newest one by default.
        result_type: What the result is read as; plain JSON without one.
        pinned: Stay with exactly that execution, whatever follows it.
    """

    def __init__(
        self, access: RunAccess, id: str, run_id: str = "", *, result_type: Any = None, pinned: bool = False
    ) -> None:
        self.access = access
        self.id = id
        self.result_type = result_type
        self.reader = RunReader(access, id, run_id, pinned=pinned)

    @property
    def run_id(self) -> str:
        """Temporal's id of the execution that the run has reached."""
        if not self.reader.run_id:
            loop_thread().run(self.reader.describe())
        return self.reader.run_id

    @property
    def status(self) -> schema.RunStatus:
        """The state of the run, as one word.

        Raises:
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach.
        """
        return self.describe().status

    @property
    def url(self) -> str:
        """The run's page in Temporal's Web UI; where there is none, `jupyter-workflows:` with namespace and ids."""
        parts = (self.access.client.namespace, self.id, self.run_id)
        namespace, name, run_id = (quote(part, safe="") for part in parts)
        if self.access.ui_address:
            return f"{self.access.ui_address.rstrip('/')}/namespaces/{namespace}/workflows/{name}/{run_id}/history"
        return f"jupyter-workflows:{namespace}/{name}/{run_id}"

    def describe(self) -> schema.Run:
        """The run as a list shows it."""
        return loop_thread().run(self.reader.run())

    def snapshot(self) -> Snapshot:
        """The run and its steps at this moment; large values that are stored outside of history are left out."""
        return loop_thread().run(self.reader.snapshot())

    def steps(self) -> list[schema.Step]:
        """The steps so far with their inputs, outputs, attempts and failures, in the order they were scheduled."""
        return loop_thread().run(self.reader.snapshot(fetch_stored=True)).steps

    @property
    def usage(self) -> schema.Usage:
        """What the model calls of the run's steps took so far; child runs have usages of their own."""
        return loop_thread().run(self.reader.snapshot(fetch_stored=True)).usage

    def __await__(self) -> Generator[Any, None, T]:
        """Waits for the result without blocking; see `result`."""
        return loop_thread().wrap(self.outcome()).__await__()

    def result(self, timeout: float | timedelta | None = None) -> T:
        """Waits for the run's result.

        An interrupt ends the wait and leaves the run alone.

        Args:
            timeout: How long to wait, in seconds or as a timedelta; without limit by default.

        Raises:
            WorkflowFailed: The run failed; names the step, the cell and the line. `WorkflowCancelled`,
                `WorkflowTerminated` and `WorkflowTimedOut` are its kinds.
            ResultNotReady: The time was over first; says what the run is doing.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach.
        """
        seconds = seconds_of(timeout)
        return loop_thread().run(self.bounded(self.outcome(), seconds), cancel_on_interrupt=True)

    async def outcome(self) -> T:
        """The result; to be awaited on the loop thread.

        Raises:
            WorkflowFailed: The run ended without one.
            PayloadError: It can't be read.
        """
        reader = self.new_reader()
        closing = await reader.ending()
        if closing.status != "completed":
            raise await self.failure(reader, closing)
        if not closing.results:
            return cast("T", None)
        types = [self.result_type] if self.result_type is not None else None
        try:
            return (await self.access.client.data_converter.decode(closing.results, types))[0]
        except Exception as error:
            wanted = f" as {getattr(self.result_type, '__name__', self.result_type)}" if types else ""
            raise PayloadError(f"the result of run {self.id} can't be read{wanted}: {one_line(error, 500)}") from error

    async def failure(self, reader: RunReader, closing: Closing) -> BaseException:
        """The exception that says how the run ended, with what its steps know of it."""
        snapshot = await reader.snapshot()
        failure = snapshot.failure
        inner = failed_step(failure) if failure else None
        attempts = next((step.attempt for step in snapshot.steps if inner and step.id == inner.step), 0)
        if failure and inner and attempts:
            failure = with_attempts(failure, inner.step, attempts)
        return exception_of(closing.status, self.id, failure, closing.reason)

    async def bounded(self, waiting: Any, seconds: float | None) -> Any:
        """Waits at most so long.

        Raises:
            ResultNotReady: The time was over first.
        """
        task = asyncio.ensure_future(waiting)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if done:
                return task.result()
        finally:
            task.cancel()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                snapshot = await self.reader.snapshot()
        except (TimeoutError, JupyterWorkflowsError) as error:
            raise ResultNotReady(
                f"run {self.id} did not get there within {seconds:g} s, and it can't be asked why: {error}"
            ) from None
        if snapshot.run.status != "running":
            raise ResultNotReady(
                f"run {self.id} was {status_words(snapshot.run.status)} as the {seconds:g} s were over"
            )
        raise ResultNotReady(f"run {self.id} did not get there within {seconds:g} s: {doing(snapshot)}")

    def watch(self) -> Watch:
        """The run now and after every change until it ends: `for snapshot in run.watch()`, or `async for`."""
        return Watch(self.new_reader())

    def tokens(self, step: str | None = None) -> TokenStream:
        """What the steps write by `ai.emit`, as they write it: `async for token in run.tokens()`, or `for`.

        First comes what was written so far by the steps that still run, then each piece until the run ends. A
        reader that is slow gets more at a time. A retry begins its step's text anew: its pieces have a higher
        `attempt` and offsets from 0. Of a finished step the text is what the step returned.

        On the worker's machine a piece comes within milliseconds; where only the Temporal server is shared, within
        half a second, and at first only the last 16,000 characters of each text.

        Args:
            step: Only what this step writes.
        """
        return TokenStream(self.access, self.new_reader(), step)

    def new_reader(self) -> RunReader:
        """A reader of its own, for whoever follows the run."""
        return RunReader(self.access, self.id, self.reader.run_id, pinned=self.reader.pinned)

    def wait_for(self, what: str = "end", *, timeout: float | timedelta | None = None) -> Snapshot:
        """Waits until something is so, and gives the run as it then is.

        Args:
            what: `"approval"`: one is open; the id of a step: it has ended; a status such as `"completed"`;
                `"end"`: the run has ended, whatever way.
            timeout: How long to wait, in seconds or as a timedelta; without limit by default.

        Raises:
            ResultNotReady: The time was over first, or the run ended without it.
        """
        seconds = seconds_of(timeout)
        return loop_thread().run(self.bounded(self.until(what), seconds), cancel_on_interrupt=True)

    async def until(self, what: str) -> Snapshot:
        """Waits until something is so; to be awaited on the loop thread.

        Raises:
            ResultNotReady: The run ended without it.
        """
        reader = self.new_reader()
        snapshot = None
        async for snapshot in reader.changes():
            if is_so(what, snapshot):
                return snapshot
        status = status_words(snapshot.run.status) if snapshot else "gone"
        raise ResultNotReady(f"run {self.id} is {status}, and {what!r} did not come to pass: it now never will")

    def cancel(self) -> None:
        """Asks the run to end itself, its open steps first; returns at once.

        Raises:
            JupyterWorkflowsError: The run has ended already.
            RunNotFound: There is no such run.
        """
        self.ask("cancel", lambda handle: handle.cancel())

    def terminate(self, reason: str = "") -> None:
        """Ends the run at once; its code gets no chance to clean up.

        Args:
            reason: Stands in the history and in the exception that `result` raises.

        Raises:
            JupyterWorkflowsError: The run has ended already.
            RunNotFound: There is no such run.
        """
        self.ask("terminate", lambda handle: handle.terminate(reason=reason or None))

    def effects(self) -> list[schema.Effect]:
        """What the steps of the run did to the world, and what became of that: done, undone, or can't be undone.

        Only of steps that say so, by `@activity(compensate=...)` or `@activity(irreversible=True)`.
        """
        return loop_thread().run(self.reader.snapshot()).effects

    def roll_back(self, reason: str = "", *, by: str | None = None) -> Run[Any]:
        """Has everything undone that the run's steps did, the last first; returns at once.

        A run that is open is cancelled and undoes itself, also where it is `partial`. One that has ended is undone by a
        run of its own, on the same code; what is undone already is not undone again. `effects` lists it beforehand.

        Args:
            reason: Why; stands on record.
            by: Who asks; by default the local user.

        Returns:
            The run that does it: this one, or the one of its own.

        Raises:
            JupyterWorkflowsError: Nothing is left to undo, or no worker of the open run takes it.
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach.
        """
        from .rollback import roll_back

        found, run_id = loop_thread().run(roll_back(self.reader, by=by or local_user(), reason=reason))
        return self if found == self.id else Run[Any](self.access, found, run_id)

    def signal(self, name: str, value: Any = UNSET) -> None:
        """Sends the run a signal, for `wait_for_signal(name)` in its code.

        Args:
            name: The signal's name.
            value: What it carries.

        Raises:
            JupyterWorkflowsError: The run has ended already.
            RunNotFound: There is no such run.
        """
        args = [] if value is UNSET else [value]
        self.ask("signal", lambda handle: handle.signal(name, args=args))

    def query(self, name: str) -> Any:
        """The value that the run's code last set by `set_query_value(name, ...)`; needs its worker.

        Raises:
            JupyterWorkflowsError: It set none, or no worker answers.
            RunNotFound: There is no such run.
        """
        return loop_thread().run(self.queried(name))

    async def queried(self, name: str) -> Any:
        """Asks the run's worker; to be awaited on the loop thread.

        Raises:
            JupyterWorkflowsError: It has no such value, or no worker answers.
        """
        await self.reader.describe()
        handle = self.temporal_handle()
        try:
            return await handle.query(name, rpc_timeout=timedelta(seconds=10))
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
            raise JupyterWorkflowsError(f"run {self.id} does not answer {name!r}: {one_line(error, 300)}") from None
        except RPCError as error:
            if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                raise JupyterWorkflowsError(
                    f"no worker of run {self.id} answered {name!r} within 10 s: see `%workflow status`"
                ) from None
            raise translated(error, self.access, self.id) from None

    def plan_resume(
        self, from_step: str | None = None, input_override: Any = None, *, results: Mapping[str, Any] | None = None
    ) -> Resumption:
        """What `resume` would do: what is kept, what runs again, which effects outside happen twice. Changes nothing.

        Displayed, it is a table; its `resume()` does what it says. Cost: some 50 ms, and for a workflow whose own
        code was changed a replay of the run, in its worker host.

        Args:
            from_step: The step from which things are to run again; by default the one that failed or hangs.
            input_override: The arguments that step is given instead of the workflow's: a list, or the only one.
            results: Values in the place of recorded results, by the id of the step.

        Raises:
            ResumeRefused: It can't be done as wished; says from where it can.
            ClosureError: The corrected code can't run outside the notebook.
            RunNotFound: There is no such run.
        """
        from .resuming.planning import Wish, plan
        from .resuming.resumption import Resumption
        from .resuming.workshop import workshop_in_force

        workshop = workshop_in_force()
        bundle = workshop.corrected(self.describe())
        wish = Wish(from_step=from_step, input_override=input_override, results=dict(results or {}))
        planned = loop_thread().run(plan(self.reader, workshop, bundle, wish))
        return Resumption(self, planned, wish, bundle)

    def resume(
        self, from_step: str | None = None, input_override: Any = None, *, results: Mapping[str, Any] | None = None
    ) -> Run[T]:
        """Goes on with the code as it is now, and gives the run's new execution at once.

        Steps before the wanted one are kept with what they cost, and so are those that had finished beside it. The
        new execution has the run's id and stands beside the old one. A step that waits for its next attempt gets the
        new code at once, in the same execution, where the rest of the code agrees with what the run did. Of several
        who resume at once one does, and all get the same execution.

        What is kept and what happens twice is shown before, where the notebook can show it; `plan_resume` gives it.

        Args:
            from_step: The step from which things are to run again; by default the one that failed or hangs.
            input_override: The arguments that step is given instead of the workflow's: a list, or the only one.
            results: Values in the place of recorded results, by the id of the step. They are recorded as such.

        Raises:
            ResumeRefused: The code disagrees with the run earlier than wanted; names cell, line and step, and the
                latest step from which it works.
            ClosureError: The corrected code can't run outside the notebook.
            WorkerUnavailable: It can't be served.
            RunNotFound: There is no such run.
        """
        seen = self.run_id
        return self.plan_resume(from_step, input_override, results=results).carried_out(seen)

    def ask(self, verb: str, call: Callable[[WorkflowHandle[Any, Any]], Any]) -> None:
        """Sends the run a request that is answered at once."""
        loop_thread().run(self.asked(verb, call))

    async def asked(self, verb: str, call: Callable[[WorkflowHandle[Any, Any]], Any]) -> None:
        """Sends the request; to be awaited on the loop thread.

        Raises:
            JupyterWorkflowsError: The run has ended already.
        """
        run = await self.reader.run()
        if run.status == "running":
            try:
                await call(self.temporal_handle())
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise translated(error, self.access, self.id) from None
                run = await self.reader.run()
            else:
                return
        raise JupyterWorkflowsError(f"run {self.id} has ended ({status_words(run.status)}): there is nothing to {verb}")

    def temporal_handle(self) -> WorkflowHandle[Any, Any]:
        """Temporal's handle of the execution reached."""
        return self.access.client.get_workflow_handle(self.id, run_id=self.reader.run_id or None)

    def audit(self, path: str | Path, *, values: ValueMode = "full", html: str | Path | None = None) -> AuditFile:
        """Writes what the run did and who decided as one file, chained by hashes and signed with your key.

        Decisions with what was shown and their signatures, steps with their attempts, model calls with prompt and
        answer, the code, its packages, what it cost. Two files of one run are equal, byte by byte, as long as nothing
        happens to the run. `jupyter workflows audit verify PATH` checks it anywhere, without a server.

        Args:
            path: The file, readable by you alone.
            values: `"full"`, or `"hashes"`: what steps and models were given and gave stands as SHA-256. What people
                were shown and decided is always in full.
            html: Also write a report to read and print into this file.

        Raises:
            AuditFailed: It can't be written.
            EncryptionFailed: A key that values are encrypted with is missing.
            RunNotFound: There is no such run.
        """
        from .audit.exporting import write_audit

        return write_audit(self.new_reader(), path, mode=values, report=html)

    async def fetch_history(self) -> WorkflowHistory:
        """The events of the execution reached, as Temporal has them; to be awaited on the loop thread.

        Raises:
            RunNotFound: There is no such run.
        """
        await self.reader.describe()
        with in_our_words(self.access, self.id):
            return await self.temporal_handle().fetch_history()

    def to_pandas(self) -> pd.DataFrame:
        """The steps as a table, one row each; needs pandas."""
        from .views import steps_frame

        return steps_frame(self.steps())

    def timeline(self) -> plotly.graph_objects.Figure:
        """The steps over time as a plotly figure; needs plotly."""
        from .views import timeline

        return timeline(self.snapshot())

    def trace(self) -> Trace:
        """The run as a trace, from its history: the run, its steps and their attempts over time, without any value.

        Needs no collector. Where the run is sent to one, the trace says under which id it is there.

        Raises:
            RunNotFound: There is no such run.
            ConnectionFailed: The server is out of reach.
        """
        from .trace import trace_of

        async def looked_at() -> Trace:
            return await trace_of(self.access, await self.reader.snapshot())

        return loop_thread().run(looked_at())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        from .static_html import render_run

        ids = {"id": self.id, "run_id": self.reader.run_id, "namespace": self.access.client.namespace}
        try:
            snapshot = loop_thread().run(self.reader.snapshot(), timeout=LOOK_SECONDS)
        except (JupyterWorkflowsError, builtins.TimeoutError) as error:
            return {"text/plain": f"{self!r}: {str(error) or 'the server does not answer'}", RUN_MIME: ids}
        ids["run_id"] = snapshot.run.run_id
        return {"text/plain": run_text(snapshot), "text/html": render_run(snapshot), RUN_MIME: ids}

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (self.id, self.run_id) == (other.id, other.run_id)

    def __hash__(self) -> int:
        return hash(self.id)


class Watch:
    """Snapshots of a run as it changes, for `for` and `async for` in any thread and on any loop."""

    def __init__(self, reader: RunReader) -> None:
        self.changes: AsyncIterator[Snapshot] = reader.changes()

    def __iter__(self) -> Iterator[Snapshot]:
        return self

    def __next__(self) -> Snapshot:
        snapshot = loop_thread().run(self.next(), cancel_on_interrupt=True)
        if snapshot is None:
            raise StopIteration
        return snapshot

    def __aiter__(self) -> AsyncIterator[Snapshot]:
        return self

    async def __anext__(self) -> Snapshot:
        snapshot = await loop_thread().wrap(self.next())
        if snapshot is None:
            raise StopAsyncIteration
        return snapshot

    async def next(self) -> Snapshot | None:
        """The next snapshot, None after the last."""
        return await anext(self.changes, None)


def with_attempts(failure: schema.Failure, step: str | None, attempts: int) -> schema.Failure:
    """The failure, with how often its step was tried."""
    cause = with_attempts(failure.cause, step, attempts) if failure.cause else None
    mine = {"attempts": attempts} if failure.step == step else {}
    return failure.model_copy(update={"cause": cause, **mine})


def is_so(what: str, snapshot: Snapshot) -> bool:
    """Whether what `wait_for` waits for has come."""
    if what == "approval":
        return bool(snapshot.open_approvals)
    if what == "end":
        return snapshot.run.status not in ("running", "continued_as_new")
    if what == snapshot.run.status:
        return True
    return any(step.id == what and step.finished_at is not None for step in snapshot.steps)
