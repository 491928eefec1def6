"""`%workflow SUBCOMMAND`: the commands, with outcomes that a notebook displays."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..commands.arguments import split_line
from ..commands.dispatch import run
from ..commands.outcomes import Display, Outcome, jsonable
from ..commands.parser import HelpShown, parse
from ..errors import CommandError
from ..session import Session
from .options import PROGRAM

SERVING = {"worker": "worker PATH", "gateway": "gateway"}


def run_line(session: Session, line: str) -> Any:
    """Carries out a line and gives what the cell displays; with `--json` plain data.

    Raises:
        JupyterWorkflowsError: It can't be done; the message says why and what to do.
    """
    try:
        arguments = parse(PROGRAM, split_line(line))
    except HelpShown as shown:
        return HelpText(shown.text)
    if arguments.subcommand in SERVING:
        command = f"jupyter workflows {SERVING[arguments.subcommand]}"
        raise CommandError(f"`{arguments.subcommand}` serves until it is interrupted: run `{command}` in a terminal")
    outcome = run(session, arguments)
    if outcome.follow is not None:
        return follow(outcome, arguments)
    if arguments.json:
        return jsonable(outcome.data)
    return outcome.value if outcome.value is not None else Display(outcome)


def follow(outcome: Outcome, arguments: Namespace) -> Any:
    """Displays a run as it changes, in one place, until it ends."""
    handle = show(Display(outcome), updatable=True)
    for latest in outcome.follow or ():
        outcome = outcome if latest.is_passing else latest
        if handle is not None:
            handle.update(Display(latest))
    return jsonable(outcome.data) if arguments.json else None


class HelpText(str):
    """A help text that is displayed as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def show(value: Any, *, updatable: bool = False) -> Any:
    """Displays a value below the cell; gives a handle where it is to be updated."""
    from IPython import display

    return display.display(value, display_id=True if updatable else None)  # pyright: ignore[reportUnknownMemberType]
