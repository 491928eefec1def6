"""Code against recorded histories: what agrees, where they part, and at which line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from jupyter_workflows import errors
from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin.sandbox import sandbox
from jupyter_workflows.replay import replay
from jupyter_workflows.replay.replaying import quiet_runtime, stand_in
from jupyter_workflows.schema.replays import Divergence, Remark, Replayed
from jupyter_workflows.worker import load_bundle

from ..authoring.conftest import Engine, eventually, write_bundle

STEPS = """
@activity
async def fetch(page: int) -> str:
    return f"page {page}"

@activity
async def rate(text: str) -> int:
    return len(text)

@activity
async def store(text: str, score: int = 0) -> str:
    return text.upper()

@activity
async def waits(text: str) -> str:
    await asyncio.sleep(600)
    return text
"""

FLOW = """
@workflow
async def flow(page: int) -> str:
    text = await fetch(page)
    score = await rate(text)
    await sleep(timedelta(milliseconds=20))
    if score > 3:
        text = await store(text, score)
    first, second = await asyncio.gather(fetch(1), fetch(2))
    return f"{text} {first} {second}"
"""

OPEN = """
@workflow
async def flow(page: int) -> str:
    text = await fetch(page)
    return await waits(text)
"""


def changed(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, old
    return source.replace(old, new)


def edited(tmp_path: Path, source: str, steps: str = STEPS) -> LoadedBundle:
    root = tmp_path / "edited"
    root.mkdir(exist_ok=True)
    return load_bundle(write_bundle(root, source, steps))


async def recorded(engine: Engine, source: str, *, open: bool = False) -> WorkflowHistory:
    await engine.serve(source, STEPS)
    handle = await engine.start("flow", 7)
    if open:

        async def waits_now() -> Any:
            return (await handle.describe()).raw_description.pending_activities and await has(handle, "waits-1")

        await eventually(waits_now)
        history = await handle.fetch_history()
        await handle.terminate()
        return history
    await handle.result()
    return await handle.fetch_history()


async def has(handle: Any, step: str) -> bool:
    events = (await handle.fetch_history()).events
    return any(event.activity_task_scheduled_event_attributes.activity_id == step for event in events)


def completed_tasks(history: WorkflowHistory) -> list[int]:
    kind = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return [event.event_id for event in history.events if event.event_type == kind]


def location_line(found: Divergence | Remark) -> str:
    assert found.location
    assert found.location.cell_number == 3
    return (found.location.source_line or "").strip()


def shown(replayed: Replayed) -> str:
    assert replayed.divergence
    return replayed.divergence.message


async def test_the_same_code_agrees(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    replayed = await replay(history, edited(tmp_path, FLOW))
    last = [
        event.event_id for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    assert replayed.compatible
    assert replayed.divergence is None
    assert (replayed.agreed_until, replayed.agreed_tasks, replayed.tasks) == (last[-1], len(last), len(last))
    assert replayed.remarks == []
    assert (replayed.workflow, replayed.run_id) == ("flow", history.run_id)


RATE = "score = await rate(text)"
END = 'return f"{text} {first} {second}"'
SLEEP = "await sleep(timedelta(milliseconds=20))"
NOT_A_NUMBER = "raises ValueError: invalid literal for int() with base 10: 'page 7'"
WAITS = "asks for nothing here and waits"
# What is replaced, by what, the step in question, what the run did, what the code does, and the line it does it in.
EDITS = [
    (RATE, "score = len(await store(text))", "rate-1", "went on with rate-1", "asks for store-1", "store(text))"),
    ("await fetch(page)", "await store(await fetch(1))", "rate-1", "went on with rate-1", "asks for store-1", "h(1))"),
    (SLEEP, "", "sleep-1", "went on with a wait of 0.02 s", "asks for store-1", "store("),
    ("if score > 3:", "if score > 300:", "store-1", "went on with store-1", "asks for fetch-2", "gather("),
    ("fetch(1), fetch(2)", "fetch(1), rate(text)", "fetch-3", "went on with fetch-3", "asks for rate-2", "gather("),
    ("(fetch(1), fetch(2))", "(fetch(1))", "fetch-3", "went on with fetch-3", WAITS, "gather("),
    (RATE, "score = int(text)", "rate-1", "went on with rate-1", NOT_A_NUMBER, "int(text)"),
    (RATE, "return text", "rate-1", "went on with rate-1", "ends the run", "return text"),
    (END, "return await store(first)", "store-2", "came to the end of the run", "asks for store-2", "store(first)"),
    (END, "raise KeyError(text)", None, "came to the end of the run", "raises KeyError: 'PAGE 7'", "raise KeyError"),
    (RATE, "score, _ = await asyncio.gather(rate(text), fetch(9))", "fetch-2", "waited here", "asks for fetch-2", "9"),
    (RATE, "score = await wait_for_signal('x')", "rate-1", "went on with rate-1", WAITS, "'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "step", "did", "does", "line"), EDITS)
async def test_an_edit_is_located(
    engine: Engine, tmp_path: Path, old: str, new: str, step: str | None, did: str, does: str, line: str
):
    history = await recorded(engine, FLOW)
    source = changed(FLOW, old, new)
    bundle = edited(tmp_path, source)
    replayed = await replay(history, bundle)
    assert not replayed.compatible
    assert shown(replayed) == f"the run {did}, the code {does}"
    assert replayed.divergence
    assert replayed.divergence.step_id == step
    assert location_line(replayed.divergence) == next(text.strip() for text in source.splitlines() if line in text)
    await check_boundary(history, replayed, bundle)


async def check_boundary(history: WorkflowHistory, replayed: Replayed, bundle: LoadedBundle) -> None:
    """The plain replayer agrees with what we call agreed, and with no more."""
    assert replayed.divergence
    completed = completed_tasks(history)
    parted = completed.index(replayed.divergence.task_event_id)
    assert replayed.agreed_until == (completed[parted - 1] if parted else None)
    # Up to the start of the task in which they part, as a reset to it would keep.
    kept = WorkflowHistory(history.workflow_id, list(history.events)[: completed[parted] - 1])
    assert await plainly(kept, bundle) is None
    if "waited here" not in replayed.divergence.message:
        assert await plainly(history, bundle)


async def plainly(history: WorkflowHistory, bundle: LoadedBundle) -> Exception | None:
    replayer = Replayer(
        workflows=[stand_in(known) for known in bundle.workflow_classes],
        workflow_runner=sandbox(),
        data_converter=data_converter(),
        build_id="plain",
        runtime=quiet_runtime(),
    )
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


async def test_an_open_run_is_compared_to_its_last_step(engine: Engine, tmp_path: Path):
    history = await recorded(engine, OPEN, open=True)
    assert (await replay(history, edited(tmp_path, OPEN))).compatible
    source = changed(OPEN, "return await waits(text)", "return await store(text)")
    replayed = await replay(history, edited(tmp_path, source))
    assert shown(replayed) == "the run went on with waits-1, the code asks for store-1"
    longer = changed(OPEN, "return await waits(text)", "return await store(await waits(text))")
    assert (await replay(history, edited(tmp_path, longer))).compatible


async def test_what_temporal_lets_pass_is_remarked(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    source = changed(changed(FLOW, "rate(text)", "rate(text + '!')"), "milliseconds=20", "seconds=3")
    replayed = await replay(history, edited(tmp_path, source))
    assert replayed.compatible
    assert [(remark.kind, remark.step_id, remark.message) for remark in replayed.remarks] == [
        ("input", "rate-1", "rate-1 would get another input now"),
        ("duration", "sleep-1", "the wait of 0.02 s would take 3 s now"),
    ]
    assert list(map(location_line, replayed.remarks)) == [
        "score = await rate(text + '!')",
        "await sleep(timedelta(seconds=3))",
    ]


async def test_a_changed_signature_is_remarked(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    steps = changed(
        STEPS, "async def store(text: str, score: int = 0)", "async def store(text: str, score: int, to: str = 'x')"
    )
    replayed = await replay(history, edited(tmp_path, FLOW, steps))
    assert replayed.compatible
    assert [remark.step_id for remark in replayed.remarks] == ["store-1"]


async def test_a_changed_result_type_is_a_failure_at_its_line(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    steps = changed(STEPS, "async def rate(text: str) -> int", "async def rate(text: str) -> list[str]")
    replayed = await replay(history, edited(tmp_path, FLOW, steps))
    assert "the code raises PayloadError" in shown(replayed)
    assert replayed.divergence
    assert location_line(replayed.divergence) == "score = await rate(text)"


async def test_another_workflow_is_refused(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    with pytest.raises(errors.ReplayFailed, match="is one of workflow flow, and the code has other"):
        await replay(history, edited(tmp_path, FLOW.replace("flow(", "other(")))


async def test_a_history_without_beginning_is_refused(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    with pytest.raises(errors.ReplayFailed, match="does not begin with the start of a run"):
        await replay(WorkflowHistory("x", list(history.events)[3:]), edited(tmp_path, FLOW))


def kept_elsewhere(payload: Any) -> None:
    payload.external_payloads.add(size_bytes=70_000)
    payload.metadata["encoding"] = b"json/external-storage-reference"


def encrypted(payload: Any) -> None:
    payload.metadata["encoding"] = b"binary/encrypted"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (kept_elsewhere, r"kept outside of its history and can't be fetched here \(event 7, 70,000 bytes"),
        (encrypted, "are encrypted, and encryption is off here"),
    ],
)
async def test_values_that_are_not_at_hand_are_no_disagreement(
    engine: Engine, tmp_path: Path, change: Any, message: str
):
    history = await recorded(engine, FLOW)
    change(history.events[6].activity_task_completed_event_attributes.result.payloads[0])
    with pytest.raises(errors.ReplayFailed, match=message):
        await replay(history, edited(tmp_path, FLOW))


async def test_replays_run_side_by_side_and_beside_a_worker(engine: Engine, tmp_path: Path):
    history = await recorded(engine, FLOW)
    bundles = [edited(tmp_path, FLOW), edited(tmp_path, changed(FLOW, "rate(text)", "fetch(1)"))]
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(replay(history, bundle)) for bundle in bundles * 3]
        result = group.create_task(engine.run("flow", 3))
    assert [task.result().compatible for task in found] == [True, False] * 3
    assert result.result() == "PAGE 3 page 1 page 2"
