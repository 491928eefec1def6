"""The Temporal workflow class behind a workflow function: where its code meets updates, signals and queries."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import temporalio.common
import temporalio.exceptions
import temporalio.workflow

from ..schema import Decision, KeptAct, RollBackRequest, SignedAct, SignedRollBack
from . import bundles
from .acts import apply_decision, check_decision
from .approval import publish
from .discussion import apply_act, check_act
from .keeping import apply_kept, check_kept
from .rollback import ASK, SIGNED_PATCH, apply_asked, check_asked, rolled_back_on_failure
from .state import RunState

if TYPE_CHECKING:
    from .definitions import Workflow

DECIDE = "jupyter_workflows.decide"
KEEP = "jupyter_workflows.keep"
GO_ON = "jupyter_workflows.go_on"
ACT = "jupyter_workflows.act"


class WorkflowExecution:
    """What every run can do besides running the user's function; the generated classes derive from it."""

    def __init__(self) -> None:
        self.state = RunState()

    @temporalio.workflow.update(name=DECIDE)
    def decide(self, decision: Decision) -> None:
        """Takes a reviewer's decision on one open approval."""
        apply_decision(self.state, decision)

    @decide.validator
    def check(self, decision: Decision) -> None:
        """Refuses a decision that may not be taken, without a trace in history."""
        check_decision(self.state, decision)

    @temporalio.workflow.update(name=ACT)
    def act(self, act: SignedAct) -> None:
        """Takes what a person does about an open approval without deciding it."""
        apply_act(self.state, act)

    @act.validator
    def check_act(self, act: SignedAct) -> None:
        """Refuses what may not be done, without a trace in history."""
        check_act(self.state, act)

    @temporalio.workflow.update(name=ASK)
    def roll_back(self, asked: SignedRollBack) -> None:
        """Takes down who wants the run undone."""
        apply_asked(self.state, asked)

    @roll_back.validator
    def check_roll_back(self, asked: SignedRollBack) -> None:
        """Refuses what nobody with a known key has asked for, without a trace in history."""
        check_asked(self.state, asked)

    @temporalio.workflow.signal(name=ASK)
    def asked_to_roll_back(self, request: RollBackRequest) -> None:
        """Replays what older versions took unsigned; whatever comes now says nothing."""
        if not temporalio.workflow.patched(SIGNED_PATCH):
            self.state.effects.asked = self.state.effects.asked or request

    @temporalio.workflow.signal(name=GO_ON)
    def goes_on(self) -> None:
        """Shows again what is asked: newer code may ask something else than was shown."""
        for approval in self.state.approvals.values():
            publish(self.state, approval.record)

    @temporalio.workflow.update(name=KEEP)
    def keep(self, kept: KeptAct) -> None:
        """Takes what people did about an approval in an earlier execution of this run."""
        apply_kept(self.state, kept)

    @keep.validator
    def check_kept(self, kept: KeptAct) -> None:
        """Refuses what none had accepted."""
        check_kept(self.state, kept)

    @temporalio.workflow.signal(dynamic=True)
    def signalled(self, name: str, args: Sequence[temporalio.common.RawValue]) -> None:
        """Keeps a signal until the workflow asks for it."""
        self.state.signals.setdefault(name, deque()).append(args[0] if args else None)

    @temporalio.workflow.query(dynamic=True)
    def queried(self, name: str, args: Sequence[temporalio.common.RawValue]) -> Any:
        """Answers with the value the workflow last set under this name."""
        del args
        if name not in self.state.query_values:
            known = ", ".join(sorted(self.state.query_values)) or "none yet"
            raise temporalio.exceptions.ApplicationError(f"the workflow has set no value {name!r}; it has set: {known}")
        return self.state.query_values[name]


def workflow_class(workflow: Workflow[Any, Any], class_name: str, module: str) -> type:
    """The Temporal workflow class of a workflow function."""

    async def run(self: WorkflowExecution, *args: Any) -> Any:
        self.state.workflow = workflow
        self.state.retry = workflow.retry
        self.state.arguments = args
        self.state.main = asyncio.current_task()
        return await rolled_back_on_failure(self.state, located(workflow, args), partial=workflow.partial)

    call = workflow.travelling()
    run.__qualname__ = f"{class_name}.run"
    run.__module__ = module
    run.__annotations__ = call.__annotations__
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters.extend(inspect.signature(call).parameters.values())
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    members = {"__module__": module, "__qualname__": class_name, "run": temporalio.workflow.run(run)}
    generated = type(class_name, (WorkflowExecution,), members)
    return temporalio.workflow.defn(name=workflow.name, failure_exception_types=[Exception])(generated)


async def located(workflow: Workflow[Any, Any], args: Sequence[Any]) -> Any:
    """Runs workflow code; an exception it raises itself fails the run with cell and line."""
    try:
        return await workflow.travelled(args)
    except (asyncio.CancelledError, temporalio.exceptions.FailureError, temporalio.workflow.ContinueAsNewError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises fails the run
        raise temporalio.exceptions.ApplicationError(
            str(error), bundles.failure_details(error), type=type(error).__name__, non_retryable=True
        ) from error.__cause__
