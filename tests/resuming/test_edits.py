"""The table of `docs/how-to/fix-and-resume.md`: an edit, what is kept of the run, what is said, how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_workflows.errors import ResumeRefused
from tests.resuming.conftest import tell_kept_steps


@pytest.fixture(params=["history", "record"], autouse=True)
def kept_by(request, monkeypatch):
    """How kept steps come to the new execution: as a part of its history, or as a record, as in long runs."""
    if request.param == "record":
        tell_kept_steps(monkeypatch)


STEP = """
@activity(retry=ONCE)
def {name}(value: int, log: str) -> int:
    effect(log, "{name}")
    {body}
    return value + 1
"""
BUG = 'raise KeyError("no such column")'
NAMES = [f"s{n}" for n in range(1, 13)]


def step(notebook: Any, name: str, body: str = "pass") -> None:
    notebook.cell(f"step-{name}", STEP.format(name=name, body=body))


def flow(notebook: Any, calls: list[str], *, before_end: str = "") -> None:
    lines = "".join(f"    value = await {name}(value, log)\n" for name in calls)
    notebook.cell(
        "flow", f"@workflow\nasync def flow(log: str) -> int:\n    value = 0\n{lines}{before_end}    return value\n"
    )


def failed_in_seven(notebook: Any) -> Any:
    """A run of twelve steps that failed in the seventh; the cell of that step is corrected by now."""
    for name in NAMES:
        step(notebook, name, BUG if name == "s7" else "pass")
    flow(notebook, NAMES)
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("failed", timeout=60)
    assert notebook.effects() == NAMES[:7]
    step(notebook, "s7")
    return run


def put(at: int, *names: str, drop: int = 0) -> list[str]:
    return [*NAMES[:at], *names, *NAMES[at + drop :]]


GOES_ON = {
    "step added before the failed one": (put(6, "new"), ["new", *NAMES[6:]]),
    "step added after the failed one": (put(7, "new"), ["s7", "new", *NAMES[7:]]),
    "step put in the place of the failed one": (put(6, "new", drop=1), ["new", *NAMES[7:]]),
    "failed step removed": (put(6, drop=1), NAMES[7:]),
    "later step removed": (put(9, drop=1), [*NAMES[6:9], *NAMES[10:]]),
    "later steps reordered": (put(8, "s10", "s9", drop=2), ["s7", "s8", "s10", "s9", "s11", "s12"]),
}


@pytest.mark.parametrize("edit", GOES_ON)
def test_edit_at_or_after_the_failed_step_goes_on_from_it(notebook, edit):
    calls, again = GOES_ON[edit]
    run = failed_in_seven(notebook)
    step(notebook, "new")
    flow(notebook, calls)
    resumed = run.resume()
    assert resumed.result(timeout=60) == len(calls)
    assert notebook.effects() == NAMES[:7] + again
    assert [found.id for found in resumed.steps() if found.kept] == [f"{name}-1" for name in NAMES[:6]]


REFUSED = {
    "step added earlier": (put(2, "new"), "s3-1"),
    "earlier step removed": (put(2, drop=1), "s3-1"),
    "earlier step renamed": (put(2, "new", drop=1), "s3-1"),
    "earlier steps reordered": (put(2, "s4", "s3", drop=2), "s3-1"),
}


@pytest.mark.parametrize("edit", REFUSED)
def test_edit_before_the_failed_step_is_refused_with_the_latest_point_that_works(notebook, edit):
    calls, offer = REFUSED[edit]
    run = failed_in_seven(notebook)
    step(notebook, "new")
    flow(notebook, calls)
    with pytest.raises(ResumeRefused, match="disagrees with what the run did at step s3-1") as caught:
        run.resume()
    assert caught.value.step == offer
    assert caught.value.location is not None
    assert caught.value.location.line == 3 + 3
    assert run.status == "failed"
    assert notebook.effects() == NAMES[:7]

    assert run.resume(from_step=offer).result(timeout=60) == len(calls)
    assert notebook.effects() == [*NAMES[:7], *calls[2:]]


def test_changed_signature_of_the_failed_step_goes_on_from_it(notebook):
    run = failed_in_seven(notebook)
    notebook.cell(
        "step-s7",
        "@activity(retry=ONCE)\ndef s7(value: int, log: str, times: int = 10) -> int:\n"
        '    effect(log, "s7")\n    return value * times\n',
    )
    assert run.resume().result(timeout=60) == 60 + 5
    assert notebook.effects() == NAMES[:7] + NAMES[6:]


def test_bug_in_workflow_code_goes_on_behind_the_last_step(notebook):
    for name in NAMES:
        step(notebook, name)
    lines = ["    value = 0\n", *[f"    value = await {name}(value, log)\n" for name in NAMES]]
    buggy = [*lines[:8], "    value = value / 0\n", *lines[8:]]
    head = "@workflow\nasync def flow(log: str) -> int:\n"
    notebook.cell("flow", head + "".join(buggy) + "    return value\n")
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("failed", timeout=60)
    assert notebook.effects() == NAMES[:7]
    notebook.cell("flow", head + "".join(lines) + "    return value\n")
    planned = run.plan_resume().plan
    assert planned.from_step is None
    assert [found.id for found in planned.kept] == [f"{name}-1" for name in NAMES[:7]]
    assert run.resume().result(timeout=60) == 12
    assert notebook.effects() == NAMES


BRANCHES = """
@workflow
async def flow(log: str) -> list[int]:
    async def a() -> int:
        return await a2(await a1(1, log), log)
    async def b() -> int:
        return await b2(await b1(1, log), log)
    async def c() -> int:
        return await c2(await c1(1, log), log)
    return list(await asyncio.gather(a(), b(), c()))
"""


def branches(notebook: Any) -> Any:
    """Three branches of two steps: `a` is done when `b1` fails, `c1` still runs then."""
    for name in ("a1", "a2", "b2", "c2"):
        step(notebook, name)
    step(notebook, "c1", "time.sleep(0.3)")
    step(notebook, "b1", "time.sleep(1.5)\n    " + BUG)
    notebook.cell("flow", BRANCHES)
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("failed", timeout=60)
    assert sorted(notebook.effects()) == ["a1", "a2", "b1", "c1", "c2"]
    return run


def test_failure_in_one_of_three_branches_keeps_what_the_others_had_done(notebook):
    run = branches(notebook)
    step(notebook, "b1")
    planned = run.plan_resume().plan
    assert sorted(found.id for found in planned.kept) == ["a1-1", "a2-1", "c1-1", "c2-1"]
    resumed = run.resume()
    assert resumed.result(timeout=60) == [3, 3, 3]
    assert sorted(notebook.effects()) == ["a1", "a2", "b1", "b1", "b2", "c1", "c2"]
    assert sorted(found.id for found in resumed.steps() if found.kept) == ["a1-1", "a2-1", "c1-1", "c2-1"]


def test_branch_whose_code_was_changed_runs_again(notebook):
    run = branches(notebook)
    step(notebook, "b1")
    step(notebook, "c1", "value += 10")
    planned = run.plan_resume().plan
    assert [found.id for found in planned.twice] == ["c1-1"]
    assert run.resume().result(timeout=60) == [3, 3, 13]
    assert sorted(notebook.effects()) == ["a1", "a2", "b1", "b1", "b2", "c1", "c1", "c2", "c2"]
