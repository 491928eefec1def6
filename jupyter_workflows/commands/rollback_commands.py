"""The command `rollback`: what a run did, and to have it undone."""

from __future__ import annotations

from argparse import Namespace

from ..runs.effects import effects_words, left
from ..runs.handle import Run
from ..runs.text import effect_words
from ..schema import EffectStatus
from ..session import Session, get_run
from .outcomes import Outcome
from .tables import Cell, Facts, Table, Tone

TONES: dict[EffectStatus, Tone] = {
    "done": "good",
    "undoing": "busy",
    "undone": "quiet",
    "stuck": "bad",
    "kept": "quiet",
    "irreversible": "bad",
    "uncertain": "waiting",
}


def roll_back(session: Session, arguments: Namespace) -> Outcome:
    """`rollback`."""
    del session
    run = get_run(arguments.run)
    if not arguments.yes:
        return listed(run)
    undoing = run.roll_back(arguments.reason)
    words = "is undone by itself" if undoing is run else f"is undone by run {undoing.id}"
    return Outcome(data=undoing.describe(), shown=Facts(f"run {run.id} {words}"), value=undoing)


def listed(run: Run[object]) -> Outcome:
    """What the steps of a run did."""
    effects = run.effects()
    rows = [[effect.step, Cell(effect_words(effect), TONES[effect.status])] for effect in effects]
    todo = left(effects)
    more = f" Undo with: rollback {run.id} --yes" if todo else ""
    note = f"{effects_words(effects)}.{more}" if effects else ""
    table = Table(["step", "effect"], rows, f"the steps of {run.id} say of no effect", flexible=["effect"], note=note)
    return Outcome(data=effects, shown=table)
