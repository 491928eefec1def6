"""What completes a command's line, in a shell and in a notebook: subcommands, options, workflows, runs.

Completion starts nothing and waits for nobody for long: where the server does not answer at once there are no
run ids.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import CommandError

if TYPE_CHECKING:
    from temporalio.client import Client

    from ..session import Session

ANSWER_SECONDS = 1.0
LISTED_RUNS = 50


@dataclass(frozen=True)
class Candidate:
    """A word that may stand at the cursor.

    Args:
        text: The word.
        about: What it is, for those who show it.
    """

    text: str
    about: str = ""


def candidates(session: Session, kind: str, words: list[str]) -> Iterator[Candidate]:
    """The words of a kind; none where they can't be had quickly.

    Args:
        session: The session of this process.
        kind: `"workflows"`, `"runs"`, `"open runs"` or `"approvals"`.
        words: The command's arguments before the cursor.
    """
    with suppress(Exception):
        if kind == "workflows":
            yield from workflow_candidates(session)
        elif kind in ("runs", "open runs"):
            yield from run_candidates(session, only_open=kind == "open runs")
        elif kind == "approvals":
            yield from approval_candidates(session, words)


def workflow_candidates(session: Session) -> Iterator[Candidate]:
    """The workflows of the notebook, then those of the bundles on disk."""
    from ..notebook.catalog import bundled_workflows, live_workflows

    seen: set[str] = set()
    for workflow in live_workflows(session.namespace).values():
        if workflow.name not in seen:
            seen.add(workflow.name)
            yield Candidate(workflow.name, workflow.description or "workflow of this notebook")
    for found in bundled_workflows(session.home.bundles):
        if found.workflow.name not in seen:
            seen.add(found.workflow.name)
            yield Candidate(found.workflow.name, found.workflow.description or "bundled workflow")


def run_candidates(session: Session, *, only_open: bool) -> Iterator[Candidate]:
    """The newest runs."""
    from ..runs.client import list_runs
    from ..runs.text import status_words

    status = "running" if only_open else None
    found = asked(
        session, lambda client: list_runs(client, status=status, limit=LISTED_RUNS, home=session.home).records
    )
    for run in found:
        yield Candidate(run.id, f"{run.workflow}, {status_words(run.status)}")


def approval_candidates(session: Session, words: list[str]) -> Iterator[Candidate]:
    """The open approvals of the run that stands on the line, or of all."""
    from ..runs.client import inbox

    for approval in asked(session, lambda client: inbox(client, limit=LISTED_RUNS, home=session.home)):
        if approval.workflow_id in words or not words:
            yield Candidate(approval.id, approval.message)


def asked(session: Session, question: Callable[[Client], list[Any]]) -> list[Any]:
    """The server's answer, if there is a server and it answers in time; starts none."""
    from ..local import runtime

    answer: list[Any] = []

    def ask() -> None:
        with suppress(Exception):
            if session.settings is not None or runtime.status(session.home).state == "running":
                answer.extend(question(session.client()))

    thread = threading.Thread(target=ask, name="jupyter-workflows-completion", daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return list(answer)


@dataclass(frozen=True)
class Place:
    """Where the cursor stands on a command's line.

    Args:
        parser: The parser of the subcommand, or of all.
        subcommand: Whether a subcommand is wanted here.
        action: The argument whose value is wanted here.
        used: The flags that stand on the line already.
    """

    parser: argparse.ArgumentParser
    subcommand: bool = False
    action: argparse.Action | None = None
    used: frozenset[str] = frozenset()


def place_of(parser: argparse.ArgumentParser, words: list[str]) -> Place:
    """What is wanted after these words."""
    groups = subparsers_of(parser)
    if groups is None:
        return place_in(parser, words)
    for index, word in enumerate(words):
        if not word.startswith("-"):
            chosen = groups.choices.get(word)
            return place_in(chosen, words[index + 1 :]) if chosen else Place(parser)
    return Place(parser, subcommand=True, used=frozenset(words))


def subparsers_of(parser: argparse.ArgumentParser) -> Any:
    """The action that holds the subcommands of a parser; None where it has none."""
    actions: list[Any] = parser._actions  # pyright: ignore[reportPrivateUsage]
    return next((action for action in actions if isinstance(getattr(action, "choices", None), dict)), None)


def place_in(parser: argparse.ArgumentParser, words: list[str]) -> Place:
    """What is wanted after these words of one command."""
    flags = {flag: action for action in parser._actions for flag in action.option_strings}  # pyright: ignore[reportPrivateUsage]
    positionals = [action for action in parser._actions if not action.option_strings]  # pyright: ignore[reportPrivateUsage]
    used: set[str] = set()
    wanted: argparse.Action | None = None
    given = 0
    for word in words:
        if wanted is not None:
            wanted = None
        elif word in flags:
            used.update(flags[word].option_strings)
            wanted = flags[word] if takes_value(flags[word]) else None
        else:
            given += 1
    if wanted is not None:
        return Place(parser, action=wanted, used=frozenset(used))
    return Place(parser, action=positionals[given] if given < len(positionals) else None, used=frozenset(used))


def takes_value(action: argparse.Action) -> bool:
    """Whether a flag is followed by a value."""
    return action.nargs != 0


def completions(session: Session, parser: argparse.ArgumentParser, words: list[str], token: str) -> list[Candidate]:
    """The words that may stand at the cursor and begin with `token`.

    Args:
        session: The session of this process.
        parser: The parser of the line.
        words: What stands before the cursor.
        token: What of the word at the cursor is there already.
    """
    place = place_of(parser, words)
    found: list[Candidate] = []
    if place.subcommand:
        found += subcommand_candidates(place.parser)
    if place.action is not None:
        found += value_candidates(session, place.action, words)
    if place.action is None or not place.action.option_strings:
        found += flag_candidates(place)
    return [candidate for candidate in found if candidate.text.startswith(token)]


def subcommand_candidates(parser: argparse.ArgumentParser) -> list[Candidate]:
    """The subcommands with what they do."""
    from .subcommands import SUBCOMMANDS

    del parser
    return [Candidate(command.name, command.help) for command in SUBCOMMANDS]


def value_candidates(session: Session, action: argparse.Action, words: list[str]) -> list[Candidate]:
    """The values of an argument."""
    if action.choices:
        return [Candidate(str(choice)) for choice in action.choices]
    return list(candidates(session, getattr(action, "candidates", ""), words))


def flag_candidates(place: Place) -> list[Candidate]:
    """The options that don't stand on the line yet."""
    return [
        Candidate(max(action.option_strings, key=len), action.help or "")
        for action in place.parser._actions  # pyright: ignore[reportPrivateUsage]
        if action.option_strings
        and (place.used.isdisjoint(action.option_strings) or isinstance(action, argparse._AppendAction))  # pyright: ignore[reportPrivateUsage]
    ]


def with_completers(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser with what argcomplete reads: a completer on each argument whose values are known."""
    from ..session import Session

    def completer(kind: str) -> Callable[..., dict[str, str]]:
        def complete(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
            words = [str(value) for value in vars(parsed_args).values() if isinstance(value, str)]
            found = candidates(Session(), kind, words)
            return {item.text: item.about for item in found if item.text.startswith(prefix)}

        return complete

    groups = subparsers_of(parser)
    for command in groups.choices.values() if groups else ():
        for action in command._actions:
            kind = getattr(action, "candidates", "")
            if kind and kind != "paths":
                action.completer = completer(kind)
    return parser


def words_before(line: str) -> tuple[list[str], str]:
    """The words of a line up to the cursor, and the one the cursor stands in."""
    from .arguments import split_line

    token = "" if not line or line[-1].isspace() else line.rsplit(maxsplit=1)[-1]
    before = line[: len(line) - len(token)]
    try:
        return split_line(before), token
    except CommandError:
        return before.split(), token
