"""Errors as a notebook shows them: ours as a message and the user's line, the user's own without our frames."""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import sysconfig
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import ClosureError, JupyterWorkflowsError, WorkflowFailed
from ..schema import CellLocation, Failure

PACKAGE = str(Path(__file__).parents[1]) + os.sep
LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
RED, BOLD, QUIET, CODE, OFF = "\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"
LINES_AROUND = 2
DEBUG_VARIABLE = "JUPYTER_WORKFLOWS_DEBUG"


def is_ours(frame: types.FrameType) -> bool:
    """Whether a frame runs code of this package."""
    return frame.f_code.co_filename.startswith(PACKAGE)


def is_library(frame: types.FrameType) -> bool:
    """Whether a frame runs code of Python or of an installed package."""
    name = frame.f_code.co_filename
    return name.startswith(LIBRARIES) or name.startswith("<frozen ")


def without_our_frames(found: types.TracebackType | None) -> types.TracebackType | None:
    """The traceback without the frames of this package, and without those of libraries that it called."""
    kept: list[types.TracebackType] = []
    below_ours = False
    while found is not None:
        below_ours = is_ours(found.tb_frame) or (below_ours and is_library(found.tb_frame))
        if not below_ours:
            kept.append(found)
        found = found.tb_next
    rest: types.TracebackType | None = None
    for entry in reversed(kept):
        rest = types.TracebackType(rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return rest


def strip(error: BaseException, seen: set[int] | None = None) -> None:
    """Takes the frames of this package out of an exception's traceback and those of its causes."""
    seen = seen if seen is not None else set()
    if id(error) in seen:
        return
    seen.add(id(error))
    if any(is_ours(frame) for frame, _ in traceback.walk_tb(error.__traceback__)):
        error.__traceback__ = without_our_frames(error.__traceback__)
    others = [error.__cause__, error.__context__]
    if isinstance(error, BaseExceptionGroup):
        others += cast("BaseExceptionGroup[BaseException]", error).exceptions
    for other in others:
        if other is not None:
            strip(other, seen)


def clean(shell: Any, error: JupyterWorkflowsError) -> list[str]:
    """An error of ours: what happened, what to do, and the line of the user's that led to it."""
    name = public(type(error)).__name__
    first, _, rest = str(error).partition("\n")
    lines = [f"{RED}{BOLD}{name}{OFF}: {first}"]
    if rest:
        lines.append(rest)
    place = None if isinstance(error, ClosureError) else place_of(shell, error)
    if place:
        lines += ["", *place]
    if isinstance(error, WorkflowFailed) and error.failure is not None:
        lines += traceback_of(error.failure)
    return ["\n".join(lines)]


def traceback_of(failure: Failure) -> list[str]:
    """The traceback that a step or the workflow's code left in history: the user's own frames."""
    from ..runs.untrusted import printable

    found: Failure | None = failure
    while found is not None and not found.traceback:
        found = found.cause
    if found is None or not found.traceback:
        return []
    where = f"in step {found.step}" if found.step else "in the worker"
    return ["", f"{QUIET}{where}{OFF}", printable(found.traceback.rstrip(), 4_000)]


def public(kind: type[BaseException]) -> type[BaseException]:
    """The class under which a user knows an exception of a private class."""
    return next(known for known in kind.__mro__ if not known.__name__.startswith("_"))


def place_of(shell: Any, error: JupyterWorkflowsError) -> list[str] | None:
    """The line of the user's that an error is about: where it says so itself, else the innermost cell line."""
    location = getattr(error, "location", None)
    if isinstance(location, CellLocation) and isinstance(error, WorkflowFailed):
        # The message names cell and line already; the cell may have been edited since the run began.
        return None
    innermost = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        label = cell_label(shell, frame.f_code.co_filename)
        if label:
            innermost = (label, frame.f_code.co_filename, line)
    return quoted(shell, *innermost) if innermost else None


def cell_label(shell: Any, filename: str) -> str | None:
    """`Cell In[3]` for a cell's file, None for any other."""
    number = getattr(shell.compile, "_filename_map", {}).get(filename)
    return f"Cell In[{number}]" if number is not None else None


def source_lines(shell: Any, filename: str) -> list[str]:
    """The lines of a cell as the user wrote them, magics included."""
    lines = linecache.getlines(filename)
    number = getattr(shell.compile, "_filename_map", {}).get(filename)
    history: list[str] = getattr(shell.history_manager, "input_hist_raw", [])
    written = history[number].split("\n") if isinstance(number, int) and number < len(history) else []
    return written if len(written) == len(lines) else lines


def quoted(shell: Any, label: str, filename: str, line: int) -> list[str]:
    """A line of a cell with the lines around it."""
    source = source_lines(shell, filename)
    first, last = max(1, line - LINES_AROUND), min(len(source), line + LINES_AROUND)
    width = len(str(last))
    shown = [f"{CODE}{label}, line {line}{OFF}"]
    for number in range(first, last + 1):
        text = source[number - 1].rstrip()
        if number == line:
            shown.append(f"{RED}{'-' * max(1, 5 - width)}> {number:>{width}}{OFF} {BOLD}{text}{OFF}")
        else:
            shown.append(f"{QUIET}{' ' * (7 - width)}{number:>{width}} {text}{OFF}")
    return shown


class ErrorDisplay:
    """How a shell shows exceptions while the extension is loaded."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.original: Callable[..., list[str]] = shell.InteractiveTB.structured_traceback

    def install(self) -> None:
        """Takes over: our errors become messages, and our frames leave the tracebacks of others."""
        shell, original = self.shell, self.original

        @functools.wraps(original)
        def structured_traceback(etype: Any, evalue: Any, etb: Any = None, *args: Any, **kwargs: Any) -> list[str]:
            if isinstance(evalue, BaseException) and not isinstance(etb, (tuple, list)):
                strip(evalue)
                if isinstance(evalue, JupyterWorkflowsError):
                    return clean(shell, evalue)
                etb = without_our_frames(etb)
            return original(etype, evalue, etb, *args, **kwargs)

        shell.InteractiveTB.structured_traceback = structured_traceback

        # IPython shows an exception that has a group in its context without asking InteractiveTB.
        def show(shell: Any, etype: Any, value: Any, tb: Any, tb_offset: int | None = None) -> list[str]:
            del tb, tb_offset
            strip(value)
            lines = clean(shell, value) if isinstance(value, JupyterWorkflowsError) else group_lines(value)
            shell._showtraceback(public(etype), value, lines)
            return lines

        if not shell.custom_exceptions:
            shell.set_custom_exc((JupyterWorkflowsError, BaseExceptionGroup), show)

    def uninstall(self) -> None:
        """Gives the shell's own way back."""
        with contextlib.suppress(AttributeError):
            del self.shell.InteractiveTB.structured_traceback
        self.shell.set_custom_exc((), None)


def group_lines(error: BaseException) -> list[str]:
    """A group of exceptions as Python shows it."""
    return ["".join(without_ipython(traceback.format_exception(error))).rstrip()]


def without_ipython(lines: list[str]) -> Iterator[str]:
    """The lines of a traceback without IPython's own frames."""
    for line in lines:
        if "/IPython/core/" not in line:
            yield line
