"""The reduction of events to steps, on recorded histories and on made-up ones; no server."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowHistory

from jupyter_workflows.runs.history import Reduction, steps
from jupyter_workflows.schema import Manifest, Step

HISTORIES = Path(__file__).parent / "histories"


def recorded(name: str) -> tuple[str, list[HistoryEvent]]:
    content = json.loads((HISTORIES / f"{name}.json").read_text())
    return content["workflow_id"], list(WorkflowHistory.from_json(content["workflow_id"], content).events)


def steps_of(name: str, **more: Any) -> dict[str, Step]:
    workflow_id, events = recorded(name)
    return {step.id: step for step in steps(events, workflow_id=workflow_id, **more)}


def reduced(name: str) -> Reduction:
    workflow_id, events = recorded(name)
    reduction = Reduction(workflow_id)
    for event in events:
        reduction.apply(event)
    return reduction


EXPECTED = {
    "everything": {
        "flaky-1": ("activity", "completed", 3),
        "add-1": ("activity", "completed", 1),
        "word-1": ("signal", "completed", 0),
        "sleep-1": ("timer", "completed", 0),
        "buy-1": ("child", "completed", 0),
        "human_approval-1": ("approval", "completed", 0),
    },
    "timed_out_step": {"too_slow-1": ("activity", "timed_out", 2)},
    "waiting": {
        "human_approval-1": ("approval", "completed", 0),
        "human_approval-2": ("approval", "completed", 0),
        "human_approval-3": ("approval", "waiting", 0),
    },
    "terminated": {
        "human_approval-1": ("approval", "completed", 0),
        "human_approval-2": ("approval", "completed", 0),
        "human_approval-3": ("approval", "cancelled", 0),
    },
    "approval_timed_out": {"human_approval-1": ("approval", "timed_out", 0)},
    "cancelled": {"long_work-1": ("activity", "cancelled", 0)},
    "continued_as_new": {"add-1": ("activity", "completed", 1)},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_steps_of_recorded_histories(name: str) -> None:
    found = {name: (step.kind, step.status, step.attempt) for name, step in steps_of(name).items()}
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_event_applied_twice_changes_nothing(name: str) -> None:
    workflow_id, events = recorded(name)
    assert steps([*events, *events], workflow_id=workflow_id) == steps(events, workflow_id=workflow_id)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_beginning_of_a_history_gives_the_steps_so_far(name: str) -> None:
    workflow_id, events = recorded(name)
    reduction = Reduction(workflow_id)
    for number, event in enumerate(events, 1):
        reduction.apply(event)
        assert reduction.steps() == steps(events[:number], workflow_id=workflow_id)
        for step in reduction.steps():
            Step.model_validate(step.model_dump())


def test_values_and_failures_are_read() -> None:
    found = steps_of("everything")
    assert found["add-1"].input == [2, 3]
    assert found["add-1"].output == 5
    flaky = found["flaky-1"]
    assert flaky.attempts[1].failure is not None
    assert flaky.attempts[1].failure.message == "attempt 2 got no answer"
    assert flaky.attempts[1].failure.type == "ConnectionError"
    assert flaky.failure is None
    assert found["word-1"].input == ["news"]
    assert found["sleep-1"].summary == "a pause"
    assert found["buy-1"].child_run == "everything/buy-1"
    assert all(step.seconds is not None and step.seconds >= 0 for step in found.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_step_is_as_whole_as_a_validated_one(name: str) -> None:
    for step in steps_of(name).values():
        checked = Step.model_validate(step.model_dump())
        assert step.model_dump() == checked.model_dump()
        assert set(step.__dict__) == set(Step.model_fields)
        assert step.model_copy(update={"status": "failed"}).status == "failed"


@pytest.mark.parametrize("name", EXPECTED)
def test_bare_steps_lack_only_what_was_given_and_came_out(name: str) -> None:
    workflow_id, events = recorded(name)
    reduction = Reduction(workflow_id)
    for event in events:
        reduction.apply(event)
    left_out = {"input": None, "output": None, "usage": None}
    whole = [step if step.approval else step.model_copy(update=left_out) for step in steps_of(name).values()]
    assert reduction.steps(bare=True) == whole


def test_an_approval_tells_who_decided_what_and_when() -> None:
    step = steps_of("everything")["human_approval-1"]
    approval = step.approval
    assert approval is not None
    assert (approval.status, approval.by, approval.comment) == ("approved", "ada", "ok")
    assert approval.value == {"title": "News", "tags": ["a", "b"]}
    assert step.finished_at is not None
    assert abs((step.finished_at - approval.decided_at).total_seconds()) < 1  # pyright: ignore[reportOperatorIssue]


def test_a_timed_out_step_says_so() -> None:
    failure = steps_of("timed_out_step")["too_slow-1"].failure
    assert failure is not None
    assert (failure.type, failure.attempts, failure.step) == ("TimeoutError", 2, "too_slow-1")


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("everything", "completed", ""),
        ("timed_out_step", "failed", ""),
        ("terminated", "terminated", "enough"),
        ("cancelled", "cancelled", ""),
        ("continued_as_new", "continued_as_new", ""),
    ],
)
def test_the_end_of_a_run(name: str, status: str, reason: str) -> None:
    closing = reduced(name).closing
    assert closing is not None
    assert (closing.status, closing.reason) == (status, reason)
    assert bool(closing.next_run_id) == (status == "continued_as_new")


def test_the_manifest_says_where_a_step_is_defined() -> None:
    manifest = Manifest.model_validate(
        {
            "digest": "d", "behaviour_digest": "d", "package": "p", "python": "3.11", "workflows": [], "segments": [],
            "activities": [
                {"name": "add", "function": "add", "signature": "()", "is_async": False, "cell_id": "c1",
                 "cell_number": 4, "line": 2}
            ],
        }
    )  # fmt: skip
    location = steps_of("everything", manifest=manifest)["add-1"].location
    assert location is not None
    assert str(location) == "cell [4] line 2"
    without = steps_of("everything")["add-1"].location
    assert without is not None
    assert without.cell_id == "activities-cell"


NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def stamp(offset: float = 0.0) -> Timestamp:
    moment = Timestamp()
    moment.FromMilliseconds(int(NOW.timestamp() * 1000 + offset * 1000))
    return moment


def scheduled(event_id: int, activity: str) -> HistoryEvent:
    event = HistoryEvent(event_id=event_id, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    event.event_time.CopyFrom(stamp(event_id))
    event.activity_task_scheduled_event_attributes.activity_id = activity
    event.activity_task_scheduled_event_attributes.activity_type.name = activity.rpartition("-")[0]
    return event


def pending(activity: str, state: Any, attempt: int = 1, **more: Any) -> PendingActivityInfo:
    return PendingActivityInfo(activity_id=activity, state=state, attempt=attempt, last_started_time=stamp(2), **more)


STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
SCHEDULED = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED


@pytest.mark.parametrize(
    ("info", "status", "attempts"),
    [
        (pending("a-1", STARTED), "running", ["running"]),
        (pending("a-1", STARTED, 3), "running", ["failed", "failed", "running"]),
        (pending("a-1", SCHEDULED), "scheduled", []),
        (pending("a-1", SCHEDULED, 2), "retrying", ["failed"]),
        (pending("a-1", SCHEDULED, 1, paused=True), "waiting", []),
        (pending("other-1", STARTED), "scheduled", []),
        (None, "scheduled", []),
    ],
)
def test_an_open_activity_is_what_describe_says(info: Any, status: str, attempts: list[str]) -> None:
    (step,) = steps([scheduled(1, "a-1")], pending=[info] if info else [])
    assert (step.status, [attempt.status for attempt in step.attempts]) == (status, attempts)


def test_attempts_without_end_are_bounded() -> None:
    (step,) = steps([scheduled(1, "a-1")], pending=[pending("a-1", STARTED, 50_000)])
    assert step.attempt == 50_000
    assert len(step.attempts) <= 101


def test_a_sign_of_life_alone_is_no_news() -> None:
    reduction = Reduction()
    reduction.apply(scheduled(1, "a-1"))
    assert reduction.observe([pending("a-1", STARTED)])
    assert not reduction.observe([pending("a-1", STARTED, last_heartbeat_time=stamp(9))])
    assert not reduction.observe([])
    assert reduction.steps()[0].status == "running"


KINDS = [value for name, value in EventType.items() if name != "EVENT_TYPE_UNSPECIFIED"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 5)), max_size=25))
def test_no_order_of_empty_events_breaks_the_reduction(kinds: list[tuple[int, int]]) -> None:
    events = [HistoryEvent(event_id=number, event_type=kind) for number, (kind, _) in enumerate(kinds, 1)]  # pyright: ignore[reportArgumentType]
    for event in events:
        event.event_time.CopyFrom(stamp(event.event_id))
    assert isinstance(steps(events), list)


def test_ten_thousand_events_are_reduced_quickly() -> None:
    events: list[HistoryEvent] = []
    for number in range(1, 10_001, 3):
        events.append(scheduled(number, f"work-{number // 3 + 1}"))
        begun = HistoryEvent(event_id=number + 1, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
        begun.event_time.CopyFrom(stamp(number))
        begun.activity_task_started_event_attributes.scheduled_event_id = number
        begun.activity_task_started_event_attributes.attempt = 1
        done = HistoryEvent(event_id=number + 2, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
        done.event_time.CopyFrom(stamp(number))
        done.activity_task_completed_event_attributes.scheduled_event_id = number
        payload = done.activity_task_completed_event_attributes.result.payloads.add()
        payload.metadata["encoding"] = b"json/plain"
        payload.data = b'{"value": 1}'
        events += [begun, done]
    begun_at = time.process_time()
    assert len(steps(events)) == 3334
    assert time.process_time() - begun_at < 2.0
