"""Row 12: the cell of a workflow is edited while a run of it is open, and then everything that may restart does."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..kernels import Kernel
from ..processes import kill, of_role
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

GATE = "go"
PALETTE = ("read", "rate", "check", "store", "send", "mark", "sort", "file")
EDITS = ("add", "drop", "reorder", "rename")
STEPS = """
%load_ext jupyter_workflows
import json
import jupyter_workflows
from jupyter_workflows import activity, get_run, workflow, wait_for_signal

def effect(log, step):
    with open(log, "a") as file:
        file.write(step + "\\n")
    return step
"""
STEP = """
@activity
async def {name}(log: str) -> str:
    return effect(log, {name!r})
"""
VERDICT = """
verdict = jupyter_workflows.replay({run!r}).verdicts[0]
divergence = verdict.replayed.divergence
location = divergence.location if divergence else None
print(json.dumps({{"compatible": verdict.compatible, "message": verdict.message,
                   "line": location.line if location else None}}))
"""
PLAN = """
from jupyter_workflows import errors
try:
    get_run({run!r}).plan_resume({step!r})
    print(json.dumps(""))
except errors.ResumeRefused as refused:
    print(json.dumps(str(refused)))
"""
KILL_EVERY = 3
FIRST_LINE = 4
"""The line of the edited cell on which its first step stands."""


@dataclass(frozen=True)
class Edit:
    """A generated edit of the list of steps, the gate among them."""

    kind: str
    before: list[str]
    after: list[str]

    @property
    def parts_at(self) -> int | None:
        """The place in the edited list where it asks for something else than the run did; None where nowhere."""
        done = self.before[: self.before.index(GATE) + 1]
        common = next((i for i, step in enumerate(done) if i >= len(self.after) or self.after[i] != step), len(done))
        return common if common < len(done) else None


def edit(chance: random.Random) -> Edit:
    """An edit, drawn by chance: one step is added, dropped, moved or renamed, anywhere but the gate itself."""
    steps = [chance.choice(PALETTE) for _ in range(chance.randint(4, 7))]
    before = [*steps[:-2], GATE, *steps[-2:]]
    kind = chance.choice(EDITS)
    places = [place for place, step in enumerate(before) if step != GATE]
    place = chance.choice(places)
    after = list(before)
    if kind == "add":
        after.insert(place, chance.choice(PALETTE))
    elif kind == "drop":
        del after[place]
    elif kind == "reorder":
        other = chance.choice(places)
        after[place], after[other] = after[other], after[place]
    else:
        after[place] = chance.choice([name for name in PALETTE if name != after[place]])
    return Edit(kind, before, after) if after != before else edit(chance)


def cell(name: str, steps: list[str]) -> str:
    """The cell of the workflow."""
    lines = [
        f'    await wait_for_signal("{GATE}")' if step == GATE else f"    done.append(await {step}(log))"
        for step in steps
    ]
    return "\n".join(["%%workflow", f"async def {name}(log: str) -> list:", "    done = []", *lines, "    return done"])


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Edit, replay, restart, and let the open run and a new one come to their ends."""
    kernel = stage.bare_kernel()
    kernel.run(STEPS)
    for name in PALETTE:
        kernel.run(STEP.format(name=name))
    found: Counter[str] = Counter()
    for number in range(count):
        found[play_one(stage, kernel, number, edit(stage.random), outcome)] += 1
    refused, agreed = found["refused"], found["compatible"]
    outcome.notes.append(f"{refused} were refused at the line that parts from the run, {agreed} agreed with it")
    stage.conclude(outcome)


def play_one(stage: Stage, kernel: Kernel, number: int, made: Edit, outcome: Outcome) -> str:
    """One edit; gives what the replay said."""
    name, old, new = f"flow_{number}", f"old-{number}", f"new-{number}"
    logs = {run: str(stage.folder / f"{run}.log") for run in (old, new)}
    kernel.run(cell(name, made.before))
    kernel.run(f"{name}.options(id={old!r}).start({logs[old]!r})")
    waits = len(made.before[: made.before.index(GATE)])
    stage.eventually(lambda: len(lines_of(logs[old])) == waits, 30.0, f"steps of {old} before its gate")
    kernel.run(cell(name, made.after))
    said = replayed(stage, kernel, old, waits)
    check_verdict(made, said, f"edit {number}, {made.kind} of {made.before} to {made.after}", outcome)
    outcome.demand(stage.told(old).status == "running", f"{old} did not stay open")
    if number % KILL_EVERY == 0:
        kill(*of_role(stage.home.data, "host"))
    kernel.run(f"{name}.options(id={new!r}).start({logs[new]!r})")
    for run, steps in ((old, made.before), (new, made.after)):
        kernel.run(f"get_run({run!r}).signal({GATE!r})")
        wanted = [step for step in steps if step != GATE]
        result = kernel.value(f"get_run({run!r}).result(timeout=60)")
        outcome.demand(result == wanted, f"{run} gave {result}, its code says {wanted}")
        again = len(lines_of(logs[run])) - len(wanted)
        outcome.repeated += max(0, again)
        outcome.demand(lines_of(logs[run]) == wanted, f"{run} did {lines_of(logs[run])}, its code says {wanted}")
    check_resume(stage, kernel, old, made, outcome)
    return "compatible" if said["compatible"] else "refused"


def check_resume(stage: Stage, kernel: Kernel, run: str, made: Edit, outcome: Outcome) -> None:
    """A resume from behind the gate onto the edited code is refused with the line, or possible; nothing changes yet."""
    gate = made.before.index(GATE)
    first = made.before[gate + 1]
    step = f"{first}-{made.before[: gate + 2].count(first)}"
    refused = json.loads(kernel.run(PLAN.format(run=run, step=step)))
    if made.parts_at is None:
        outcome.demand(not refused, f"{run} could be resumed from {step} on {made.after}, and was not: {refused}")
    else:
        line = f"line {FIRST_LINE + made.parts_at}"
        outcome.demand(line in refused, f"{run} can't be resumed from {step} on {made.after}, {line}; said {refused!r}")
    outcome.demand(len(stage.executions(run)) == 1, f"a plan to resume {run} has begun an execution")


def replayed(stage: Stage, kernel: Kernel, run: str, steps: int) -> dict[str, Any]:
    """What a replay of the open run against the edited cell says, once its history has its last step."""

    def ready() -> bool:
        return kernel.value(f"sum(step.status == 'completed' for step in get_run({run!r}).steps())") == steps

    stage.eventually(ready, 30.0, f"history of {run}")
    return json.loads(kernel.run(VERDICT.format(run=run)))


def check_verdict(made: Edit, said: dict[str, Any], what: str, outcome: Outcome) -> None:
    """The replay agrees exactly where the run has done what the edited code asks for; else it has the line."""
    parts_at = made.parts_at
    outcome.demand(said["compatible"] == (parts_at is None), f"{what}: the replay says {said}")
    if parts_at is not None:
        outcome.demand(said["line"] == FIRST_LINE + parts_at, f"{what}: line {FIRST_LINE + parts_at} parts, not {said}")


def lines_of(log: str) -> list[str]:
    """The effects of a run, in order."""
    path = Path(log)
    return path.read_text().splitlines() if path.exists() else []


ROW = Row(
    "12",
    "a step added, dropped, moved or renamed in a workflow with an open run, the worker host killed every third time",
    40,
    400,
    play,
)
