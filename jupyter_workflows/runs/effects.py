"""What the steps of a run did to the world, and what became of that: read off its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import ValidationError

from ..schema import Effect, EffectStatus, Rollback, Step

WORDS: dict[EffectStatus, str] = {
    "done": "can be undone",
    "undoing": "is being undone",
    "undone": "undone",
    "stuck": "could not be undone",
    "kept": "left as it is",
    "irreversible": "can't be undone",
    "uncertain": "may have come to pass",
}
LEFT: tuple[EffectStatus, ...] = ("done", "stuck", "kept")
"""What a further rollback would undo."""
OPEN = ("scheduled", "running", "retrying", "waiting")


def effects_of(steps: Sequence[Step], rollback: Rollback | None = None) -> list[Effect]:
    """The effects of a run, in the order in which its steps began.

    Args:
        steps: Its steps.
        rollback: What is on record of its rollback.
    """
    newest = {step.undoes: step for step in steps if step.undoes}
    kept = frozenset(rollback.kept if rollback else ())
    found = [effect_of(step, newest.get(step.id), kept) for step in steps if not step.undoes]
    if rollback and rollback.of_run:
        wanted = {*rollback.steps, *(step for step in newest if step)}
        found += [effect_elsewhere(step, newest.get(step), kept) for step in in_order(wanted, rollback.steps)]
    return [effect for effect in found if effect]


def in_order(wanted: Iterable[str], first: Sequence[str]) -> list[str]:
    """Steps of another run, in the order in which they are undone."""
    return sorted(wanted, key=lambda step: first.index(step) if step in first else len(first))


def effect_of(step: Step, undo: Step | None, kept: frozenset[str]) -> Effect | None:
    """The effect of a step; None where it has none, or is still at it."""
    if step.kept and step.kept.id:
        # The run it was forked from did it, and answers for it.
        return None
    if not (step.undo or step.irreversible) or step.status in OPEN or (step.status != "completed" and not step.attempt):
        return None
    known: dict[str, Any] = {"step": step.id, "name": step.name, "undo": step.undo}
    if step.status != "completed":
        # Whoever fails or is cut off may have come to the point before; a child run has undone itself.
        return None if step.kind == "child" else Effect(**known, status="uncertain")
    if step.irreversible:
        return Effect(**known, status="irreversible")
    return Effect(**known, status=undo_status(step.id, undo, kept), undone_by=undo.id if undo else None)


def effect_elsewhere(step: str, undo: Step | None, kept: frozenset[str]) -> Effect:
    """The effect of a step of another run, which this one undoes."""
    return Effect(
        step=step,
        name=step.rpartition("-")[0] or step,
        status=undo_status(step, undo, kept),
        undo=undo.name if undo else None,
        undone_by=undo.id if undo else None,
    )


def undo_status(step: str, undo: Step | None, kept: frozenset[str]) -> EffectStatus:
    """What became of an effect that can be undone."""
    if step in kept:
        return "kept"
    if undo is None:
        return "done"
    if undo.status == "completed":
        return "undone"
    return "undoing" if undo.status in OPEN else "stuck"


def with_later(effects: Sequence[Effect], later: Sequence[Effect], workflow_id: str) -> list[Effect]:
    """The effects of a run that has ended, with what another one has done about them since.

    Args:
        effects: As its own history tells them.
        later: As the other run's history tells them.
        workflow_id: The other run.
    """
    by_step = {effect.step: effect for effect in later}
    return [
        effect.model_copy(update={"status": found.status, "undone_by": found.undone_by, "undone_in": workflow_id})
        if effect.status in LEFT and (found := by_step.get(effect.step))
        else effect
        for effect in effects
    ]


def left(effects: Iterable[Effect]) -> list[Effect]:
    """What a rollback would undo, in that order."""
    return [effect for effect in effects if effect.status in LEFT][::-1]


def effects_words(effects: Sequence[Effect]) -> str:
    """`3 effects: 2 undone, 1 can't be undone`; empty where there are none."""
    if not effects:
        return ""
    counted = Counter(effect.status for effect in effects)
    said = ", ".join(f"{counted[status]:,} {words}" for status, words in WORDS.items() if counted[status])
    return f"{len(effects):,} effect{'' if len(effects) == 1 else 's'}: {said}"


def rollback_words(rollback: Rollback) -> str:
    """Why a run is or was rolled back, in a sentence without its end."""
    doing = "rolled back" if rollback.finished_at else "rolling back"
    why = {"failed": "because it failed", "cancelled": "because it was cancelled", "asked": "as asked"}[rollback.cause]
    who = f" by {rollback.by}" if rollback.by else ""
    said = f": {rollback.reason}" if rollback.reason else ""
    return f"{doing} {why}{who}{said}"


def read_rollback(value: object) -> Rollback | None:
    """A rollback from a run's memo; None for what is none of ours."""
    if not isinstance(value, dict):
        return None
    try:
        return Rollback.model_validate(cast("dict[str, Any]", value))
    except ValidationError:
        return None
