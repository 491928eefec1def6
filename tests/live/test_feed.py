"""Snapshots become numbered messages: whole once, then changes; hostile values stay bounded and travel as text."""

from __future__ import annotations

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows.live import columns
from jupyter_workflows.live.feed import RunFeed, Telling, run_topic
from jupyter_workflows.live.messages import RunChange, RunSnapshot, read_asked, wire_text
from jupyter_workflows.live.shown import MAX_VALUE, shown_approval, shown_value, step_details
from jupyter_workflows.runs.reading import Snapshot

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FRONT_END = Path(__file__).parents[2] / "labextension"
FIXTURE = FRONT_END / "tests" / "fixtures" / "run_messages.json"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(number: int, **changes: Any) -> schema.Step:
    known: dict[str, Any] = {
        "id": f"score-{number}",
        "name": "score",
        "kind": "activity",
        "status": "completed",
        "attempts": [
            schema.Attempt(number=1, status="completed", started_at=at(number + 0.1), finished_at=at(number + 1))
        ],
        "scheduled_at": at(number),
        "started_at": at(number + 0.1),
        "finished_at": at(number + 1),
    }
    return schema.Step(**known | changes)


def approval(**changes: Any) -> schema.Approval:
    known: dict[str, Any] = {"id": "human_approval-1", "message": "Pay?", "opened_at": at(9), "content_hash": "h"}
    return schema.Approval(**known | changes)


def waiting(**changes: Any) -> schema.Step:
    asked = approval(**changes)
    status = "waiting" if asked.status == "open" else "completed"
    known: dict[str, Any] = {"id": asked.id, "name": "human_approval", "kind": "approval", "status": status}
    return schema.Step(
        **known, scheduled_at=at(9), approval=asked, finished_at=at(12) if status == "completed" else None
    )


def snapshot(*steps: schema.Step, status: schema.RunStatus = "running", run_id: str = "r") -> Snapshot:
    run = schema.Run(id="review-1", run_id=run_id, workflow="review", status=status, started_at=START)
    return Snapshot(run=run, steps=list(steps), arguments=["C-7", {"deep": [1, 2]}], taken_at=at(20))


def story() -> list[Telling]:
    """A run as a view is told it: a failed attempt, a step under a name of its own form, an approval and its answer."""
    feed = RunFeed(run_topic("review-1", "r"), reviewer="ada")
    failed = schema.Attempt(number=1, status="failed", started_at=at(2.2), finished_at=at(2.5))
    again = schema.Attempt(number=2, status="running", started_at=at(3))
    retried = step(2, status="running", attempts=[failed, again], finished_at=None)
    odd = step(3, id="odd id", status="scheduled", attempts=[], started_at=None, finished_at=None)
    tellings = [
        feed.take(snapshot(step(1), retried)),
        feed.take(snapshot(step(1), step(2), odd, waiting())),
        feed.take(snapshot(step(1), step(2), odd, waiting(status="approved", by="ada", decided_at=at(12)))),
    ]
    assert None not in tellings
    return [telling for telling in tellings if telling]


def as_fixture(tellings: list[Telling]) -> str:
    entries = [
        {
            "text": wire_text(telling.message),
            "buffers": [base64.b64encode(buffer).decode() for buffer in telling.buffers],
        }
        for telling in tellings
    ]
    return json.dumps(entries, indent=1) + "\n"


def test_front_end_is_tested_on_what_the_feed_tells():
    # Stale: python -m tests.live.test_feed
    assert FIXTURE.read_text(encoding="utf-8") == as_fixture(story())


def test_first_message_is_whole_and_the_next_ones_tell_what_changed():
    first, second, third = (telling.message for telling in story())
    assert isinstance(first, RunSnapshot)
    assert isinstance(second, RunChange)
    assert isinstance(third, RunChange)
    assert [first.number, second.number, third.number] == [0, 1, 2]
    assert [name.name for name in second.names] == ["human_approval"]
    assert second.ids == {2: "odd id"}
    assert second.head is None, "the head did not change"
    assert [shown.approval.status for shown in (*second.approvals, *third.approvals)] == ["open", "approved"]
    changed = story()[2].buffers[2]
    assert struct.unpack("<I", changed) == (3,)


def test_nothing_changed_is_not_told():
    feed = RunFeed("run:a/b")
    feed.take(snapshot(step(1)))
    assert feed.take(snapshot(step(1))) is None
    assert feed.number == 0


def test_another_execution_begins_anew():
    feed = RunFeed("run:a/b")
    feed.take(snapshot(step(1), step(2)))
    telling = feed.take(snapshot(step(1), run_id="next"))
    assert telling is not None
    assert isinstance(telling.message, RunSnapshot)
    assert telling.message.number == 1


def test_steps_that_come_before_known_ones_begin_anew():
    feed = RunFeed("run:a/b")
    feed.take(snapshot(step(1), step(4)))
    told = feed.take(snapshot(step(1), step(2), step(3), step(4)))
    assert told is not None
    assert isinstance(told.message, RunSnapshot)
    assert told.message.steps == 4


def test_what_a_step_reports_of_its_work_is_told_in_percent():
    feed = RunFeed("run:a/b")

    def reported(heartbeat: Any, **changes: Any) -> int | None:
        at_work = {"status": "running", "finished_at": None}
        telling = feed.take(snapshot(step(1, **at_work | {"heartbeat": heartbeat} | changes)))
        return telling and telling.buffers[0][-1]

    assert reported(None) == columns.NO_PROGRESS
    assert reported({"done": 3, "total": 10}) == 30
    assert reported({"done": 3.01, "total": 10}) is None
    assert reported({"done": 10, "total": 10}) == 100
    assert reported({"done": 11, "total": 10}) == columns.NO_PROGRESS
    assert reported({"done": 9, "total": 10}) == 90
    assert reported({"done": 9, "total": 10}, status="completed", finished_at=at(5)) == columns.NO_PROGRESS


def test_a_late_view_gets_the_whole_under_the_newest_number():
    feed = RunFeed("run:a/b")
    feed.take(snapshot(step(1)))
    feed.take(snapshot(step(1), step(2)))
    whole = feed.whole()
    assert whole is not None
    assert isinstance(whole.message, RunSnapshot)
    assert (whole.message.number, whole.message.steps) == (1, 2)
    assert len(whole.buffers[0]) == 2 * 45


def test_columns_name_what_the_front_end_names():
    source = (FRONT_END / "src" / "components" / "columns.ts").read_text(encoding="utf-8")
    listed = " ".join(source.split())
    assert ", ".join(f'"{kind}"' for kind in columns.KINDS) in listed
    assert ", ".join(f'"{status}"' for status in columns.STATUSES) in listed


@pytest.mark.parametrize(
    ("id", "number"),
    [("score-7", 7), ("score-07", columns.NO_NUMBER), ("other-7", columns.NO_NUMBER), ("score-٣", columns.NO_NUMBER)],
)
def test_number_of_an_id(id: str, number: int):
    assert columns.number_of(step(1, id=id)) == number


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        "x" * 10_000_000,
        {"key": "y" * 10_000_000},
        list(range(1_000_000)),
        nested(50_000),
        float("nan"),
        {"a": float("inf"), 1: object()},
        "\ud800 lone \u202e reversed \x00",
        {("no", "key"): 1},
        b"\x00\xff",
    ],
    ids=["script", "long", "long-inside", "many", "deep", "nan", "infinite", "surrogate", "odd-key", "bytes"],
)
def test_any_value_travels_bounded_and_as_ascii(value: Any):
    shown = shown_value(value)
    assert shown is not None
    assert len(shown.text) < 2 * MAX_VALUE
    details = wire_text(step_details(step(1, input=[value], output=value, heartbeat=value)))
    assert details.isascii()
    json.loads(details)


@pytest.mark.parametrize("value", [nested(5_000), "z" * 1_000_000, {"n": float("nan")}], ids=["deep", "long", "nan"])
def test_any_approval_travels(value: Any):
    shown = shown_approval(approval(editable=value, has_editable=True))
    text = wire_text(shown)
    assert len(text) < 300_000
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("text", [None, 7, "", "{}", '{"type":"launch"}', '{"type":"follow"}', "[" * 100_000])
def test_what_is_no_message_of_ours_is_refused(text: Any):
    with pytest.raises(ValueError, match=r"message|JSON|validation"):
        read_asked(text)


if __name__ == "__main__":
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(as_fixture(story()), encoding="utf-8")
