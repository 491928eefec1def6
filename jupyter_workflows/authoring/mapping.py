"""`parallel_map`: many steps at once, bounded, with partial results, below Temporal's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast, overload

import temporalio.exceptions
import temporalio.workflow

from ..errors import AuthoringError, StepFailed
from . import bundles
from .definitions import Activity, Definition
from .execution import WorkflowExecution
from .rollback import rolled_back_on_failure
from .state import run_state
from .steps import child_run

T = TypeVar("T")
R = TypeVar("R")

# Temporal refuses a workflow task with 2,000 pending activities and ends a run at 51,200 events; a step is
# 3 to 4 events (https://docs.temporal.io/cloud/limits).
MAX_CONCURRENT = 1000
ITEMS_PER_RUN = 5000
CHILD = "jupyter_workflows.parallel_map"


@dataclass(frozen=True)
class PartialResults(Generic[R]):
    """What a `parallel_map(..., partial=True)` reached.

    `results` has one place per item, None where the item failed; `failures` maps the item's index to why.
    """

    results: list[R | None]
    failures: dict[int, StepFailed]

    @property
    def complete(self) -> bool:
        """Whether every item succeeded."""
        return not self.failures

    @property
    def succeeded(self) -> list[R]:
        """The results of the items that succeeded, in order."""
        return [result for index, result in enumerate(self.results) if index not in self.failures]  # pyright: ignore[reportReturnType]


@overload
async def parallel_map(
    fn: Callable[[T], R | Awaitable[R]],
    items: Iterable[T],
    *,
    max_concurrent: int = 50,
    partial: Literal[False] = False,
) -> list[R]: ...
@overload
async def parallel_map(
    fn: Callable[[T], R | Awaitable[R]], items: Iterable[T], *, max_concurrent: int = 50, partial: Literal[True]
) -> PartialResults[R]: ...
async def parallel_map(
    fn: Callable[[Any], Any], items: Iterable[Any], *, max_concurrent: int = 50, partial: bool = False
) -> Any:
    """Runs an activity or a workflow for every item, at most `max_concurrent` at once, results in order.

    Any number of items: above 5,000 the work is spread over child runs, one after the other, so that no
    history reaches Temporal's limit. The first failure cancels the rest, unless `partial=True`.

    Args:
        fn: The activity or workflow; takes one item.
        items: What to run it on.
        max_concurrent: How many run at once, 1 to 1,000.
        partial: Go on past failures and give `PartialResults`.

    Raises:
        StepFailed: An item failed for good, and `partial` is false.
        AuthoringError: `fn` is neither activity nor workflow, or the bound makes no sense.
    """
    check(fn, max_concurrent)
    todo = list(items)
    if not temporalio.workflow.in_workflow():
        outcomes = await bounded(fn, todo, max_concurrent, partial)
    elif len(todo) > ITEMS_PER_RUN and isinstance(fn, Activity):
        outcomes = await in_child_runs(cast("Activity[..., Any]", fn), todo, max_concurrent, partial)
    else:
        outcomes = await bounded(fn, todo, max_concurrent, partial)
    if not partial:
        return outcomes
    failures = {index: outcome for index, outcome in enumerate(outcomes) if isinstance(outcome, StepFailed)}
    return PartialResults([None if index in failures else outcome for index, outcome in enumerate(outcomes)], failures)


def check(fn: Any, max_concurrent: Any) -> None:
    """Refuses arguments that make no sense.

    Raises:
        AuthoringError: One of them does.
    """
    if not isinstance(fn, Definition):
        raise AuthoringError(
            f"parallel_map({getattr(fn, '__name__', fn)!r}, ...) takes an activity or a workflow: "
            "put @activity above the function",
            code="JW435",
        )
    if type(max_concurrent) is not int or not 1 <= max_concurrent <= MAX_CONCURRENT:
        raise AuthoringError(
            f"parallel_map(max_concurrent={max_concurrent!r}) takes a whole number from 1 to {MAX_CONCURRENT}",
            code="JW436",
        )


async def bounded(fn: Callable[[Any], Any], items: Sequence[Any], max_concurrent: int, partial: bool) -> list[Any]:
    """Runs all items in this run; `max_concurrent` lanes take one item after the other."""
    outcomes: list[Any] = [None] * len(items)
    todo = iter(enumerate(items))

    async def lane() -> None:
        for index, item in todo:
            try:
                outcome = fn(item)
                outcomes[index] = await outcome if isinstance(outcome, Awaitable) else outcome
            except StepFailed as error:
                if not partial:
                    raise
                outcomes[index] = error

    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(max_concurrent, len(items))):
            lanes.create_task(lane())
    return outcomes


async def in_child_runs(fn: Activity[Any, Any], items: Sequence[Any], max_concurrent: int, partial: bool) -> list[Any]:
    """Runs the items in child runs of at most `ITEMS_PER_RUN`, one child at a time so that the bound holds."""
    outcomes: list[Any] = []
    state = run_state()
    keep = state.workflow is not None and state.workflow.partial
    for start in range(0, len(items), ITEMS_PER_RUN):
        step = state.next_id("parallel_map")
        results, failures = await child_run(
            state,
            step,
            CHILD,
            args=[fn.name, list(items[start : start + ITEMS_PER_RUN]), max_concurrent, partial, keep],
            result_type=tuple[list[(fn.result_type or Any) | None], dict[int, tuple[str, str, str]]],  # pyright: ignore[reportInvalidTypeForm]
        )
        outcomes.extend(results)
        for index, (message, failed_step, error_type) in failures.items():
            outcomes[start + index] = StepFailed(message, step=failed_step, error_type=error_type)
    return outcomes


@temporalio.workflow.defn(name=CHILD, failure_exception_types=[Exception])
class ParallelMap(WorkflowExecution):
    """The child run of a `parallel_map` over very many items; every worker of a bundle serves it."""

    @temporalio.workflow.run
    async def run(self, activity: str, items: list[Any], max_concurrent: int, partial: bool, keep: bool = False) -> Any:
        """Gives the results, and for failed items message, step and error type by index."""
        self.state.main = asyncio.current_task()
        work = self.mapped(activity, items, max_concurrent, partial)
        return await rolled_back_on_failure(self.state, work, partial=keep)

    async def mapped(self, activity: str, items: list[Any], max_concurrent: int, partial: bool) -> Any:
        """Runs the items."""
        bundle = bundles.bundle_of_run()
        if bundle is None:
            raise temporalio.exceptions.ApplicationError("the bundle of this run is not loaded here")
        outcomes = await bounded(bundle.activities[activity], items, max_concurrent, partial)
        failures = {
            index: (str(outcome), outcome.step, outcome.error_type)
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, StepFailed)
        }
        return [None if index in failures else outcome for index, outcome in enumerate(outcomes)], failures
