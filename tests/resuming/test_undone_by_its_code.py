"""A run that was resumed is rolled back: each step is undone by the code that it ran with, and that is told."""

from __future__ import annotations

from typing import Any

UNDO = """
@activity
def give_back(number: int, log: str) -> None:
    effect(log, f"undone-{{number}}-{how}")
"""
STEP = """
@activity(compensate=give_back)
def lend(number: int, log: str) -> int:
    effect(log, f"lent-{number}")
    return number
"""
FLOW = """
@workflow
async def loans(log: str) -> int:
    first = await lend(1, log)
    await wait_for_signal("go")
    return first + await lend(2, log)
"""
NEW = """
@activity
def revoke(output: str, log: str) -> None:
    effect(log, f"revoked-{output}")

@activity(compensate=revoke)
def announce(log: str) -> str:
    effect(log, "announced")
    return "notice"
"""


def at_the_signal(notebook: Any) -> Any:
    notebook.cell("undo", UNDO.format(how="as-it-was"))
    notebook.cell("step", STEP)
    notebook.cell("flow", FLOW)
    run = notebook.start("loans", str(notebook.log))
    run.wait_for("lend-1", timeout=60)
    return run


def undoes(run: Any) -> list[tuple[str, str]]:
    return [(step.name, step.summary or "") for step in run.steps() if step.undoes]


def test_each_step_is_undone_by_the_code_it_ran_with(notebook):
    run = at_the_signal(notebook)
    run.signal("go")
    assert run.result(timeout=60) == 3
    old = run.describe().bundle
    notebook.cell("undo", UNDO.format(how="corrected"))
    notebook.cell("new", NEW)
    notebook.cell("flow", FLOW.replace("return first", "await announce(log)\n    return first"))
    planned = run.plan_resume(from_step="lend-2")
    new = planned.plan.bundle
    resumed = planned.resume()
    assert resumed.result(timeout=60) == 3
    before = ["lent-1", "lent-2", "announced", "lent-2"]
    assert notebook.effects() == before
    undoing = resumed.roll_back("all of it")
    assert undoing.result(timeout=60) == []
    assert notebook.effects() == [*before, "undone-2-corrected", "revoked-notice", "undone-1-as-it-was"]
    assert [effect.status for effect in resumed.effects()] == ["undone"] * 3
    assert undoes(undoing) == [
        ("give_back", f"with the code jw_{new[:8]}"),
        ("revoke", f"with the code jw_{new[:8]}"),
        ("give_back", f"with the code jw_{old[:8]}"),
    ]


def test_run_that_went_on_as_it_was_is_undone_by_the_newest_code(notebook):
    run = at_the_signal(notebook)
    notebook.cell("undo", UNDO.format(how="corrected"))
    assert run.plan_resume().plan.mode == "live"
    run.resume()
    run.signal("go")
    assert run.result(timeout=60) == 3
    assert run.roll_back().result(timeout=60) == []
    assert notebook.effects() == ["lent-1", "lent-2", "undone-2-corrected", "undone-1-corrected"]
