"""The one parser of `%workflow SUBCOMMAND` and `jupyter workflows SUBCOMMAND`."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import CommandError
from .subcommands import SUBCOMMANDS, Subcommand

DESCRIPTION = (
    "Durable workflows from notebooks: start them, watch them, decide what they ask, "
    "and look after the embedded runtime."
)
EPILOG = "NAME is a workflow's name, RUN a run's id. `{program} SUBCOMMAND --help` shows options and examples."


class Help(argparse.RawDescriptionHelpFormatter):
    """Help in two columns, subcommands without their list in braces."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


class HelpShown(Exception):
    """`--help` or `--version` was asked for; `text` is the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Refuses the arguments.

        Raises:
            CommandError: Always; with a suggestion and where help is.
        """
        raise CommandError(f"{explained(message)}; `{self.prog} --help` shows what there is")

    def print_help(self, file: Any = None) -> None:
        """Shows the help to whoever parses."""
        del file
        raise HelpShown(self.format_help().rstrip())

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Ends the parse, not the process.

        Raises:
            HelpShown: Always.
        """
        del status
        raise HelpShown((message or "").rstrip())


def explained(message: str) -> str:
    """Argparse's message, an invalid choice with the one that was probably meant."""
    start, found, rest = message.partition("invalid choice: ")
    if not found:
        return message
    given, _, choices = rest.partition(" (choose from ")
    known = [choice.strip(" '") for choice in choices.rstrip(")").split(",")]
    word = given.strip("'\"")
    near = difflib.get_close_matches(word, known, n=1)
    what = "subcommand" if "SUBCOMMAND" in start or not start.startswith("argument -") else start.split(":")[0][9:]
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"there is no {what} {word!r}: {hint}" if what == "subcommand" else f"{what} takes no {word!r}: {hint}"


def global_options(*, own_default: bool) -> argparse.ArgumentParser:
    """The options that stand before or after the subcommand."""
    options = argparse.ArgumentParser(add_help=False, argument_default=None if own_default else argparse.SUPPRESS)
    group = options.add_argument_group("output")
    for flag, text in (
        ("--json", "print JSON, the same in every version of this format"),
        ("--no-color", "print without colours; so does the variable NO_COLOR"),
        ("--debug", "show the traceback of an unexpected error"),
    ):
        default: Any = False if own_default else argparse.SUPPRESS
        group.add_argument(flag, action="store_true", default=default, help=text)
    return options


def build_parser(program: str) -> Parser:
    """The parser.

    Args:
        program: What stands before the subcommand: `jupyter workflows` or `%workflow`.
    """
    from .. import __version__

    parser = Parser(
        prog=program,
        description=DESCRIPTION,
        epilog=EPILOG.format(program=program),
        parents=[global_options(own_default=True)],
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"jupyter-workflows {__version__}")
    groups = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", title="subcommands", parser_class=Parser)
    for command in SUBCOMMANDS:
        add_subcommand(groups, program, command)
    return parser


def add_subcommand(groups: Any, program: str, command: Subcommand) -> None:
    """Adds a subcommand to the parser."""
    examples = "\n".join(f"  {program} {example}" for example in command.examples)
    parser = groups.add_parser(
        command.name,
        help=command.help,
        description=textwrap.fill(command.description, 100),
        epilog=f"examples:\n{examples}" if examples else None,
        parents=[global_options(own_default=False)],
        formatter_class=Help,
    )
    for argument in command.options:
        action = parser.add_argument(*argument.flags, help=argument.help.replace("%", "%%"), **argument.settings)
        action.candidates = argument.candidates


def parse(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments.

    Raises:
        CommandError: They don't fit.
        HelpShown: Help or the version was asked for, or there is no subcommand.
    """
    parser = build_parser(program)
    parsed = parser.parse_args(list(arguments))
    if not parsed.subcommand:
        parser.print_help()
    return parsed
