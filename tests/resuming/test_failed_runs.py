"""Runs that failed go on with the corrected cell: what was done stays done."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from jupyter_workflows.commands.resume_commands import resume
from jupyter_workflows.errors import ResumeRefused, WorkflowFailed

STEP = """
@activity(retry=ONCE)
def step_{n}(value: int, log: str) -> int:
    effect(log, "{n}")
    {bug}
    return value + {n}
"""
BUG = 'raise KeyError("no such column")'
TWELVE = (
    "@workflow\nasync def twelve(log: str) -> int:\n    value = 0\n"
    + "".join(f"    value = await step_{n}(value, log)\n" for n in range(1, 13))
    + "    return value\n"
)


def twelve_steps(notebook: Any, *, bug_in: int = 7) -> None:
    """The cells of a workflow of twelve steps with a bug in one of them."""
    for n in range(1, 13):
        notebook.cell(f"step-{n}", STEP.format(n=n, bug=BUG if n == bug_in else "pass"))
    notebook.cell("flow", TWELVE)


def numbers(first: int, last: int) -> list[str]:
    return [str(n) for n in range(first, last + 1)]


def test_bug_in_an_activity_is_fixed_and_only_it_and_what_follows_run(notebook):
    twelve_steps(notebook)
    run = notebook.start("twelve", str(notebook.log))
    with pytest.raises(WorkflowFailed, match="no such column"):
        run.result(timeout=60)
    assert notebook.effects() == numbers(1, 7)

    notebook.cell("step-7", STEP.format(n=7, bug="pass"))
    again = run.resume()
    assert again.result(timeout=60) == sum(range(1, 13))
    assert notebook.effects() == numbers(1, 7) + numbers(7, 12)
    assert again.id == run.id

    snapshot = again.snapshot()
    assert snapshot.run.resumed is not None
    assert snapshot.run.resumed.from_step == "step_7-1"
    assert [step.id for step in snapshot.steps if step.kept] == [f"step_{n}-1" for n in range(1, 7)]
    assert run.result(timeout=10) == sum(range(1, 13)), "the first handle follows the run"


def test_plan_says_what_is_kept_and_what_runs_again_before_anything_changes(notebook):
    twelve_steps(notebook)
    run = notebook.start("twelve", str(notebook.log))
    run.wait_for("failed", timeout=60)
    notebook.cell("step-7", STEP.format(n=7, bug="pass"))

    planned = run.plan_resume()
    assert [step.id for step in planned.plan.kept] == [f"step_{n}-1" for n in range(1, 7)]
    assert [step.id for step in planned.plan.again] == ["step_7-1"]
    assert planned.plan.twice == []
    assert "from step step_7-1" in repr(planned)
    assert "6 steps" in planned._repr_html_()
    assert run.status == "failed"

    earlier = run.plan_resume(from_step="step_3-1").plan
    assert [step.id for step in earlier.twice] == [f"step_{n}-1" for n in range(3, 7)]


def test_step_that_does_not_exist_is_refused_with_those_there_are(notebook):
    twelve_steps(notebook)
    run = notebook.start("twelve", str(notebook.log))
    run.wait_for("failed", timeout=60)
    with pytest.raises(ResumeRefused, match=r"no step 'step_9-1': it has .*step_7-1"):
        run.resume(from_step="step_9-1")


def test_resume_without_a_fix_fails_again_and_can_be_resumed_again(notebook):
    twelve_steps(notebook)
    run = notebook.start("twelve", str(notebook.log))
    run.wait_for("failed", timeout=60)
    second = run.resume()
    with pytest.raises(WorkflowFailed):
        second.result(timeout=60)
    notebook.cell("step-7", STEP.format(n=7, bug="pass"))
    third = run.resume()
    assert third.result(timeout=60) == sum(range(1, 13))
    assert notebook.effects() == [*numbers(1, 7), "7", *numbers(7, 12)]
    assert len({second.run_id, third.run_id}) == 2


def test_command_says_what_would_happen_and_then_does_it(notebook):
    twelve_steps(notebook)
    run = notebook.start("twelve", str(notebook.log))
    run.wait_for("failed", timeout=60)
    notebook.cell("step-7", STEP.format(n=7, bug="pass"))
    line = Namespace(run=run.id, from_step="step_7-1", plan=True)
    planned = resume(notebook.session, line)
    assert planned.data.from_step == "step_7-1"
    assert run.status == "failed"
    line.plan = False
    assert resume(notebook.session, line).value.id == run.id
    assert run.result(timeout=60) == sum(range(1, 13))
