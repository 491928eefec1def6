"""Values through a real server and worker: large ones everywhere, and poisoned ones that fail one run alone."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.errors import PayloadError
from jupyter_workflows.local.paths import Home
from jupyter_workflows.payloads.values import ValueConverter

from .conftest import served

STEP = timedelta(seconds=20)
LARGE = 100_000
POISONED_RUNS = 200


@activity.defn
async def echo(value: str) -> str:
    return value


@activity.defn
async def report(value: str) -> int:
    """Reports a large value, fails, and finds it again in the next attempt."""
    if activity.info().attempt == 1:
        activity.heartbeat(value)
        await asyncio.sleep(0.2)
        raise RuntimeError("again")
    return len(activity.info().heartbeat_details[0])


@activity.defn
async def fail_with_details(size: int) -> None:
    raise ApplicationError("no", "d" * size, non_retryable=True)


@activity.defn
async def double(frame: pd.DataFrame) -> pd.DataFrame:
    return frame * 2


@activity.defn
async def give(payload: RawValue) -> RawValue:
    return payload


@activity.defn
async def take(number: int) -> int:
    return number + 1


@activity.defn
async def fail_oddly(kind: str) -> None:
    if kind == "half a character":
        raise ValueError("bad \ud800 text")
    if kind == "endless":
        raise ValueError("x" * 5_000_000)
    if kind == "no text":
        raise Unprintable
    raise ApplicationError("details", asyncio.Lock(), non_retryable=True)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")


@workflow.defn
class Child:
    @workflow.run
    async def run(self, value: str) -> str:
        return value


@workflow.defn
class LargeValues:
    def __init__(self) -> None:
        self.signalled = ""
        self.updated = ""

    @workflow.run
    async def run(self, value: str) -> dict[str, Any]:
        out: dict[str, Any] = {"input": len(value)}
        out["step"] = len(await workflow.execute_activity(echo, value, start_to_close_timeout=STEP))
        out["heartbeat"] = await workflow.execute_activity(
            report,
            value,
            start_to_close_timeout=STEP,
            heartbeat_timeout=STEP,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )
        out["child"] = len(await workflow.execute_child_workflow(Child.run, value))
        try:
            await workflow.execute_activity(fail_with_details, len(value), start_to_close_timeout=STEP)
        except ActivityError as error:
            out["details"] = len(error.cause.details[0])
        workflow.upsert_memo({"approval": {"editable": value}})
        await workflow.wait_condition(lambda: bool(self.signalled and self.updated))
        out["signal"], out["update"] = len(self.signalled), len(self.updated)
        out["memo"] = len(workflow.memo()["approval"]["editable"])
        return {**out, "result": value}

    @workflow.signal
    def tell(self, value: str) -> None:
        self.signalled = value

    @workflow.update
    def change(self, value: str) -> str:
        self.updated = value
        return value

    @workflow.query
    def reverse(self, value: str) -> str:
        return value[::-1]


@workflow.defn
class Numbers:
    """Takes a number, from its starter or from a step, and gives it on to a step."""

    @workflow.run
    async def run(self, source: str, number: int) -> int:
        return number

    @workflow.signal
    def tell(self, number: int) -> None: ...


@workflow.defn
class NumberOfStep:
    @workflow.run
    async def run(self, payload: RawValue) -> int:
        result = await workflow.execute_activity(
            "give", payload, start_to_close_timeout=STEP, result_type=int, retry_policy=RetryPolicy(maximum_attempts=3)
        )
        return result + 1


@workflow.defn
class NumberToStep:
    @workflow.run
    async def run(self, payload: RawValue) -> int:
        return await workflow.execute_activity("take", payload, start_to_close_timeout=STEP, result_type=int)


@workflow.defn
class Frames:
    @workflow.run
    async def run(self, frame: pd.DataFrame) -> pd.DataFrame:
        return await workflow.execute_activity(double, frame, start_to_close_timeout=STEP)


@workflow.defn
class OddFailure:
    @workflow.run
    async def run(self, kind: str) -> None:
        await workflow.execute_activity(
            fail_oddly, kind, start_to_close_timeout=STEP, retry_policy=RetryPolicy(maximum_attempts=1)
        )


@workflow.defn
class OddFailureOfItsOwn:
    @workflow.run
    async def run(self, kind: str) -> None:
        await fail_oddly(kind)


WORKFLOWS = [
    Child, LargeValues, Numbers, NumberOfStep, NumberToStep, Frames, OddFailure, OddFailureOfItsOwn,
]  # fmt: skip
ACTIVITIES = [echo, report, fail_with_details, double, give, take, fail_oddly]


async def start(
    client: Client, queue: str, definition: type, *arguments: Any, **options: Any
) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        definition.__name__,
        args=arguments,
        id=f"{definition.__name__}-{uuid.uuid4()}",
        task_queue=queue,
        execution_timeout=timedelta(seconds=60),
        **options,
    )


async def failure_of(handle: WorkflowHandle[Any, Any]) -> BaseException:
    """The innermost cause of a run's failure."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    error: BaseException = caught.value
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def test_large_values_pass_everywhere_and_history_stays_small(client: Client):
    value = "v" * LARGE

    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            handle = await start(client, queue, LargeValues, value, memo={"start": value})
            assert await handle.query(LargeValues.reverse, value) == value
            await handle.signal(LargeValues.tell, value)
            assert await handle.execute_update(LargeValues.change, value) == value
            out = await handle.result()
            assert out.pop("result") == value
            assert set(out.values()) == {LARGE}
            assert len(out) == 8
            described = await handle.describe()
            memo = await described.memo()
            assert (memo["start"], memo["approval"]) == (value, {"editable": value})
            assert described.raw_description.workflow_execution_info.history_size_bytes < 20_000

    loop_thread().run(scenario(), timeout=60)


def test_10_mb_value_and_frame_pass_through_workflow_and_step(client: Client):
    frame = pd.DataFrame(np.random.default_rng(0).random((125_000, 10)), index=pd.RangeIndex(125_000, name="row"))

    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            handle = await client.start_workflow(Frames.run, frame, id=f"frames-{uuid.uuid4()}", task_queue=queue)
            pd.testing.assert_frame_equal(await handle.result(), frame * 2)

    loop_thread().run(scenario(), timeout=60)


ODD_FAILURES = {
    "half a character": r"bad \ud800 text",
    "endless": "characters left out …",
    "no text": "Unprintable",
    "details": "details (its details were left out: ",
}


@pytest.mark.parametrize("definition", [OddFailure, OddFailureOfItsOwn])
@pytest.mark.parametrize("kind", ODD_FAILURES)
def test_any_exception_fails_the_run_with_its_words(client: Client, definition: type, kind: str):
    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            error = await failure_of(await start(client, queue, definition, kind))
            assert ODD_FAILURES[kind] in str(error)

    loop_thread().run(scenario(), timeout=30)


def test_result_that_can_not_be_read_is_told_to_the_reader_alone(client: Client):
    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            handle = await start(client, queue, NumberOfStep, RawValue(json_payload(b"1")))
            await handle.result()
            typed = client.get_workflow_handle(handle.id, result_type=list[str])
            with pytest.raises(PayloadError, match=r"a stored value does not fit list\[str\]: it is 2 \(int\)"):
                await typed.result()

    loop_thread().run(scenario(), timeout=30)


def test_poisoned_signal_harms_nothing(client: Client):
    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            handle = await start(client, queue, LargeValues, "x")
            await handle.signal("tell", RawValue(Payload(metadata={"encoding": b"future/9"}, data=b"?")))
            await handle.signal("tell", "s")
            await handle.execute_update("change", "u")
            assert (await handle.result())["signal"] == 1

    loop_thread().run(scenario(), timeout=30)


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_run_whose_stored_value_was_lost_fails_and_says_so(
    server: str, tmp_path_factory: pytest.TempPathFactory, harm: str
):
    home = Home.locate(tmp_path_factory.mktemp("lost"))

    async def scenario() -> None:
        client = await connect(Settings(server), home=home)
        handle = await start(client, queue := f"lost-{uuid.uuid4()}", LargeValues, "v" * LARGE)
        (path,) = (path for path in home.blobs.rglob("*") if len(path.name) == 64)
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1])
        async with served(client, WORKFLOWS, ACTIVITIES, queue=queue):
            error = await failure_of(handle)
            assert isinstance(error, ApplicationError)
            assert error.type == "PayloadError"
            assert str(path) in error.message
            assert await (await start(client, queue, Child, "next")).result() == "next"

    loop_thread().run(scenario(), timeout=30)


def json_payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def reference(data: bytes, **metadata: bytes) -> Payload:
    kind = {"encoding": b"json/protobuf", "messageType": b"temporal.api.sdk.v1.ExternalStorageReference"}
    return Payload(metadata={**kind, **metadata}, data=data)


def truncated(value: Any, share: float) -> Payload:
    payload = ValueConverter().encode(value, "it")
    payload.data = payload.data[: int(len(payload.data) * share)]
    return payload


def of_the_future(value: Any) -> Payload:
    payload = ValueConverter().encode(value, "it")
    payload.metadata["format"] = b"2"
    return payload


FRAME = pd.DataFrame({"x": range(100), "text": ["a"] * 100})

POISONS: dict[str, Callable[[random.Random], Payload]] = {
    "lone surrogate": lambda _: json_payload(rb'"\ud800"'),
    "deep nesting": lambda chance: json_payload(b"[" * (depth := chance.randrange(201, 100_000)) + b"]" * depth),
    "cut JSON": lambda chance: json_payload(b'{"a": [1, 2, {"b": "text"}]}'[: chance.randrange(1, 27)]),
    "NaN where a number is expected": lambda _: json_payload(b"NaN"),
    "10 MB": lambda _: json_payload(b'"' + b"x" * 10_000_000 + b'"'),
    "no encoding": lambda _: Payload(data=b"1"),
    "unknown encoding": lambda chance: Payload(metadata={"encoding": chance.randbytes(8)}, data=b"1"),
    "encrypted": lambda chance: Payload(metadata={"encoding": b"binary/encrypted"}, data=chance.randbytes(40)),
    "pickle": lambda _: Payload(metadata={"encoding": b"binary/pickle"}, data=b"cos\nsystem\n(S'exit 1'\ntR."),
    "future frame": lambda _: of_the_future(FRAME),
    "future parts": lambda _: of_the_future({"a": b"\xff"}),
    "cut frame": lambda chance: truncated(FRAME, chance.random()),
    "cut array": lambda chance: truncated(np.arange(100), chance.random() * 0.99),
    "cut parts": lambda chance: truncated({"a": b"\xff" * 50}, chance.random() * 0.99),
    "random frame": lambda chance: Payload(
        metadata={"encoding": b"binary/arrow", "format": b"1"}, data=chance.randbytes(500)
    ),
    "array of objects": lambda _: Payload(
        metadata={"encoding": b"binary/ndarray", "format": b"1", "array": b'{"dtype":"|O","shape":[1],"order":"C"}'},
        data=b"\x00" * 8,
    ),
    "parts without end": lambda _: Payload(
        metadata={"encoding": b"multipart/json", "format": b"1", "hole": b"$part"},
        data=Payloads(payloads=[json_payload(b'{"$part": 7}')]).SerializeToString(),
    ),
    "message of no type": lambda _: Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.Such"}),
    "random message": lambda chance: Payload(
        metadata={"encoding": b"binary/protobuf", "messageType": b"temporal.api.common.v1.Payloads"},
        data=chance.randbytes(60),
    ),
    "value in another storage": lambda _: reference(b'{"driverName": "nowhere", "claimData": {}}'),
    "damaged reference": lambda chance: reference(chance.randbytes(30)),
    "reference to a file outside": lambda _: reference(
        b'{"driverName":"jupyter-workflows.files","claimData":{"owner":"../..","sha256":"/etc/passwd"}}'
    ),
    "reference to nothing": lambda chance: reference(
        b'{"driverName":"jupyter-workflows.files","claimData":{"owner":"%s","sha256":"%s"}}'
        % (chance.randbytes(16).hex().encode(), chance.randbytes(32).hex().encode())
    ),
    "encrypted reference": lambda _: reference(b"{}", __temporal_external_storage_reference=b"true"),
    "old reference": lambda _: Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"{}"),
}


def poisons(count: int, seed: int) -> Iterator[tuple[str, Payload]]:
    chance = random.Random(seed)
    for number in range(count):
        name = list(POISONS)[number % len(POISONS)]
        yield name, POISONS[name](chance)


def test_each_poisoned_run_fails_with_a_reason_and_all_others_go_on(client: Client):
    """RELIABILITY row 11: the poison comes as argument of the run, result of a step, and argument of a step."""
    seed = 11
    print(f"seed {seed}")

    async def scenario() -> None:
        async with served(client, WORKFLOWS, ACTIVITIES) as queue:
            healthy = [await start(client, queue, NumberToStep, 1) for _ in range(5)]
            for number, (name, payload) in enumerate(poisons(POISONED_RUNS, seed)):
                definition = (Numbers, NumberOfStep, NumberToStep)[number % 3]
                arguments = ("starter", RawValue(payload)) if definition is Numbers else (RawValue(payload),)
                error = await failure_of(await start(client, queue, definition, *arguments))
                assert isinstance(error, ApplicationError), (name, definition, error)
                assert error.type == "PayloadError", (name, definition, error)
                assert len(error.message) < 1_000
                if number % 20 == 0:
                    healthy.append(await start(client, queue, NumberToStep, 1))
            assert [await handle.result() for handle in healthy] == [2] * len(healthy)

    loop_thread().run(scenario(), timeout=150)
