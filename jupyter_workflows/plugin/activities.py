"""How an activity runs in a worker: signs of life, rate limits, types of results, places of failures."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import inspect
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import temporalio.activity
import temporalio.common
import temporalio.exceptions
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from ..authoring.bundles import bundle_of_code, failure_details
from ..authoring.definitions import Activity
from ..authoring.effects import CODE_KEY, EFFECT_KEY, UNDO_KEY, effect_key, has_effect, named_code, undo_of
from ..authoring.ledger import PAID_KEY, USAGE_KEY, Ledger, ledger
from ..errors import BudgetSpent, ModelCallFailed, PayloadError, WorkspacesInvalid
from ..payloads.types import validate
from ..security.secrets import redacted
from ..tokens import Writer, writing
from ..tokens.checkpoint import apart, token_of
from .accounts import Accounts, StepAccount
from .begun import begun
from .limits import Limits
from .other_code import at_hand
from .user_loop import on_user_loop

SIGNS_OF_LIFE_PER_TIMEOUT = 3
# How old the text of a step may be in its last heartbeat.
CHECKPOINT = timedelta(seconds=1)
FIRST_CHECKPOINT_SECONDS = 0.1


class ActivityInterceptor(Interceptor):
    """Wraps every activity of a worker.

    Args:
        limits: Directory where the workers of this machine keep their rate limits.
        checkpoint: How often what a step writes goes with its heartbeat.
        accounts: What workspaces allow their runs to spend on models, where there may be any.
    """

    def __init__(
        self, limits: Path | None, checkpoint: timedelta = CHECKPOINT, accounts: Accounts | None = None
    ) -> None:
        self.limits = Limits(limits)
        self.checkpoint = checkpoint
        self.accounts = accounts

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """The wrapper around one execution."""
        return Inbound(next, self)


class Outbound(ActivityOutboundInterceptor):
    """Remembers what the activity last reported, so that a sign of life doesn't wipe it out.

    The user's code may report from its own thread or loop; the report is sent on the worker's. What the step writes
    goes with each report as one more detail, which the activity itself never sees.
    """

    def __init__(self, next: ActivityOutboundInterceptor, checkpoint: timedelta) -> None:
        super().__init__(next)
        info = temporalio.activity.info()
        self.loop = asyncio.get_running_loop()
        self.context = contextvars.copy_context()
        self.checkpoint = checkpoint
        self.checkpoints: asyncio.Task[None] | None = None
        self.details, self.written = apart(info.heartbeat_details)
        self.own_info = dataclasses.replace(info, heartbeat_details=self.details)
        earlier = token_of(info.activity_id, self.written[0]) if self.written else None
        self.writer = Writer(
            info.workflow_run_id or "",
            info.activity_id,
            info.attempt,
            earlier=earlier.text if earlier else "",
            begun=lambda: self.loop.call_soon_threadsafe(self.begin_checkpoints),
        )

    def info(self) -> temporalio.activity.Info:
        """What the activity knows of itself; of the attempt before, what that one reported by itself."""
        return self.own_info

    def heartbeat(self, *details: Any) -> None:
        """Takes the activity's own report."""
        self.details = details
        try:
            on_worker_loop = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            on_worker_loop = False
        if on_worker_loop:
            self.send()
        else:
            self.loop.call_soon_threadsafe(self.send, context=self.context.copy())

    def send(self) -> None:
        """Sends the last report, with what was written by the last checkpoint."""
        super().heartbeat(*self.details, *self.written)

    async def signs_of_life(self, every: timedelta) -> None:
        """Repeats the last report until the activity is over."""
        while True:
            await asyncio.sleep(every.total_seconds())
            self.send()

    def begin_checkpoints(self) -> None:
        """The step begins to write."""
        if not self.writer.over:
            self.checkpoints = self.loop.create_task(self.take_checkpoints(), context=self.context.copy())

    async def take_checkpoints(self) -> None:
        """Reports what was written, while it grows."""
        await asyncio.sleep(FIRST_CHECKPOINT_SECONDS)
        while True:
            self.take_checkpoint()
            await asyncio.sleep(self.checkpoint.total_seconds())

    def take_checkpoint(self) -> None:
        """Reports what was written, where that is more than the last time."""
        written = self.writer.checkpoint()
        if written is not None and (written,) != self.written:
            self.written = (written,)
            self.send()

    def close(self, *, failed: bool) -> None:
        """Ends the checkpoints; after a failure the next attempt is told all that was written."""
        if self.checkpoints is not None:
            self.checkpoints.cancel()
        if failed:
            self.take_checkpoint()


class Inbound(ActivityInboundInterceptor):
    """One execution of an activity."""

    def __init__(self, next: ActivityInboundInterceptor, worker: ActivityInterceptor) -> None:
        super().__init__(next)
        self.limits = worker.limits
        self.checkpoint = worker.checkpoint
        self.accounts = worker.accounts
        self.outbound: Outbound | None = None

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Puts ourselves between the activity and its reports."""
        self.outbound = Outbound(outbound, self.checkpoint)
        super().init(self.outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Runs the activity; a failure carries the cell and line it arose at."""
        info = temporalio.activity.info()
        begun.note(info.workflow_run_id or "", info.activity_id, info.attempt)
        call = await at_hand(input)
        bundle = bundle_of_code(call.fn.__module__)
        definition = bundle.activities.get(named_code(info.activity_type)[0]) if bundle else None
        account = self.accounts.of(info) if self.accounts else None
        spent = Ledger(self.limits.wait, account)
        token = ledger.set(spent)
        async with self.alive(info.heartbeat_timeout), self.writes():
            try:
                if definition is None:
                    result = await super().execute_activity(call)
                else:
                    result = await self.execute_definition(definition, call)
                if bundle is not None and definition is not None and has_effect(definition):
                    result = with_effect(result, definition, info, bundle.code)
                return with_usage(result, spent, account)
            except (asyncio.CancelledError, temporalio.exceptions.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's code raises fails the step
                raise located(error, info) from error.__cause__
            finally:
                ledger.reset(token)

    async def execute_definition(self, definition: Activity[Any, Any], input: ExecuteActivityInput) -> Any:
        """Runs a notebook's activity within its rate limit and checks what it returns."""
        options = definition.options
        if options.rate_limit:
            await self.limits.wait(options.rate_limit, definition.name)
        if definition.is_async:
            call = super().execute_activity(dataclasses.replace(input, fn=on_user_loop(input.fn)))
        else:
            call = super().execute_activity(input)
        if options.rate_limit and options.timeout:
            result = await asyncio.wait_for(call, options.timeout.total_seconds())
        else:
            result = await call
        return checked(definition, result)

    @contextlib.asynccontextmanager
    async def writes(self) -> AsyncGenerator[None]:
        """Takes what the step writes while the body runs."""
        assert self.outbound is not None
        failed = True
        try:
            with writing(self.outbound.writer):
                yield
            failed = False
        finally:
            self.outbound.close(failed=failed)

    @contextlib.asynccontextmanager
    async def alive(self, heartbeat_timeout: timedelta | None) -> AsyncGenerator[None]:
        """Sends signs of life while the body runs."""
        if heartbeat_timeout is None or self.outbound is None:
            yield
            return
        beat = asyncio.create_task(self.outbound.signs_of_life(heartbeat_timeout / SIGNS_OF_LIFE_PER_TIMEOUT))
        try:
            yield
        finally:
            beat.cancel()


def checked(definition: Activity[Any, Any], result: Any) -> Any:
    """The result, if it is what the annotation says.

    Raises:
        PayloadError: It is something else; trying again would not help.
    """
    if inspect.iscoroutine(result):
        result.close()
        raise PayloadError(f"activity {definition.name} returned a coroutine: it calls an `async def` without `await`")
    hint = definition.hints.get("return", inspect.Parameter.empty)
    return validate(result, hint, f"the result of activity {definition.name}")


def with_usage(result: Any, spent: Ledger, account: StepAccount | None) -> Any:
    """The result, with what the step's model calls took, and who paid for them, in the metadata of its payload."""
    if not spent.usage.calls:
        return result
    payload = payload_of(result)
    if account is not None and account.counts:
        payload.metadata[PAID_KEY] = account.run_id.encode()
    payload.metadata[USAGE_KEY] = spent.usage.model_dump_json(exclude_defaults=True).encode()
    return temporalio.common.RawValue(payload)


def with_effect(
    result: Any, definition: Activity[Any, Any], info: temporalio.activity.Info, code: str
) -> temporalio.common.RawValue:
    """The result, with what tells the step's effect from all others, and what undoes it, in its payload's metadata."""
    payload = payload_of(result)
    key = effect_key(info.workflow_id or "", info.workflow_run_id or "", info.activity_id)
    undo = undo_of(definition)
    payload.metadata[EFFECT_KEY] = key.encode()
    payload.metadata[UNDO_KEY] = undo.name.encode() if undo else b""
    payload.metadata[CODE_KEY] = code.encode()
    return temporalio.common.RawValue(payload)


def payload_of(result: Any) -> Payload:
    """A result as it travels."""
    if isinstance(result, temporalio.common.RawValue):
        return result.payload
    return temporalio.activity.payload_converter().to_payload(result)


def located(error: Exception, info: temporalio.activity.Info) -> Exception:
    """The exception as it travels: its class name, message, place in the notebook; retryable or not."""
    if isinstance(error, temporalio.exceptions.ApplicationError) and not isinstance(error, PayloadError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    policy = info.retry_policy
    final = isinstance(error, (PayloadError, BudgetSpent, WorkspacesInvalid)) or bool(
        policy and kinds & set(policy.non_retryable_error_types or ())
    )
    details = failure_details(error)
    details["traceback"] = redacted(details["traceback"])
    name = PayloadError.__name__ if isinstance(error, PayloadError) else type(error).__name__
    asked = isinstance(error, ModelCallFailed)
    if asked:
        details["kind"] = error.kind
    return temporalio.exceptions.ApplicationError(
        redacted(message_of(error)),
        details,
        type=name,
        non_retryable=final or (asked and not error.retryable),
        next_retry_delay=error.retry_after if asked else None,
    )


def message_of(error: Exception) -> str:
    """The exception's own words; its class name where it has none."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - the user's own __str__ may fail
        return type(error).__name__
