"""The command line: what it takes, what it refuses, and how it helps."""

from __future__ import annotations

from typing import get_args

import pytest

from jupyter_workflows.commands.dispatch import FUNCTIONS, function_of
from jupyter_workflows.commands.parser import HelpShown, parse
from jupyter_workflows.commands.subcommands import SUBCOMMANDS
from jupyter_workflows.errors import CommandError
from jupyter_workflows.schema import RunStatus

PROGRAM = "jupyter workflows"


def words(line: str) -> list[str]:
    return line.split()


@pytest.mark.parametrize("command", SUBCOMMANDS, ids=lambda command: command.name)
def test_examples_in_the_help_are_valid(command):
    from jupyter_workflows.commands.arguments import split_line

    assert command.examples
    for example in command.examples:
        assert parse(PROGRAM, split_line(example)).subcommand == command.name


@pytest.mark.parametrize("command", SUBCOMMANDS, ids=lambda command: command.name)
def test_help_names_every_option_and_shows_examples(command):
    with pytest.raises(HelpShown) as shown:
        parse(PROGRAM, [command.name, "--help"])
    for option in command.options:
        assert option.settings.get("metavar", option.flags[0]) in shown.value.text
        assert " ".join(option.help.split()) in " ".join(shown.value.text.split())
    assert f"  {PROGRAM} {command.examples[0]}" in shown.value.text


def test_every_subcommand_has_a_function():
    assert set(FUNCTIONS) == {command.name for command in SUBCOMMANDS}
    for name in FUNCTIONS:
        assert callable(function_of(name))


@pytest.mark.parametrize("line", ["", "--help", "-h"])
def test_no_subcommand_shows_the_help(line: str):
    with pytest.raises(HelpShown) as shown:
        parse(PROGRAM, words(line))
    assert all(f"  {command.name}" in shown.value.text for command in SUBCOMMANDS)


def test_version_is_shown():
    with pytest.raises(HelpShown, match=r"jupyter-workflows \d+\.\d+"):
        parse(PROGRAM, ["--version"])


@pytest.mark.parametrize("line", ["--json runs", "runs --json"])
def test_output_options_stand_before_or_after_the_subcommand(line: str):
    parsed = parse(PROGRAM, words(line))
    assert parsed.json
    assert not parsed.no_color


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rums", "there is no subcommand 'rums': did you mean runs?"),
        (
            "xyzzy",
            "there is no subcommand 'xyzzy': there are " + ", ".join(command.name for command in SUBCOMMANDS),
        ),
        ("show", "`show` needs RUN"),
        ("signal r", "`signal` needs NAME"),
        ("show r --folow", "there is no option --folow: did you mean --follow?"),
        ("down now", "`down` takes no 'now'"),
        ("runs --status done", f"--status takes no 'done': there are {', '.join(get_args(RunStatus))}"),
        ("runs --status faild", "--status takes no 'faild': did you mean failed?"),
        ("runs --limit many", "--limit takes a whole number, not 'many'"),
        ("runs --since", "--since needs a value"),
        ("start f --if-exists maybe", "--if-exists takes no 'maybe': there are raise, attach, restart"),
    ],
)
def test_line_without_sense_is_refused_with_a_remedy(line: str, message: str):
    with pytest.raises(CommandError) as raised:
        parse(PROGRAM, words(line))
    text, _, hint = str(raised.value).partition("; ")
    assert text == message
    assert hint.startswith("`jupyter workflows")
    assert "--help` shows" in hint
