"""Which step of a run corresponds to which of another, and what they differ in. Pure: two snapshots in, data out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import Enum
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ...authoring.edits import edits
from ...schema import Edit, Step, Usage
from ...schema.comparisons import ComparedStep, Comparison, RunSide, StepSide
from ..arguments import parameters
from ..failures import error_text
from ..reading import Snapshot
from ..untrusted import described
from ..values import Stored, Unreadable

MOST_DIFFERENCES = 200
MOST_DEPTH = 100


def compared(a: Snapshot, b: Snapshot) -> Comparison:
    """Two runs side by side, their steps in the order of the first, with what only the second has in between."""
    return Comparison(
        a=run_side(a),
        b=run_side(b),
        steps=[compared_step(one, other) for one, other in aligned(a.steps, b.steps)],
        arguments=differences(named_arguments(a), named_arguments(b)),
        result=differences(a.result, b.result),
    )


def run_side(snapshot: Snapshot) -> RunSide:
    """One of the runs."""
    run = snapshot.run
    kept = [step for step in snapshot.steps if step.kept]
    own = [step for step in snapshot.steps if not step.kept]
    return RunSide(
        run=run,
        seconds=(run.closed_at - run.started_at).total_seconds() if run.closed_at else None,
        steps=len(snapshot.steps),
        kept=len(kept),
        usage=sum((step.usage for step in own if step.usage), Usage()),
        usage_kept=sum((step.usage for step in kept if step.usage), Usage()),
        arguments=as_json(named_arguments(snapshot)),
        result=as_json(snapshot.result),
        failure=error_text(snapshot.failure.root) if snapshot.failure else "",
    )


def named_arguments(snapshot: Snapshot) -> dict[str, Any]:
    """What a run was started with, by parameter; by place where its code is not at hand."""
    workflows = snapshot.manifest.workflows if snapshot.manifest else []
    known = [parameters(found) for found in workflows if found.name == snapshot.run.workflow]
    names = known[0] if known else []
    places = [*names, *(str(place) for place in range(len(names), len(snapshot.arguments)))]
    return dict(zip(places, snapshot.arguments, strict=False))


def aligned(a: Sequence[Step], b: Sequence[Step]) -> Iterator[tuple[Step | None, Step | None]]:
    """Pairs of steps that correspond to each other.

    Steps of one name correspond in their order. Where one run has more of them, those with the same input do, as far as
    the order allows: a step that was put in between moves the numbers of those behind it.
    """
    partner = partners(a, b)
    taken = {id(step) for step in partner.values()}
    rest = iter(b)
    for one in a:
        other = partner.get(id(one))
        if other is not None:
            for between in rest:
                if between is other:
                    break
                if id(between) not in taken:
                    yield None, between
                    taken.add(id(between))
        yield one, other
    # Those before the place that was reached are left where the order of the two differs.
    yield from ((None, step) for step in b if id(step) not in taken)


def partners(a: Sequence[Step], b: Sequence[Step]) -> dict[int, Step]:
    """The step of the second run that corresponds to each of the first, by the identity of the object."""
    found: dict[int, Step] = {}
    for key in dict.fromkeys((step.kind, step.name) for step in a):
        mine = [step for step in a if (step.kind, step.name) == key]
        theirs = [step for step in b if (step.kind, step.name) == key]
        pairs = zip(mine, theirs, strict=False) if len(mine) == len(theirs) else by_input(mine, theirs)
        found |= {id(one): other for one, other in pairs}
    return found


def by_input(a: Sequence[Step], b: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    """Pairs of steps of one name of which the runs have not the same number."""
    inputs = [[text_of(step.input) for step in steps] for steps in (a, b)]
    matcher = SequenceMatcher(None, *inputs, autojunk=False)
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag in ("equal", "replace"):
            yield from zip(a[a_from:a_to], b[b_from:b_to], strict=False)


def compared_step(a: Step | None, b: Step | None) -> ComparedStep:
    """A step in both runs."""
    known = a or b
    assert known is not None
    same = same_values(a.output, b.output) if a and b else None
    return ComparedStep(
        name=known.name,
        kind=known.kind,
        a=step_side(a) if a else None,
        b=step_side(b) if b else None,
        same_input=same_values(a.input, b.input) if a and b else None,
        same_output=same,
        differences=differences(a.output, b.output) if a and b and same is False else [],
    )


def step_side(step: Step) -> StepSide:
    """A step of one run; an approval gives what was decided."""
    output = step.output
    if step.approval and step.approval.status != "open":
        output = {"status": step.approval.status, "value": step.approval.value, "form": step.approval.form}
    return StepSide(
        id=step.id,
        status=step.status,
        seconds=step.seconds,
        usage=step.usage,
        attempts=step.attempt,
        output=as_json(output),
        error=error_text(step.failure.root) if step.failure else "",
        kept=step.kept is not None,
    )


def same_values(a: Any, b: Any) -> bool | None:
    """Whether two values are the same; None where one of them could not be read, or is more than JSON can say."""
    one, other = text_of(a), text_of(b)
    return None if one is None or other is None else one == other


def differences(a: Any, b: Any) -> list[Edit]:
    """What two values differ in; of very different ones the first places."""
    return edits(as_json(a), as_json(b))[:MOST_DIFFERENCES]


def as_json(value: Any, unsaid: list[Any] | None = None, depth: int = 0) -> Any:
    """A value as JSON has it; what has no form there is put into `unsaid`, and a text stands for it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        # Half a character can't be sent on as UTF-8.
        return value.encode("utf-8", "backslashreplace").decode()
    if depth < MOST_DEPTH:
        if isinstance(value, dict):
            pairs = cast("dict[Any, Any]", value).items()
            return {as_json(str(key)): as_json(item, unsaid, depth + 1) for key, item in pairs}
        if isinstance(value, list | tuple):
            return [as_json(item, unsaid, depth + 1) for item in cast("list[Any]", value)]
        if isinstance(value, BaseModel | datetime | date | timedelta | Decimal | UUID | Enum):
            return as_json(to_jsonable_python(value, fallback=described, bytes_mode="base64"), unsaid, depth + 1)
    if unsaid is not None:
        unsaid.append(value)
    # It is not asked to print itself: it may be large.
    return str(value) if isinstance(value, Stored | Unreadable) else described(value)


def text_of(value: Any) -> str | None:
    """A value as a text that is the same for the same values; None where JSON can't say all of it."""
    unsaid: list[Any] = []
    text = json.dumps(as_json(value, unsaid), sort_keys=True)
    return None if unsaid else text
