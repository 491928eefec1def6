"""The command about how runs do."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from .. import session as sessions
from ..errors import CommandError
from ..runs.statistics.dashboard import RunDashboard
from ..runs.statistics.pictures import html_of, text_of
from ..session import Session
from .arguments import parse_since
from .outcomes import Outcome
from .tables import Rendered
from .texts import Preformatted

ALL_TIME = "all"


def dashboard(session: Session, arguments: Namespace) -> Outcome:
    """`dashboard`."""
    del session
    found = sessions.dashboard(
        arguments.workflow,
        status=arguments.status,
        since=None if arguments.since == ALL_TIME else parse_since(arguments.since),
        notebook=arguments.notebook,
        target=arguments.target,
    )
    written = written_files(found, arguments)
    text = "\n\n".join([text_of(found.data), *([f"written: {', '.join(written)}"] if written else [])])
    shown = Rendered(Preformatted(text), lambda: html_of(found.data))
    return Outcome(data=found.data, shown=shown, value=found)


def written_files(found: RunDashboard, arguments: Namespace) -> list[str]:
    """Writes what was asked for, and gives the names of the files.

    Raises:
        CommandError: One can't be written.
    """
    writers: list[tuple[str | None, Callable[[str], object]]] = [
        (arguments.csv, found.to_csv),
        (arguments.html, found.html),
        (arguments.png, found.png),
    ]
    for path, write in writers:
        if path is not None:
            try:
                write(path)
            except OSError as error:
                raise CommandError(f"{path} can't be written: {error.strerror or error}") from None
    return [path for path, _ in writers if path is not None]
