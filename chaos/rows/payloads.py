"""Row 11: values that can't be read. One run fails and says why; its worker and all other runs go on."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload, Payloads, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest

from ..histories import Told
from ..kernels import Kernel
from ..stage import Stage, TookTooLong
from ..verdicts import Outcome
from .plan import Row

WAVE = 20
END_SECONDS = 20.0
CELLS = (
    '''
def make(kind, size):
    """A value that is hard to send."""
    deep = []
    for _ in range(size):
        deep = [deep]
    return {"deep": deep, "nan": [float("nan"), float("-inf")] * size, "surrogate": "\\ud800" * size,
            "large": "x" * size * 1000, "object": object()}[kind]
''',
    """
@activity
def weigh(value) -> int:
    return 1

@activity
def produce(kind: str, size: int):
    return make(kind, size)

@workflow
async def swallow(value) -> int:
    return await weigh(value)

@workflow
async def spit(kind: str, size: int):
    await produce(kind, size)
    return "spat"

@workflow
async def give(kind: str, size: int):
    return make(kind, size)

@workflow
async def listen() -> int:
    from jupyter_workflows import wait_for_signal
    await wait_for_signal("go")
    return 1
""",
    """
from jupyter_workflows import errors

def attempt(name, id, *args):
    try:
        {"swallow": swallow, "spit": spit, "give": give, "listen": listen}[name].options(id=id).start(*args)
    except errors.JupyterWorkflowsError as refused:
        is_clear = isinstance(refused, (errors.PayloadError, errors.ArgumentsError))
        return f"{'refused' if is_clear else type(refused).__name__}: {refused}"[:500]
    return "started"
""",
)


@dataclass(frozen=True)
class Poison:
    """One thing that is hard to digest.

    Args:
        run: The id of its run.
        must_fail: Whether no reading of it could be right.
        put: Brings it in; gives "started", or how it was refused.
    """

    run: str
    must_fail: bool
    put: Callable[[], str]


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Poison run after run, in waves, while others work; then see what each of them came to."""
    kernel = stage.kernel()
    for cell in CELLS:
        kernel.run(cell)
    kernel.run("listening = listen.options(id='listener').start()")
    kernel.run("swallow.options(id='healthy').start(1).result(timeout=30)")
    queue = stage.task_queue("healthy")
    before = stage.hosts()
    for first in range(0, count, WAVE):
        stage.keep_busy(kernel, 2, 4)
        wave = [poison(stage, kernel, queue, number) for number in range(first, min(first + WAVE, count))]
        answers = {each.run: each.put() for each in wave}
        for each in wave:
            check(stage, each, answers[each.run], outcome)
    outcome.demand(stage.hosts() == before, f"the worker host was {before}, is {stage.hosts()}")
    kernel.run("listening.signal('go'); print(listening.result(timeout=20))")
    stage.conclude(outcome)


def poison(stage: Stage, kernel: Kernel, queue: str, number: int) -> Poison:
    """One poison of the kind that is next, sized by chance."""
    run = f"poisoned-{number}"
    kind, by = KINDS[number % len(KINDS)]
    if by == "raw":
        payload = RAW[kind](stage.random)
        return Poison(run, True, lambda: start_raw(stage, run, queue, payload))
    if by == "signal":
        payload = RAW[kind](stage.random)
        return Poison(run, True, lambda: signal_raw(stage, kernel, run, payload))
    size = {"large": 10_000, "deep": stage.random.choice([100, 900, 5_000, 60_000])}.get(
        kind, stage.random.randint(1, 50)
    )
    argument = f"make({kind!r}, {size})" if by == "swallow" else f"{kind!r}, {size}"
    put = f"attempt({by!r}, {run!r}, {argument})"
    return Poison(run, kind == "object", lambda: kernel.value(put))


def start_raw(stage: Stage, run: str, queue: str, payload: Payload) -> str:
    """Start a run as a program would that does not use this package."""
    client = stage.client()
    request = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=run,
        workflow_type=WorkflowType(name="swallow"),
        task_queue=TaskQueue(name=queue),
        input=Payloads(payloads=[payload]),
        request_id=uuid.uuid4().hex,
    )
    stage.do(client.workflow_service.start_workflow_execution(request))
    return "started"


def signal_raw(stage: Stage, kernel: Kernel, run: str, payload: Payload) -> str:
    """Send a run that waits for a signal one that can't be read."""
    answer = kernel.value(f"attempt('listen', {run!r})")
    client = stage.client()
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace, signal_name="go", input=Payloads(payloads=[payload]), request_id=uuid.uuid4().hex
    )
    request.workflow_execution.workflow_id = run
    stage.do(client.workflow_service.signal_workflow_execution(request))
    return str(answer)


def check(stage: Stage, poison: Poison, answer: str, outcome: Outcome) -> None:
    """It was refused with a reason before anything began, or its run failed with one, or it was no poison after all."""
    if answer != "started":
        outcome.demand(answer.startswith("refused: "), f"{poison.run}: {answer}")
        return

    def ended() -> Told | None:
        found = stage.told(poison.run)
        return found if found.status != "running" else None

    try:
        told = stage.eventually(ended, END_SECONDS, f"end of {poison.run}")
    except TookTooLong as error:
        outcome.problems.append(str(error))
        return
    outcome.demand(told.status in ("completed", "failed"), f"{poison.run} is {told.status}")
    outcome.demand(told.status == "failed" or not poison.must_fail, f"{poison.run} swallowed its poison: {told.result}")
    outcome.demand(told.status == "completed" or told.failure, f"{poison.run} failed without a reason")


def _payload(encoding: str, data: bytes, **metadata: str) -> Payload:
    texts = {"encoding": encoding, **metadata}
    return Payload(metadata={name: text.encode() for name, text in texts.items()}, data=data)


def _cut(random: random.Random, data: bytes) -> bytes:
    return data[: random.randrange(1, len(data) - 1)]


_WHOLE = json.dumps({"name": "contract", "clauses": [1, 2, 3]}).encode()
_REFERENCE = json.dumps({"driverName": "gone", "claimData": {"key": "none"}}).encode()
RAW: dict[str, Callable[[random.Random], Payload]] = {
    "unknown encoding": lambda random: _payload("binary/from-the-future", random.randbytes(64)),
    "future codec": lambda random: _payload("binary/encrypted", random.randbytes(256), version="99", key="later"),
    "no encoding": lambda random: Payload(data=random.randbytes(64)),
    "cut JSON": lambda random: _payload("json/plain", _cut(random, _WHOLE)),
    "half a character": lambda random: _payload("json/plain", b'"\xc3"'),
    "deep JSON": lambda random: _payload("json/plain", b"[" * 60_000 + b"]" * 60_000),
    "cut message": lambda random: _payload(
        "binary/protobuf", b"\x0a\xff\xff\xff\x7f" + random.randbytes(8), messageType="temporal.api.common.v1.Payload"
    ),
    "unknown message": lambda random: _payload("json/protobuf", b"{}", messageType="example.v9.Unknown"),
    "missing blob": lambda random: _payload(
        "json/protobuf", _REFERENCE, messageType="temporal.api.sdk.v1.ExternalStorageReference"
    ),
    "cut table": lambda random: _payload("binary/arrow", b"ARROW1\x00\x00" + random.randbytes(32)),
    "a pickle": lambda random: _payload("binary/python-pickle", b"cos\nsystem\n(S'true'\ntR."),
}
KINDS = (
    *[(kind, by) for kind in ("large", "nan", "surrogate", "deep") for by in ("swallow", "spit", "give")],
    *[("object", by) for by in ("swallow", "spit", "give")],
    *[(kind, "raw") for kind in RAW],
    *[(kind, "signal") for kind in RAW],
)

ROW = Row(
    "11", "10 MB values, NaN, lone surrogates, deep nesting, objects, unknown encodings, future codecs, cut JSON and "
    "protobuf, missing blobs: as argument, step result, run result and signal", 200, 10_000, play,
)  # fmt: skip
