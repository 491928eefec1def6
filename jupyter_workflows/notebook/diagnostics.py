"""The codes of everything that keeps a workflow in the notebook, and how they are collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..schema import CellLocation, Diagnostic


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of mistake.

    Args:
        code: `JW...`, documented in `docs/reference/diagnostics.md`.
        message: What is wrong; `{...}` are filled in.
        remedy: What to do about it.
    """

    code: str
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


# 1xx: names and the values behind them
UNDEFINED = Rule("JW101", "{name} is not defined", "Define or import it in a cell and run that cell")
NOT_EXECUTED = Rule("JW102", "{name} is defined in a cell that was not run ({place})", "Run that cell")
FAILED = Rule("JW103", "{name} is defined in a cell that failed before it got there ({place})", "Correct and re-run it")
DELETED = Rule("JW104", "{name} was deleted ({place})", "Run the cell that defines it again")
LIVE_OBJECT = Rule(
    "JW105",
    "{name} is a live {type}, which exists in this kernel only",
    "Build it inside the activity that uses it, pass what it holds as an argument, or store it in the bundle "
    "on purpose: --capture {name}",
)
MUTATED = Rule(
    "JW106",
    "{name} was changed after it was defined{place}, so its definition does not say what it holds",
    "Build it in one statement, or pass it as an argument",
)
SIDE_EFFECT = Rule(
    "JW107",
    "the value of {name} comes from {effect}, which a worker would do again or not be able to do",
    "Do it inside the activity that needs it, or pass the value as an argument",
)
STALE = Rule(
    "JW108",
    "{name} was computed before {dependency} was defined anew, so the cells no longer give its value",
    "Run the cell that defines {name} again",
)
NO_SOURCE = Rule(
    "JW109",
    "{name} is a function without a definition of its own ({what})",
    "Write it as a `def` or `async def` in a cell",
)
RUN_TIME_CODE = Rule(
    "JW110", "{name} was made by exec or eval, so there is no source to bundle", "Write its definition in a cell"
)
NOTEBOOK_ONLY = Rule("JW111", "{name} exists in a notebook only", "Leave it out of workflows and activities: {instead}")
WILDCARD = Rule(
    "JW112",
    "{name} may come from `from {module} import *`, and {module} can't be imported",
    "Install the module, or import {name} by name",
)
BLOCK_EFFECT = Rule(
    "JW113",
    "{name} is defined in a block that also does something else ({effect})",
    "Define it outside the block, or keep only definitions in the block",
)
BASE = Rule("JW114", "class {name} has a base that can't be resolved: {base}", "Define or import {base}")
CLASS_CHANGED = Rule(
    "JW115", "{name} was changed after its definition{place}", "Put the change into the definition of {name}"
)
TOO_LARGE = Rule(
    "JW116",
    "the value of {name} is too large to be written into the bundle as source ({size})",
    "Load it inside the activity, pass it as an argument, or store it on purpose: --capture {name}",
)
REDEFINED = Rule("JW117", "{name} is defined by an earlier {name}", "Give the two of them different names")
FROZEN = Rule(
    "JW118",
    "{name} is kept as it is now, because {effect} can't be repeated elsewhere",
    "Nothing, if that is meant; else compute it in an activity",
    "warning",
)
OWN_STATE = Rule(
    "JW119",
    "{name} is changed by {function}; every worker process has its own, and it starts as defined",
    "Nothing, if it is a cache; else return the value from the activity",
    "warning",
)

# 2xx: steps
THROUGH_VARIABLE = Rule(
    "JW201",
    "{name} is awaited through a variable, so it can't be told which step this is",
    "Call it by its own name: await {name}(...)",
)
NOT_AWAITED = Rule("JW202", "{name}(...) is not awaited, so the step never runs", "Write: await {name}(...)")
USED_UNAWAITED = Rule(
    "JW203", "the result of {name}(...) is used without await", "Write: await {name}(...), in brackets if need be"
)
NEVER_AWAITED = Rule(
    "JW204",
    "{name}(...) is assigned to {variable}, which is never awaited",
    "Await it: {variable} = await {name}(...), or await {variable} later",
)
BOTH_WAYS = Rule(
    "JW205",
    "{name} is awaited here and called plainly elsewhere ({place}): a step in one place and a helper in the other",
    "Await it everywhere, or give the helper a function of its own",
)
SOMETIMES_AWAITED = Rule(
    "JW206",
    "{name} is awaited elsewhere ({place}) and called here without await",
    "Write: await {name}(...)",
)
API_IN_ACTIVITY = Rule(
    "JW207", "{name} belongs to workflow code and is called in activity {function}", "Move it to the workflow"
)
API_IN_WORKFLOW = Rule(
    "JW208", "{name} belongs to activities and is called in workflow code", "Call it in the activity that works long"
)
NOT_A_STEP = Rule(
    "JW209",
    "{name} is imported from {module} and awaited, but no step",
    "Await it in an activity of the notebook, or decorate it with @activity where it is defined",
)
WORKFLOW_IN_ACTIVITY = Rule(
    "JW210",
    "workflow {name} is used in activity {function}",
    "Await {name}(...) in the workflow: it runs as a child run",
)
RECURSIVE_STEP = Rule(
    "JW211",
    "activity {name} calls itself: the inner calls are part of the same step",
    "Nothing, if that is meant; else let the workflow await each call",
    "warning",
)
SAME_STEP_NAME = Rule(
    "JW212", "two activities are called {name}: {functions}", 'Give one another name: @activity(name="...")'
)
TASK_LOST = Rule(
    "JW213",
    "the task of {name}(...) is never awaited, so the workflow may end before it",
    "Await the task, or use asyncio.TaskGroup",
    "warning",
)
API_NOT_AWAITED = Rule("JW214", "{name}(...) is not awaited, so it does nothing", "Write: await {name}(...)")
MADE_STEP = Rule(
    "JW215",
    "{name} is awaited, and it is {what} instead of a function with a definition of its own",
    "Write it as `async def {name}(...)` in a cell",
)
START_IN_WORKFLOW = Rule(
    "JW216", "{name}.{method}() belongs to the notebook and is called in workflow code", "Write: await {name}(...)"
)
MADE_TOOL = Rule(
    "JW217",
    "{name} is a tool of an agent, and it is {what} instead of a function with a definition of its own",
    "Write it as `def {name}(...)` in a cell, and name it in tools=[...]",
)
AGENT_UNKNOWN = Rule(
    "JW218",
    "agent {name} is made where it can't be told which tools it has",
    "Make it in a statement of its own: {name} = ai.Agent(..., tools=[...])",
)
UNDO_UNKNOWN = Rule(
    "JW219",
    "{undo} undoes activity {name}, and the cells do not tell where it is defined",
    "Define it at the top of a cell with `def {undo}(...)` and name it: compensate={undo}",
)
UNDO_MISFIT = Rule(
    "JW220",
    "{undo}, as it is defined now, does not fit activity {name}: {reason}",
    "Correct the parameters of {undo}",
)

# 3xx: what a workflow must not do, because it is replayed
CLOCK = Rule("JW301", "{name} reads the clock, and a replay would read another time", "Read it in an activity")
WAIT = Rule("JW302", "{name} blocks the worker and does not survive it", "Write: await sleep(timeout(seconds=...))")
RANDOM = Rule(
    "JW303",
    "{name} is random, and a replay would draw other numbers",
    "Draw in an activity, or use a generator with a fixed seed",
)
UNIQUE = Rule("JW304", "{name} gives another value in a replay", "Make it in an activity, or use uuid.uuid5")
ENVIRONMENT = Rule(
    "JW305", "{name} reads the machine it runs on, which a replay may not be on", "Read it in an activity"
)
FILES = Rule("JW306", "{name} reads or writes files", "Do it in an activity")
NETWORK = Rule("JW307", "{name} talks to another system", "Do it in an activity")
PROCESSES = Rule("JW308", "{name} starts a process", "Do it in an activity")
THREADS = Rule(
    "JW309", "{name} uses threads, processes or another event loop", "Do it in an activity, or use asyncio.gather"
)
INPUT = Rule("JW310", "{name} waits for a keyboard that a worker does not have", "Ask with: await human_approval(...)")
GLOBAL = Rule(
    "JW311", "{function} assigns the global {name}, which a replay does not restore", "Return the value instead"
)
SHARED_STATE = Rule(
    "JW312",
    "{function} changes {name}, which all runs share and a replay does not restore",
    "Keep it in a variable of the workflow",
)
PRINT = Rule(
    "JW313",
    "print in workflow code is repeated by each replay and goes to the worker's log",
    "Print in an activity, or return the text",
    "warning",
)
SET_ORDER = Rule("JW314", "the order of a set is another one in each process", "Iterate over sorted(...)", "warning")
HASH = Rule("JW315", "hash() of texts is another one in each process", "Use hashlib", "warning")
METHOD = Rule(
    "JW316",
    "{name}.{method} does what a replay can't repeat ({reason}); called in workflow code it would break the run",
    "Call it in activities only",
    "warning",
)

# 5xx: definitions
NOT_ASYNC = Rule("JW501", "workflow {name} is no `async def`", "Write: async def {name}(...)")
STARS = Rule(
    "JW502", "workflow {name} takes {parameter}, so its arguments have no names and types", "Name each parameter"
)
GENERATOR = Rule("JW503", "{kind} {name} yields, and a generator can't travel", "Return a list")
METHOD_WORKFLOW = Rule("JW504", "workflow {name} is a method of class {owner}", "Define it at the top of a cell")
NESTED_WORKFLOW = Rule("JW505", "workflow {name} is defined inside {owner}", "Define it at the top of a cell")
CANT_TRAVEL = Rule(
    "JW506",
    "{parameter} of {kind} {name} is annotated {annotation}, whose values can't travel to a worker",
    "Use plain types, dataclasses, pydantic models or DataFrames, and build the rest inside the activity",
)
AGENT_AS_VALUE = Rule(
    "JW508",
    "{parameter} of {kind} {name} is annotated {annotation}, and an agent is code, not a value that travels",
    "Make it in a cell, name it in the workflow, and pass what it is chosen by: AGENTS[name]",
)
NO_WORKFLOW = Rule("JW507", "{name} is no workflow", "Define it with @workflow above `async def {name}(...)`")

# 6xx: modules next to the notebook, and captured values
UNREADABLE_MODULE = Rule("JW601", "the notebook's module {module} can't be bundled: {reason}", "Correct the file")
NOT_CAPTURABLE = Rule(
    "JW602", "{name} can't be captured: {reason}", "Build it inside the activity, or pass what it holds as an argument"
)
CAPTURED_HERE = Rule(
    "JW603",
    "{name} can't be captured, because its class {type} is defined in this notebook",
    "Move the class to a module next to the notebook, or build the value inside the activity",
)
CAPTURED = Rule(
    "JW604",
    "{name} is captured as a pickle ({size}): the worker runs what the pickle says, with the versions it has",
    "Load it inside the activity where that is possible",
    "warning",
)
NOT_NEEDED = Rule("JW605", "{name} is to be captured, and the workflow does not use it", "Leave it out", "warning")
NO_CAPTURE = Rule("JW606", "{name} is to be captured, and there is no such name", "Correct the name")
UNKNOWN_MODULE = Rule(
    "JW607",
    "{name} comes from module {module}, which a worker can't import",
    "Install the module, or put its file next to the notebook",
)

RULES: dict[str, Rule] = {rule.code: rule for rule in globals().copy().values() if isinstance(rule, Rule)}


class Findings:
    """Collects diagnostics; the same one at the same place is kept once."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Diagnostic] = {}

    def add(self, rule: Rule, location: CellLocation | None, **values: object) -> None:
        """Notes one finding."""
        message, remedy = rule.message.format(**values), rule.remedy.format(**values)
        place = (location.cell_id, location.line) if location else ()
        diagnostic = Diagnostic(
            code=rule.code, severity=rule.severity, message=message, remedy=remedy, location=location
        )
        self._found.setdefault((rule.code, message, place), diagnostic)

    @property
    def all(self) -> list[Diagnostic]:
        """Every finding, in the order of the notebook's cells and lines."""
        return sorted(self._found.values(), key=_reading_order)

    @property
    def errors(self) -> list[Diagnostic]:
        """What keeps the workflow from being bundled."""
        return [found for found in self.all if found.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        """What the workflow can be bundled with."""
        return [found for found in self.all if found.severity == "warning"]


def _reading_order(found: Diagnostic) -> tuple[int, str, int, str]:
    place = found.location
    if place is None:
        return (0, "", 0, found.code)
    return (place.cell_number or 0, place.cell_id, place.line, found.code)
