"""From a notebook's cell to a span in a step: one trace, by both protocols, over deaths, and silent about values."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from chaos.kernels import Kernel
from chaos.processes import kill, of_role
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security import keyrings
from jupyter_workflows.telemetry.settings import CONTENT_VARIABLE
from jupyter_workflows.testing import ModelServer

from ..conftest import eventually
from .conftest import kernel
from .receiver import GrpcReceiver, HttpReceiver, Receiver, Seen

SECRET = "planted-7f3a"
STEPS = f"""
@activity(retry=RetryPolicy(max_attempts=3, initial_interval=timeout(seconds=0.01)))
async def summarise(text: str) -> str:
    import logging
    import os
    from opentelemetry import trace
    with trace.get_tracer("mine").start_as_current_span("look closely"):
        logging.getLogger("mine").warning("looking")
        if not os.path.exists("tried"):
            open("tried", "x").close()
            raise ValueError("could not read {SECRET} of " + text)
    return str(await ai.chat("Summarise {SECRET}: " + text))

@activity
def file_away(text: str) -> str:
    return text
"""
WORKFLOW = f"""%%workflow
async def traced(text: str) -> str:
    summary = await summarise(text)
    if await human_approval("File {SECRET}?", editable={{"text": summary}}):
        return await file_away(summary)
"""


def play(notebook: Kernel, home: Home, receiver: Receiver, *, deadly: bool) -> None:
    """A run with a retry, a model call and a person; the worker dies while the person thinks."""
    notebook.run("from jupyter_workflows import ai")
    notebook.run(STEPS)
    notebook.run(WORKFLOW)
    notebook.run(f"run = traced.start('{SECRET}')\nprint(run.id)")
    notebook.run("run.wait_for('approval', timeout=60)")
    # What a worker has not sent yet dies with it.
    assert eventually(lambda: len(receiver.named("step summarise")) == 2 and len(receiver.logs) >= 2)
    if deadly:
        kill(*of_role(home.data, "host"))
    notebook.run("run.approve(comment='well')")
    assert "fine" in notebook.run("print(run.result(timeout=60))")


@pytest.mark.parametrize(
    ("protocol", "encrypted", "deadly", "asked"),
    [(HttpReceiver, True, True, False), (GrpcReceiver, False, False, True)],
    ids=["http", "grpc"],
)
def test_run_is_one_trace_from_its_cell_to_the_spans_of_its_steps(
    own_home: Home,
    tmp_path: Path,
    protocol: type[HttpReceiver | GrpcReceiver],
    encrypted: bool,
    deadly: bool,
    asked: bool,
):
    if encrypted:
        keyrings.turn_on(own_home.keys, NAMESPACE)
    with protocol() as receiver, ModelServer() as models:
        models.reply("fine")
        variables = {**receiver.environment, **models.environment, **({CONTENT_VARIABLE: "true"} if asked else {})}
        with kernel(own_home, tmp_path, variables) as notebook:
            play(notebook, own_home, receiver, deadly=deadly)
            shown = notebook.run("found = run.trace(); print(found.trace_id); print(found); found")
            assert eventually(lambda: receiver.named("run traced") and receiver.named("step file_away"))
            assert eventually(lambda: receiver.logs)
            assert eventually(lambda: "jupyter_workflows_runs_ended" in receiver.metrics)
        check_tree(receiver)
        check_counts(receiver)
        check_words(receiver)
        (run,) = receiver.named("run traced")
        assert shown.startswith(run.trace)
        assert SECRET not in shown
        # Where prompts and errors are asked for, they come: so the search finds what there is.
        assert any(SECRET.encode() in raw for raw in receiver.raw) == asked
        key = models.environment["MISTRAL_API_KEY"].encode()
        assert [raw for raw in receiver.raw if key in raw] == []


def check_tree(receiver: Receiver) -> None:
    """Each span is below the right one."""
    by_id = {span.id: span for span in receiver.spans}

    def parent(span: Seen) -> str:
        return by_id[span.parent].name if span.parent else ""

    (run,) = receiver.named("run traced")
    assert parent(run).startswith("cell [")
    first, second = sorted(receiver.named("step summarise"), key=lambda span: span.start)
    assert (first.failed, second.failed) == (True, False)
    assert (first.attributes["jupyter_workflows.attempt"], second.attributes["jupyter_workflows.attempt"]) == (1, 2)
    assert first.attributes["error.type"] == "ValueError"
    assert {parent(span) for span in (first, second, *receiver.named("step file_away"))} == {"run traced"}
    assert [parent(span) for span in receiver.named("look closely")] == ["step summarise"] * 2
    (call,) = [span for span in receiver.spans if span.name.startswith("chat ")]
    assert by_id[call.parent].id == second.id
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    (waited,) = receiver.named("approval human_approval-1")
    assert parent(waited) == "run traced"
    (decided,) = receiver.named("update jupyter_workflows.decide")
    assert parent(decided).startswith("cell [")
    assert decided.links == [run.id]
    assert {span.trace for span in receiver.spans if span.id not in (decided.id, decided.parent)} == {run.trace}


def check_counts(receiver: Receiver) -> None:
    """Nothing was told twice, though the run was replayed."""
    times = Counter(span.id for span in receiver.spans)
    assert [span.name for span in receiver.spans if times[span.id] > 1] == []
    told = [
        (attributes["jupyter_workflows.step.id"], trace)
        for body, attributes, trace in receiver.logs
        if body == "looking"
    ]
    (run,) = receiver.named("run traced")
    assert told == [("summarise-1", run.trace)] * 2


def check_words(receiver: Receiver) -> None:
    """Spans and attributes are those of the reference."""
    page = (Path(__file__).parents[2] / "docs/reference/telemetry.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z_.]+)`", page))
    kinds = {span.partition(" ")[0] for span in re.findall(r"`([a-zA-Z]+ [A-Z\[\]]+)`", page)}
    ours = [span for span in receiver.spans if span.name != "look closely"]
    assert {span.name.partition(" ")[0] for span in ours} - kinds == set()
    assert {name for span in ours for name in span.attributes} - words == set()
    assert {name for _, attributes, _ in receiver.logs for name in attributes} - words == set()
