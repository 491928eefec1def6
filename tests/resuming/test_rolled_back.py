"""A run that was rolled back goes on from the first step that was undone: what was undone is done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.errors import ResumeRefused, WorkflowFailed
from jupyter_workflows.runs.audit.exporting import verify_file
from jupyter_workflows.security.identity import local_user

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


def test_rolled_back_run_does_again_what_was_undone(notebook, tmp_path: Path):
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
    tells_both_executions(run, tmp_path / "gifts.audit.jsonl")


def tells_both_executions(run: Any, path: Path) -> None:
    """The audit file of the run tells what was done, undone, by whom it goes on, and what was done again."""
    verdict = verify_file(run.audit(path).path, run.access.keys)
    assert (verdict.problems, verdict.holds) == ([], True)
    told = [(record["type"], record["body"]) for record in verdict.records]
    first, second = [body for kind, body in told if kind == "execution"]
    assert (first["status"], second["status"], second["resumed"]["run_id"]) == (
        "failed",
        "completed",
        first["run_id"],
    )
    done = [(body["id"], body["status"]) for kind, body in told if kind == "step"]
    assert [step for step, status in done if status == "completed"] == [
        *("give-1", "give-2", "undo:give-2", "undo:give-1"),
        *("give-1", "give-2", "last-1"),
    ]
    ((_, rollback),) = [entry for entry in told if entry[0] == "rollback" and not entry[1]["rollback"]["finished_at"]]
    assert "no such column" in rollback["rollback"]["reason"]
    ((_, resumed),) = [entry for entry in told if entry[0] == "resumed"]
    assert (resumed["by"], resumed["from_step"]) == (local_user(), "give-1")
    assert len({body["digest"] for kind, body in told if kind == "code"}) == 2
