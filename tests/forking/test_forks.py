"""Another branch of a run beside it: what is kept is answered from its record, what differs runs."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows import compare
from jupyter_workflows.authoring.starter import FORK_MEMO
from jupyter_workflows.commands import resume_commands as commands
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import ArgumentsError, CommandError, JupyterWorkflowsError, ResumeRefused, RunNotFound
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.runs import client
from jupyter_workflows.runs.audit.exporting import verify_file
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.security import keyrings
from tests.conftest import eventually

STEPS = """
PROMPT = "be brief"
STYLE = f"{PROMPT}, please"

@activity(retry=ONCE)
def load(name: str, log: str) -> str:
    effect(log, "load")
    return f"text of {name}"

@activity(retry=ONCE)
def summarise(text: str, model: str, log: str) -> str:
    effect(log, "summarise")
    return f"{STYLE}: {text} by {model}"

@activity(retry=ONCE)
def send(text: str, log: str) -> str:
    effect(log, "send")
    return "sent"
"""
FLOW = """
@workflow
async def report(name: str, log: str, model: str = "large") -> str:
    text = await load(name, log)
    summary = await summarise(text, model, log)
    await send("a report", log)
    return summary
"""


@pytest.fixture
def ended(notebook: Any) -> Any:
    """A run of three steps that completed."""
    notebook.cell("steps", STEPS)
    notebook.cell("flow", FLOW)
    run = notebook.start("report", "sales", str(notebook.log))
    assert run.result(timeout=60) == "be brief, please: text of sales by large"
    assert notebook.effects() == ["load", "summarise", "send"]
    notebook.log.write_text("")
    return run


def test_fork_from_a_step_keeps_what_was_before_and_leaves_the_run_alone(notebook, ended, tmp_path: Path):
    before = ended.describe()
    fork = ended.fork("summarise-1")
    assert fork.result(timeout=60) == ended.result()
    assert notebook.effects() == ["summarise", "send"]
    assert fork.id.startswith(f"{ended.id}/fork:")

    snapshot = fork.snapshot()
    assert [(step.id, step.kept.id) for step in snapshot.steps if step.kept] == [("load-1", ended.id)]
    assert snapshot.run.forked is not None
    assert (snapshot.run.forked.id, snapshot.run.forked.from_step) == (ended.id, "summarise-1")
    assert snapshot.run.starter == before.starter
    assert ended.describe() == before, "the run that was forked is what it was"
    assert [found.id for found in ended.forks().records] == [fork.id]

    verdict = verify_file(fork.audit(tmp_path / "fork.audit.jsonl").path, fork.access.keys)
    assert verdict.holds
    told = [(record["type"], record["body"]) for record in verdict.records]
    ((_, start),) = [entry for entry in told if entry[0] == "start"]
    assert (start["forked"]["id"], start["kind"]) == (ended.id, "start")
    kept = {body["id"]: body.get("kept", {}).get("id") for kind, body in told if kind == "step"}
    assert kept == {"load-1": ended.id, "summarise-1": None, "send-1": None}


@pytest.mark.parametrize("signed", [{}, {"run_id": "another"}])
def test_fork_that_was_not_signed_for_what_it_names_takes_nothing_from_it(notebook, ended, signed, monkeypatch):
    real = client.started_by

    def stated(access: Any, request: client.StartRequest, id: str) -> dict[str, Any]:
        """What somebody can put beside a mark of their own: a statement of another start."""
        memo = {FORK_MEMO: {**request.memo[FORK_MEMO], **signed}} if signed else {}
        return real(access, dataclasses.replace(request, memo=memo), id)

    monkeypatch.setattr(client, "started_by", stated)
    fork = ended.fork("summarise-1")
    assert fork.result(timeout=60) == ended.result()
    assert [step.id for step in fork.steps() if step.kept] == []
    assert notebook.effects() == ["load", "summarise", "send"]


def test_fork_with_another_argument_runs_only_what_gets_another_input(notebook, ended):
    planned = ended.plan_fork(model="small")
    assert planned.plan.changes == ["model"]
    assert "Changed: model" in repr(planned)
    assert notebook.effects() == []
    fork = planned.fork()
    assert fork.result(timeout=60) == "be brief, please: text of sales by small"
    assert notebook.effects() == ["summarise"]
    assert [step.id for step in fork.steps() if step.kept] == ["load-1", "send-1"]


def test_fork_with_another_constant_runs_the_steps_that_read_it(notebook, ended):
    fork = ended.fork(PROMPT="be kind")
    assert fork.result(timeout=60) == "be kind, please: text of sales by large"
    assert notebook.effects() == ["summarise"]
    assert notebook.namespace["PROMPT"] == "be brief"


def test_fork_takes_the_cells_as_they_are_now(notebook, ended):
    notebook.cell("steps", STEPS.replace('"sent"', '"sent twice"'))
    planned = ended.plan_fork()
    assert [step.id for step in planned.plan.kept] == ["load-1", "summarise-1"]
    assert [step.id for step in planned.plan.twice] == ["send-1"]
    planned.fork().result(timeout=60)
    assert notebook.effects() == ["send"]


def test_fork_with_a_replaced_result_or_input_records_who_replaced_it(notebook, ended):
    fork = ended.fork(results={"load-1": "nothing"})
    assert fork.result(timeout=60) == "be brief, please: nothing by large"
    assert notebook.effects() == ["summarise"]
    assert [step.kept.replaced_by for step in fork.steps() if step.kept and step.id == "load-1"] == [
        notebook.session.workshop().person
    ]

    other = ended.fork("summarise-1", input_override=["much", "huge", str(notebook.log)])
    assert other.result(timeout=60) == "be brief, please: much by huge"
    assert notebook.effects() == ["summarise", "summarise", "send"]


def test_fork_that_failed_is_resumed_and_forked_again(notebook, ended):
    notebook.cell("steps", STEPS.replace('return "sent"', 'raise KeyError("no address")'))
    fork = ended.fork("send-1")
    fork.wait_for("failed", timeout=60)
    notebook.cell("steps", STEPS)
    assert fork.resume().result(timeout=60) == ended.result()
    assert notebook.effects() == ["send", "send"]

    second = fork.fork(model="tiny")
    assert second.result(timeout=60) == "be brief, please: text of sales by tiny"
    assert notebook.effects() == ["send", "send", "summarise"]
    assert second.snapshot().run.forked.id == fork.id
    assert [found.id for found in ended.forks().records] == [fork.id]


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "nothing changes": (lambda run: run.fork(), ResumeRefused, r"would keep everything: name a step, .*'send-1'"),
    "no such step": (lambda run: run.fork("sent-1"), ResumeRefused, r"no step 'sent-1': it has load-1"),
    "no such name": (lambda run: run.fork(PROMT="x"), ResumeRefused, r"no constant 'PROMT': did you mean 'PROMPT'"),
    "no plain data": (lambda run: run.fork(PROMPT=object()), ResumeRefused, r"PROMPT can't be a object"),
    "wrong type": (lambda run: run.fork(model=7), ArgumentsError, r"report's argument model: 7 is not of type"),
    "input of no step": (lambda run: run.fork(input_override=[1]), ResumeRefused, r"say from_step="),
}


@pytest.mark.parametrize("wish", REFUSED)
def test_fork_that_makes_no_sense_is_refused(ended, wish):
    fork, error, words = REFUSED[wish]
    with pytest.raises(error, match=words):
        fork(ended)
    assert ended.forks().records == []


BRANCHY = """
@activity(compensate=unbook, retry=ONCE)
def book(seat: str, log: str) -> str:
    effect(log, f"book-{seat}")
    return seat

@activity(retry=ONCE)
def check(seat: str, log: str, fail: bool) -> str:
    effect(log, "check")
    if fail:
        raise KeyError(seat)
    return seat

@workflow
async def trip(log: str, fail: bool = False) -> str:
    seat = await book("4a", log)
    if not await human_approval(f"Take {seat}?"):
        return "left"
    word = await wait_for_signal("go")
    await book("4b", log)
    await check(seat, log, fail)
    return f"{seat} {word}"
"""
UNDO = """
@activity
def unbook(seat: str, log: str) -> None:
    effect(log, f"unbook-{seat}")
"""


def test_fork_of_an_open_run_asks_people_again_hands_over_signals_and_undoes_only_its_own_effects(notebook):
    notebook.cell("undo", UNDO)
    notebook.cell("trip", BRANCHY)
    run = notebook.start("trip", str(notebook.log))
    run.signal("go", "on")
    run.wait_for("approval", timeout=60)

    fork = run.fork(fail=True)
    fork.wait_for("approval", timeout=60)
    fork.approve()
    fork.wait_for("failed", timeout=60)
    assert notebook.effects() == ["book-4a", "book-4b", "check", "unbook-4b"]
    assert {effect.step: effect.status for effect in fork.effects()} == {"book-2": "undone"}

    assert run.status == "running"
    run.approve()
    assert run.result(timeout=60) == "4a on"
    assert {effect.step for effect in run.effects()} == {"book-1", "book-2"}


def test_fork_is_compared_with_its_run(notebook, ended):
    fork = ended.fork(model="small")
    fork.result(timeout=60)
    found = compare(ended.id, fork)
    assert [(edit.before, edit.after) for edit in found.data.arguments] == [("large", "small")]
    assert [step.name for step in found.steps if step.differs] == ["summarise"]
    assert (found.data.a.kept, found.data.b.kept) == (0, 2)
    assert found.data.result[0].after == fork.result()
    assert not found
    with pytest.raises(JupyterWorkflowsError, match="compared with itself"):
        compare(fork, fork)


def test_commands_say_what_a_fork_would_do_then_do_it_and_compare(notebook, ended):
    line = Namespace(run=ended.id, changes='{"model": "small"}', from_step=None, results=None, plan=True)
    assert commands.fork(notebook.session, line).data.changes == ["model"]
    line.plan = False
    forked = commands.fork(notebook.session, line).value
    forked.result(timeout=60)
    outcome = commands.compare(notebook.session, Namespace(run=ended.id, other=forked.id))
    assert outcome.exit_code == 1
    assert "≠ summarise-1" in repr(outcome.value)
    with pytest.raises(CommandError, match="takes a JSON object"):
        commands.fork(notebook.session, Namespace(**vars(line) | {"changes": "[1]"}))


def test_kept_steps_are_shown_as_such_where_values_are_encrypted(own_home, own_notebook):
    keyrings.turn_on(own_home.keys, NAMESPACE)
    own_notebook.cell("steps", STEPS)
    own_notebook.cell("flow", FLOW)
    run = own_notebook.start("report", "sales", str(own_notebook.log))
    run.result(timeout=60)
    fork = run.fork("summarise-1")
    fork.result(timeout=60)
    assert fork.access.client.data_converter.payload_codec is not None
    # The live view leaves values out; who reads the run's values has them, with what stands beside them.
    live = RunReader(fork.access, fork.id, bare=True)
    for reader in (fork.new_reader(), live):
        steps = loop_thread().run(reader.snapshot()).steps
        assert [(step.id, step.kept.id) for step in steps if step.kept] == [("load-1", run.id)]
    assert compare(run, fork).data.b.kept == 1


FAMILY = """
@activity
def revert(number: int, log: str) -> None:
    effect(log, f"reverted-{number}")

@activity(compensate=revert)
def produce(number: int, log: str) -> int:
    effect(log, f"produced-{number}")
    return number + GROWTH

@workflow
async def branch(number: int, log: str) -> int:
    return await produce(number, log)

@workflow
async def family(first: int, second: int, log: str) -> int:
    one = await branch(first, log)
    two = await branch(second, log)
    return await produce(one + two, log)
"""


def test_child_run_with_the_same_code_and_input_is_kept_and_its_effects_stay_its_own(notebook):
    notebook.cell("growth", "GROWTH = 1")
    notebook.cell("family", FAMILY)
    run = notebook.start("family", 1, 10, str(notebook.log))
    assert run.result(timeout=60) == 14
    planned = run.plan_fork(second=20)
    assert [step.id for step in planned.plan.kept] == ["branch-1", "branch-2", "produce-1"]

    fork = planned.fork()
    assert fork.result(timeout=60) == 24
    assert notebook.effects() == ["produced-1", "produced-10", "produced-13", "produced-20", "produced-23"]
    kept = {step.id: (step.name, step.kept.id, step.output) for step in fork.steps() if step.kept}
    assert kept == {"branch-1": ("branch", run.id, 2)}
    assert [step.id for step in fork.steps()] == ["branch-1", "branch-2", "produce-1"]
    assert fork.roll_back().result(timeout=60) == []
    assert notebook.effects()[5:] == ["reverted-23", "reverted-20"]

    notebook.log.write_text("")
    other = run.fork(GROWTH=2)
    assert other.result(timeout=60) == 17
    assert notebook.effects() == ["produced-1", "produced-10", "produced-15"]


ASKED = """
@workflow
async def permitted(log: str) -> bool:
    return bool(await human_approval("Go ahead?"))

@workflow
async def permitted_below(log: str) -> bool:
    return await permitted(log)

@workflow
async def paid(amount: int, log: str) -> int:
    return await produce(amount, log) if await permitted_below(log) else 0
"""


def test_child_run_in_which_people_decided_asks_them_again(notebook):
    notebook.cell("growth", "GROWTH = 1")
    notebook.cell("family", FAMILY)
    notebook.cell("asked", ASKED)
    run = notebook.start("paid", 1, str(notebook.log))
    first = notebook.handle(f"{run.id}/permitted_below-1/permitted-1")
    assert eventually(lambda: exists(first), 60)
    first.approve()
    assert run.result(timeout=60) == 2
    planned = run.plan_fork(amount=5)
    assert [(step.id, step.why) for step in planned.plan.again] == [
        ("permitted_below-1", "people had a say in it: they are asked again")
    ]
    fork = planned.fork()
    below = notebook.handle(f"{fork.id}/permitted_below-1/permitted-1")
    assert eventually(lambda: exists(below), 60)
    below.reject()
    assert fork.result(timeout=60) == 0


def exists(run: Any) -> bool:
    try:
        return bool(run.pending_approvals())
    except RunNotFound:
        return False
