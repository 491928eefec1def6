"""The options of `%%workflow`, `%%activity` and `%%durable`, and what they stand for."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..commands.arguments import call_arguments, parse_duration, split_line
from ..commands.parser import Help, Parser
from ..errors import CommandError

WORKFLOW_HELP = """\
Makes the workflow that this cell defines ready to run, and shows what it will do.

The cell runs as any other. An `async def` in it becomes a workflow: put @workflow above it, or leave that to this
magic where there is only one. What it awaits are its steps. The code is bundled with all it needs from other cells;
what can't be bundled is refused here, before anything starts."""

WORKFLOW_EXAMPLES = """\
examples:
  %%workflow
  async def review(contract_id: str) -> dict:
      text = await load(contract_id)
      return await assess(text)

  %%workflow --start {"contract_id": "C-17"}
  %%workflow contract-review --capture model --lint"""

ACTIVITY_HELP = """\
Makes the functions of this cell activities: durable steps where a workflow awaits them, themselves everywhere else.

The options are those of @activity; a function that is decorated itself keeps its own."""

ACTIVITY_EXAMPLES = """\
examples:
  %%activity --retry 5 --timeout 10m
  def load(contract_id: str) -> str:
      ...

  %%activity --rate-limit 10/1m --heartbeat-timeout 30s"""


DURABLE_HELP = """\
Runs the cell as a recorded step of the notebook's run: after a crash of the kernel, Run all restores what it has bound.

Where its code and all it reads are as they were, its values come back from the record and nothing runs. A changed cell,
or one whose inputs have changed, runs again and says why. Its imports, functions and classes are executed either way;
what it has printed and displayed is shown again."""

DURABLE_EXAMPLES = """\
examples:
  %%durable
  rows = load_rows("orders.csv")

  %%durable train --pickle model --skip connection
  %%durable --always"""


def durable_parser() -> Parser:
    """The parser of `%%durable`'s line."""
    parser = Parser(prog="%%durable", description=DURABLE_HELP, epilog=DURABLE_EXAMPLES, formatter_class=Help)
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="the cell's name in the record; default: its id in the notebook")
    add("--always", action="store_true", help="run it, whatever is recorded")
    add("--skip", metavar="NAME", action="append", default=[], help="don't store the value of this variable")
    add("--pickle", metavar="NAME", action="append", default=[], help="store the value of this variable as a pickle")
    return parser


def workflow_parser() -> Parser:
    """The parser of `%%workflow`'s line."""
    parser = Parser(prog="%%workflow", description=WORKFLOW_HELP, epilog=WORKFLOW_EXAMPLES, formatter_class=Help)
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="the workflow's name; default: the function's")
    add("--start", metavar="JSON", nargs="?", const="", help="start a run with these arguments; default: none")
    add("--lint", action="store_true", help="list problems and warnings instead of raising; starts nothing")
    add("--capture", metavar="NAME", action="append", default=[], help="store this live value in the bundle, pickled")
    add("--id", metavar="ID", help="the run's id, with --start; default: a new one")
    add(
        "--if-exists",
        choices=("raise", "attach", "restart"),
        default="raise",
        help="what to do when the id is taken; default: raise",
    )
    return parser


def activity_parser() -> Parser:
    """The parser of `%%activity`'s line."""
    parser = Parser(prog="%%activity", description=ACTIVITY_HELP, epilog=ACTIVITY_EXAMPLES, formatter_class=Help)
    add = parser.add_argument
    add("--name", metavar="NAME", help="its name on the timeline, where the cell has one function")
    add("--retry", metavar="N", type=attempts, help="how often it is tried in all; 0 without end; default: 3")
    add(
        "--timeout",
        metavar="TIME",
        type=duration("--timeout"),
        help="how long one attempt may take, such as 90s or 2h; default: 1h",
    )
    beat = duration("--heartbeat-timeout")
    add(
        "--heartbeat-timeout",
        metavar="TIME",
        type=beat,
        help="without a sign of life for so long it is dead; default: 10s",
    )
    add(
        "--rate-limit",
        metavar="N/TIME",
        type=rate,
        help="at most N calls in any such time over all runs, such as 10/1m",
    )
    add("--summary", metavar="TEXT", help="a short text beside its name")
    return parser


NAME = re.compile(r"\w[\w.-]*")
PROGRAM = "%workflow"
PARSERS = {"workflow": workflow_parser, "activity": activity_parser, "durable": durable_parser}


def parse_line(magic: str, line: str) -> argparse.Namespace:
    """The options on a magic's line.

    Raises:
        CommandError: They make no sense.
        HelpShown: `--help` is one of them.
    """
    options = PARSERS[magic]().parse_args(split_line(line))
    if magic == "activity":
        return options
    if magic == "durable":
        return checked_durable(options)
    if options.name is not None and not NAME.fullmatch(options.name):
        raise CommandError(f"{options.name!r} is no name for a workflow: use letters, digits, - _ and .")
    if options.start is not None:
        call_arguments(options.start)
    elif options.id is not None or options.if_exists != "raise":
        raise CommandError("--id and --if-exists say how a run is started: add --start")
    if options.lint and options.start is not None:
        raise CommandError("--lint starts nothing: leave out --lint or --start")
    return options


def checked_durable(options: argparse.Namespace) -> argparse.Namespace:
    """The options of a durable cell.

    Raises:
        CommandError: A name is none.
    """
    if options.name is not None and not NAME.fullmatch(options.name):
        raise CommandError(f"{options.name!r} is no name for a cell: use letters, digits, - _ and .")
    for flag in ("skip", "pickle"):
        for name in getattr(options, flag):
            if not name.isidentifier():
                raise CommandError(f"--{flag} takes the name of a variable, not {name!r}")
    both = sorted({*options.skip} & {*options.pickle})
    if both:
        raise CommandError(f"--skip and --pickle can't both stand for {both[0]}: leave one of them out")
    return options


def activity_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options as `@activity` takes them."""
    from ..authoring import RetryPolicy

    retry = RetryPolicy(max_attempts=options.retry) if options.retry is not None else None
    found = {**vars(options), "retry": retry}
    return {name: value for name, value in found.items() if value is not None}


def attempts(text: str) -> int:
    """A number of attempts.

    Raises:
        CommandError: It is none.
    """
    if not re.fullmatch(r"\d{1,9}", text):
        raise CommandError(f"--retry takes a whole number, 1 for no retry and 0 for retries without end, not {text!r}")
    return int(text)


def duration(flag: str) -> Callable[[str], timedelta]:
    """What reads the duration behind a flag."""
    return lambda text: parse_duration(text, flag)


def rate(text: str) -> Any:
    """The rate limit of a text such as `10/1m` or `5/s`.

    Raises:
        CommandError: It is none.
    """
    from ..authoring import RateLimit

    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\S+)\s*", text)
    if not found or int(found.group(1)) < 1:
        raise CommandError(f"--rate-limit takes a number of calls per time such as 10/1m or 5/1s, not {text!r}")
    per = found.group(2)
    return RateLimit(
        calls=int(found.group(1)), per=parse_duration(per if per[0].isdigit() else f"1{per}", "--rate-limit")
    )


def decorator_source(magic: str, options: argparse.Namespace) -> str:
    """The decorator that stands for the options, as source: it reads the magic's own name and the package's."""
    given = activity_options(options) if magic == "activity" else {"name": options.name} if options.name else {}
    words = ", ".join(f"{name}={source_of(value)}" for name, value in given.items())
    return f"@{magic}({words})" if words else f"@{magic}"


def source_of(value: Any) -> str:
    """An option's value as source that needs only names of the package."""
    if isinstance(value, timedelta):
        return f"timeout(seconds={value.total_seconds():g})"
    if isinstance(value, str):
        return repr(value)
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    plain = {name: field.default for name, field in value.__dataclass_fields__.items()}
    given = [f"{name}={source_of_plain(field)}" for name, field in fields.items() if field != plain[name]]
    return f"{type(value).__name__}({', '.join(given)})"


def source_of_plain(value: Any) -> str:
    """A field's value as source."""
    return source_of(value) if isinstance(value, timedelta) else repr(value)


def help_text(parser: Parser) -> str:
    """A magic's help as its docstring."""
    return textwrap.dedent(parser.format_help())
