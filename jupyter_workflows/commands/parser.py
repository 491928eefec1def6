"""The one parser of `%workflow SUBCOMMAND` and `jupyter workflows SUBCOMMAND`."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import CommandError
from .options import Subcommand
from .subcommands import SUBCOMMANDS

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
    """A parser that raises instead of ending the process, and says what would be right."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The parsed arguments.

        Raises:
            CommandError: They don't fit.
            HelpShown: Help or the version was asked for.
        """
        parsed, rest = self.parse_known_args(args, namespace)
        if rest:
            self.part_of(parsed).refuse(rest)
        return parsed

    def part_of(self, parsed: argparse.Namespace) -> Parser:
        """The parser of the subcommand that was given; this one where there is none."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
                return action.choices.get(getattr(parsed, action.dest, None) or "", self)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return self

    def refuse(self, rest: Sequence[str]) -> NoReturn:
        """Refuses words that mean nothing here.

        Raises:
            CommandError: Always; with the option that was probably meant.
        """
        word = rest[0].partition("=")[0]
        if not word.startswith("-"):
            self.error(f"{self.words} takes no {rest[0]!r}")
        known = [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]
        self.error(f"there is no option {word}: {suggestion(word, known)}")

    @property
    def words(self) -> str:
        """The subcommand or magic in quotes, for a message."""
        return f"`{self.prog.split()[-1]}`"

    def error(self, message: str) -> NoReturn:
        """Refuses the arguments.

        Raises:
            CommandError: Always; says where help is.
        """
        raise CommandError(f"{self.explained(message)}; `{self.prog} --help` shows what there is")

    def explained(self, message: str) -> str:
        """Argparse's message in our words."""
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:
            return f"{self.words} needs {missing.replace(', ', ' and ')}"
        argument, _, problem = message.removeprefix("argument ").partition(": ")
        flag = argument.split("/")[0]
        if problem.startswith("invalid choice: "):
            given, _, choices = problem.removeprefix("invalid choice: ").partition(" (choose from ")
            hint = suggestion(given.strip("'"), [choice.strip("'") for choice in choices.rstrip(")").split(", ")])
            return (
                f"there is no subcommand {given}: {hint}"
                if flag == "SUBCOMMAND"
                else f"{flag} takes no {given}: {hint}"
            )
        if problem.startswith("invalid int value: "):
            return f"{flag} takes a whole number, not {problem.removeprefix('invalid int value: ')}"
        if problem.startswith("invalid float value: "):
            return f"{flag} takes a number, not {problem.removeprefix('invalid float value: ')}"
        if problem == "expected one argument":
            return f"{flag} needs a value"
        return message

    def print_help(self, file: Any = None) -> NoReturn:
        """Shows the help to whoever parses.

        Raises:
            HelpShown: Always.
        """
        del file
        raise HelpShown(self.format_help().rstrip())

    def _print_message(self, message: str, file: Any = None) -> NoReturn:
        del file
        raise HelpShown(message.rstrip())


def suggestion(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, else all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


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


def build_parser(
    program: str, commands: Sequence[Subcommand] = SUBCOMMANDS, *, description: str = DESCRIPTION
) -> Parser:
    """The parser.

    Args:
        program: What stands before the subcommand: `jupyter workflows` or `%workflow`.
        commands: The subcommands it has.
        description: What the program is for.
    """
    from .. import __version__

    parser = Parser(
        prog=program,
        description=description,
        epilog=EPILOG.format(program=program),
        parents=[global_options(own_default=True)],
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"jupyter-workflows {__version__}")
    groups = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", title="subcommands", parser_class=Parser)
    for command in commands:
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


def parse(
    program: str,
    arguments: Sequence[str],
    commands: Sequence[Subcommand] = SUBCOMMANDS,
    *,
    description: str = DESCRIPTION,
) -> argparse.Namespace:
    """The parsed arguments.

    Raises:
        CommandError: They don't fit.
        HelpShown: Help or the version was asked for, or there is no subcommand.
    """
    parser = build_parser(program, commands, description=description)
    parsed = parser.parse_args(list(arguments))
    if not parsed.subcommand:
        parser.print_help()
    return parsed
