"""What decorators, policies and calls outside a workflow accept and refuse."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jupyter_workflows import (
    RateLimit,
    RetryPolicy,
    activity,
    continue_as_new,
    heartbeat,
    human_approval,
    last_heartbeat,
    parallel_map,
    set_query_value,
    sleep,
    timeout,
    workflow,
)
from jupyter_workflows.authoring.edits import edits
from jupyter_workflows.authoring.launch import set_launcher
from jupyter_workflows.errors import AuthoringError


async def pipeline(x: int) -> int:
    """Doubles.

    At length.
    """
    return 2 * x


def step(x: int) -> int:
    return x + 1


def generator() -> Any:
    yield 1


def test_an_activity_outside_a_workflow_is_the_plain_function() -> None:
    assert activity(step)(1) == 2
    assert asyncio.run(activity(pipeline)(2)) == 4


def test_a_definition_keeps_name_doc_and_signature() -> None:
    decorated = workflow(pipeline)
    assert (decorated.name, decorated.__name__, decorated.description) == ("pipeline", "pipeline", "Doubles.")
    assert str(inspect.signature(decorated)) == str(inspect.signature(pipeline))


def test_timeout_adds_its_parts() -> None:
    assert timeout(days=1, hours=2, minutes=3, seconds=4) == timedelta(days=1, hours=2, minutes=3, seconds=4)


def test_helpers_of_activities_work_in_the_notebook() -> None:
    heartbeat({"row": 1})
    assert last_heartbeat("first") == "first"
    asyncio.run(sleep(timedelta(milliseconds=1)))
    assert asyncio.run(parallel_map(activity(step), [1, 2])) == [2, 3]


@pytest.mark.parametrize(
    ("mistake", "code", "words"),
    [
        (timeout, "JW402", "longer than zero"),
        (lambda: timeout(hours=-1), "JW402", "longer than zero"),
        (lambda: workflow(timeout=30)(pipeline), "JW401", "@workflow(timeout=...) takes a timedelta, not 30"),
        (lambda: activity(timeout="1h")(step), "JW401", "not '1h'"),
        (lambda: RetryPolicy(max_attempts=-1), "JW403", "max_attempts=-1"),
        (lambda: RetryPolicy(max_attempts=2.5), "JW403", "max_attempts=2.5"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(initial_interval=1), "JW401", "not 1"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(max_interval=timedelta(milliseconds=1)), "JW404", "shorter than initial_interval"),
        (lambda: RetryPolicy(backoff_coefficient=0.5), "JW405", "0.5"),
        (lambda: RetryPolicy(non_retryable=["ValueError"]), "JW406", "'ValueError'"),  # type: ignore[list-item]
        (lambda: RateLimit(calls=0), "JW407", "calls=0"),
        (lambda: RateLimit(calls=1, per=timedelta(0)), "JW402", "longer than zero"),
        (lambda: workflow(pipeline).start(1), "JW410", "%load_ext jupyter_workflows"),
        (lambda: workflow(pipeline)(1), "JW412", "run = pipeline.start(1)"),
        (lambda: workflow(pipeline).options(if_exists="ignore"), "JW413", "'ignore'"),  # type: ignore[arg-type]
        (lambda: workflow(pipeline).options(id=" "), "JW414", "1 to 200 characters"),
        (lambda: activity("step"), "JW415", "takes options by name"),  # type: ignore[call-overload]
        (lambda: workflow("pipeline"), "JW415", "takes options by name"),  # type: ignore[call-overload]
        (lambda: workflow(step), "JW416", "write `async def step(...)`"),
        (lambda: activity(retries=3)(step), "JW417", "did you mean retry=?"),  # type: ignore[call-overload]
        (lambda: workflow(max_attempts=3)(pipeline), "JW417", "has no option max_attempts="),  # type: ignore[call-overload]
        (lambda: activity(retry=3)(step), "JW418", "retry=RetryPolicy"),  # type: ignore[call-overload]
        (lambda: activity(rate_limit=3)(step), "JW418", "rate_limit=RateLimit"),  # type: ignore[call-overload]
        (lambda: activity(name="")(step), "JW419", "not empty"),
        (lambda: workflow(name="a\ud800")(pipeline), "JW419", "is half of one"),
        (lambda: activity(activity(step)), "JW420", "already"),
        (lambda: workflow(activity(pipeline)), "JW420", "already"),
        (lambda: activity(generator), "JW421", "return a list"),
        (lambda: activity(dict), "JW422", "takes a function"),
        (continue_as_new, "JW430", "workflow code"),
        (lambda: set_query_value("x", 1), "JW430", "workflow code"),
        (lambda: asyncio.run(human_approval("?")), "JW430", "workflow code"),
        (lambda: asyncio.run(sleep(3)), "JW401", "takes a timedelta"),  # type: ignore[arg-type]
        (lambda: asyncio.run(parallel_map(step, [1])), "JW435", "put @activity above"),
        (lambda: asyncio.run(parallel_map(activity(step), [1], max_concurrent=0)), "JW436", "1 to 1000"),
    ],
)
def test_a_mistake_is_named_with_its_value_and_remedy(mistake: Callable[[], Any], code: str, words: str) -> None:
    set_launcher(None)
    with pytest.raises(AuthoringError) as caught:
        mistake()
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("/a", 1, 2)]),
        ({"a": {"b/c": 1}}, {"a": {"b/c": 2}}, [("/a/b~1c", 1, 2)]),
        ([1, 2], [1, 3], [("/1", 2, 3)]),
        ([1, 2], [1], [("", [1, 2], [1])]),
        ({"a": 1}, {}, [("/a", 1, None)]),
        ({}, {"a": 1}, [("/a", None, 1)]),
        (1, True, [("", 1, True)]),
        ("x", None, [("", "x", None)]),
    ],
)
def test_edits_say_what_was_changed(before: Any, after: Any, expected: list[tuple[str, Any, Any]]) -> None:
    assert [(edit.path, edit.before, edit.after) for edit in edits(before, after)] == expected
