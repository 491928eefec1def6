"""Row 8: the same run is submitted many times at once, after its end, and from two kernels."""

from __future__ import annotations

from ..kernels import Kernel
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

AT_ONCE = 50
SUBMIT = """
import concurrent.futures
from jupyter_workflows import errors

def submit(kind):
    try:
        return pipeline.options(id={run!r}, if_exists=kind).start({seconds!r}).run_id
    except errors.RunAlreadyExists:
        return "exists"

def submit_all(many):
    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        return list(pool.map(submit, ["raise" if number % 2 else "attach" for number in range(many)]))
"""


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Submit each run 50 times from two kernels at once, and again when it has ended."""
    pair = [stage.kernel(), stage.kernel()]
    for _ in range(count):
        run, seconds = stage.acknowledge(steps=1, longest_seconds=0.4)
        for kernel in pair:
            kernel.run(SUBMIT.format(run=run, seconds=seconds))
        answers = at_once(pair)
        kernel = pair[0]
        kernel.run(f"get_run({run!r}).result(timeout=30)")
        answers += kernel.value("submit_all(4)")
        check(stage, run, answers, outcome)
    stage.conclude(outcome)


def at_once(pair: list[Kernel]) -> list[str]:
    """What each of 50 submissions got."""
    source = f"print(json.dumps(submit_all({AT_ONCE // 2})))"
    sent = [kernel.begin(source) for kernel in pair]
    import json

    return [got for kernel, one in zip(pair, sent, strict=True) for got in json.loads(kernel.finish(one))]


def check(stage: Stage, run: str, answers: list[str], outcome: Outcome) -> None:
    """One execution, one effect, and everybody was told of that one."""
    executions = stage.executions(run)
    outcome.demand(len(executions) == 1, f"{run} was executed {len(executions)} times")
    strangers = set(answers) - executions - {"exists"}
    outcome.demand(not strangers, f"{run}: submissions got {strangers}, history knows {executions}")
    outcome.demand(len(answers) == AT_ONCE + 4, f"{run}: {len(answers)} answers")
    effects = [entry for entry in stage.log.read() if entry.run == run and entry.what == "effect"]
    outcome.demand(len(effects) == 1, f"{run} had {len(effects)} effects, wanted 1")


ROW = Row("8", "the same run submitted 50 times at once from two kernels, and again after its end", 20, 200, play)
