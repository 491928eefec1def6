# PYTHON_ARGCOMPLETE_OK
"""`jupyter workflows SUBCOMMAND`: what the magics do, from a terminal or a script.

Exit codes: 0 done; 1 it can't be done, or the run shown has failed; 2 the command line makes no sense;
130 interrupted.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from .commands.parser import HelpShown, build_parser, parse
from .errors import AuthoringError, ClosureError, CommandError, JupyterWorkflowsError

if TYPE_CHECKING:
    from .commands.outcomes import Outcome
    from .commands.tables import Page

PROGRAM = "jupyter workflows"
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out one command line and returns the exit code.

    Args:
        arguments: The words after `jupyter workflows`; by default those of this process.
    """
    complete_for_shell()
    return attempt(carry_out, list(sys.argv[1:] if arguments is None else arguments))


def attempt(carry_out: Callable[[list[str]], int], words: list[str], *, program: str = PROGRAM) -> int:
    """Carries out one command line, says on standard error what went wrong, and returns the exit code.

    Args:
        carry_out: Does what the words say.
        words: The words after the program's name.
        program: Its name, for messages.
    """
    try:
        return carry_out(words)
    except HelpShown as shown:
        return answer(shown.text)
    except JupyterWorkflowsError as error:
        return complain(error, MISUSED if isinstance(error, CommandError) else FAILED, words, program)
    except KeyboardInterrupt:
        return complain(CommandError("interrupted; runs go on without this terminal"), INTERRUPTED, words, program)
    except BrokenPipeError:
        return hang_up()
    except Exception as error:
        if "--debug" in words:
            raise
        problem = f"an error of jupyter-workflows itself: {type(error).__name__}: {error}; --debug shows where"
        return complain(JupyterWorkflowsError(problem), FAILED, words, program)


def terminal() -> NoReturn:
    """The script entry: carries out the command line of this process and ends the process.

    The interpreter isn't finalised: a thread of the Temporal SDK that brings an answer just then would abort it
    (`PyGILState_Release: thread state must be current`).
    """
    end(main())


def end(code: int) -> NoReturn:
    """Ends the process without finalising the interpreter."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    os._exit(code)


def carry_out(words: list[str]) -> int:
    """Parses the line, does what it says and shows what came of it."""
    parsed = parse(PROGRAM, words)
    from .commands.dispatch import run
    from .session import Session, use

    session = Session(progress=progress_of(parsed))
    use(session)
    return show(run(session, parsed), parsed)


def show(outcome: Outcome, parsed: Namespace) -> int:
    """Prints what a command found."""
    from .commands.tables import Page

    page = Page.of_terminal(colour=wants_colour(parsed, sys.stdout))
    if outcome.follow is not None:
        outcome = follow(outcome, parsed, page)
    elif parsed.json:
        write(outcome.json())
    else:
        write(outcome.text(page))
    return outcome.exit_code


def follow(outcome: Outcome, parsed: Namespace, page: Page) -> Outcome:
    """Shows a run as it changes: in place in a terminal, one JSON object a line for scripts, else each change."""
    in_place = sys.stdout.isatty() and not parsed.json
    lines = 0
    for latest in outcome.follow or ():
        outcome = outcome if latest.is_passing else latest
        if parsed.json:
            write(latest.json_line())
        if parsed.json or (latest.is_passing and not in_place):
            continue
        text = latest.text(page)
        if in_place and lines:
            # Up to the first line of what was shown before, and clear from there.
            sys.stdout.write(f"\x1b[{lines}F\x1b[J")
        write(text)
        lines = text.count("\n") + 1
    return outcome


def write(text: str) -> None:
    """Prints a text at once, whatever the terminal's encoding."""
    try:
        sys.stdout.write(f"{text}\n")
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(f"{text.encode(encoding, 'replace').decode(encoding)}\n")
    sys.stdout.flush()


def answer(text: str) -> int:
    """Prints help."""
    try:
        write(text)
    except BrokenPipeError:
        return hang_up()
    return DONE


def complain(error: JupyterWorkflowsError, code: int, words: Sequence[str], program: str) -> int:
    """Says on standard error what went wrong; as JSON where JSON was asked for."""
    text = json.dumps({"error": described(error)}) if "--json" in words else f"{program}: {error}"
    try:
        sys.stderr.write(f"{text}\n")
    except UnicodeEncodeError:
        sys.stderr.write(f"{ascii(text)[1:-1]}\n")
    return code


def described(error: JupyterWorkflowsError) -> dict[str, Any]:
    """An error for scripts: its class, its message, and where it has them its code and diagnostics."""
    found: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, AuthoringError):
        found["code"] = error.code
    if isinstance(error, ClosureError):
        found["diagnostics"] = [diagnostic.model_dump(mode="json") for diagnostic in error.diagnostics]
    return found


def hang_up() -> int:
    """The reader of our output has gone: nothing more is written, not even at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else FAILED


def wants_colour(parsed: Namespace, stream: TextIO) -> bool:
    """Whether to print colours: in a terminal, unless told otherwise (https://no-color.org)."""
    if parsed.no_color or parsed.json or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def progress_of(parsed: Namespace) -> Callable[[str], None] | None:
    """What is told of a slow start: a line on standard error, in a terminal only."""
    if parsed.json or not sys.stderr.isatty():
        return None
    return tell


def tell(text: str) -> None:
    """Says what a slow step is doing."""
    sys.stderr.write(f"{text}\n")


def complete_for_shell() -> None:
    """Answers a shell that asks for completions, where argcomplete is installed; else does nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        argcomplete: Any = importlib.import_module("argcomplete")
    except ImportError:
        return
    from .commands.completion import with_completers

    argcomplete.autocomplete(with_completers(build_parser(PROGRAM)), always_complete_options="long")


if __name__ == "__main__":
    terminal()
