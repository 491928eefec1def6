"""A run that was rolled back goes on from the first step that was undone: what was undone is done again."""

from __future__ import annotations

import pytest

from jupyter_workflows.errors import ResumeRefused, WorkflowFailed

CELLS = {
    "undo": """
@activity
def take_back(number: int, log: str) -> None:
    effect(log, f"undone-{number}")
""",
    "step": """
@activity(compensate=take_back)
def give(number: int, log: str) -> int:
    effect(log, f"given-{number}")
    return number
""",
    "flow": """
@workflow
async def gifts(log: str) -> int:
    first = await give(1, log)
    second = await give(2, log)
    return first + second + await last(log)
""",
}
LAST = """
@activity(retry=ONCE)
def last(log: str) -> int:
    {bug}
    return 3
"""


def test_rolled_back_run_does_again_what_was_undone(notebook):
    for name in ("undo", "step"):
        notebook.cell(name, CELLS[name])
    notebook.cell("last", LAST.format(bug="raise KeyError('no such column')"))
    notebook.cell("flow", CELLS["flow"])
    run = notebook.start("gifts", str(notebook.log))
    with pytest.raises(WorkflowFailed, match="no such column"):
        run.result(timeout=60)
    before = ["given-1", "given-2", "undone-2", "undone-1"]
    assert notebook.effects() == before

    notebook.cell("last", LAST.format(bug="pass"))
    with pytest.raises(ResumeRefused, match="what give-1 did was undone by a rollback"):
        run.resume(from_step="last-1")
    planned = run.plan_resume()
    assert planned.plan.from_step == "give-1"
    assert planned.plan.kept == []
    assert [step.id for step in planned.plan.again] == ["give-1", "give-2", "last-1"]
    assert planned.resume().result(timeout=60) == 6
    assert notebook.effects() == [*before, "given-1", "given-2"]
