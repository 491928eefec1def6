"""`durable`: what is recorded of a notebook's durable cells, and what is done about it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from ..durable.history import NotebookRecord
from ..durable.run import NotebookRun, run_id, run_of
from ..errors import CommandError
from ..notebook.catalog import unknown
from ..runs.untrusted import human_bytes, human_seconds
from ..security.identity import local_user
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Rendered, Table, Tone

TONES: dict[str, Tone] = {"finished": "good", "running": "busy", "failed": "bad"}
MARKS = {"finished": "✓", "running": "▶", "failed": "✗"}


def durable(session: Session, arguments: Namespace) -> Outcome:
    """`durable`.

    Raises:
        CommandError: It names no cell that is recorded, or too little.
    """
    run = chosen_run(session, arguments.notebook)
    if run.known is not None and arguments.action == "list":
        run.known = None
    return ACTIONS[arguments.action](run, arguments.words)


def chosen_run(session: Session, notebook: str | None) -> NotebookRun:
    """The run of a notebook: the one named, else this one."""
    if notebook is None:
        return run_of(session)
    return NotebookRun(session, run_id(str(Path(notebook).absolute()), local_user()))


def listed(run: NotebookRun, _words: Sequence[str]) -> Outcome:
    """The cells of the record."""
    record = run.record
    rows = [row(record, cell) for cell in cells_of(record)]
    data = [dict(zip(("cell", "state", "at", "seconds", "values", "bytes", "key"), each, strict=True)) for each in rows]
    table = Table(
        ["cell", "state", "at (UTC)", "took", "values", "size"],
        [shown_row(each) for each in rows],
        "no cell is recorded for this notebook: put %%durable above one",
        flexible=["values", "cell"],
        note=f"run {run.id}" if rows else "",
    )
    return Outcome(data={"run": run.id, "cells": data}, shown=Rendered(table, table.html))


Row = tuple[str, str, datetime | None, float | None, list[str], int, str]


def cells_of(record: NotebookRecord) -> list[str]:
    """The cells that are known, in the order in which they began."""
    return list(dict.fromkeys([*record.records, *record.attempts]))


def row(record: NotebookRecord, cell: str) -> Row:
    """What is known of a cell."""
    recorded, attempt = record.records.get(cell), record.attempts.get(cell)
    state = attempt.status if attempt is not None else "finished"
    known = recorded.record if recorded is not None else None
    title = attempt.run.title if attempt is not None else known.title if known is not None else cell
    at = attempt.began_at if attempt is not None else known.finished_at if known is not None else None
    values = [item.name for item in known.values] if known is not None else []
    size_bytes = sum(item.size_bytes for item in known.values) if known is not None else 0
    return title, state, at, known.seconds if known is not None else None, values, size_bytes, cell


def shown_row(found: Row) -> list[Cell | str | None]:
    """A row as a person reads it."""
    title, state, at, seconds, values, size_bytes, _ = found
    return [
        title,
        Cell(f"{MARKS[state]} {state}", TONES[state]),
        f"{at:%Y-%m-%d %H:%M}" if at else "",
        human_seconds(seconds),
        ", ".join(values),
        human_bytes(size_bytes) if size_bytes else "",
    ]


def forget(run: NotebookRun, words: Sequence[str]) -> Outcome:
    """Drops the records of cells."""
    titles = {cell: row(run.record, cell)[0] for cell in cells_of(run.record)}
    if not words:
        raise CommandError("`durable forget` needs the names of cells, as `durable` lists them, or `all`")
    wanted = [cell for word in words for cell in (titles if word == "all" else matching(titles, word))]
    run.forget(wanted)
    return told(f"forgot {', '.join(titles[cell] for cell in wanted) or 'nothing'}", "they run again when they are run")


def matching(titles: dict[str, str], word: str) -> list[str]:
    """The cells that a word names: by name, by title, or by key.

    Raises:
        CommandError: There is none.
    """
    found = [cell for cell, title in titles.items() if word in (title, cell, cell.partition(":")[2])]
    if not found:
        raise CommandError(unknown("the record has", word, list(titles.values())))
    return found


def restart(run: NotebookRun, _words: Sequence[str]) -> Outcome:
    """Begins the record anew."""
    run.restart(keep=False)
    return told("begun anew", "nothing is recorded: every durable cell runs when it is run")


def take_over(run: NotebookRun, _words: Sequence[str]) -> Outcome:
    """Lets this kernel run the cells, whoever did before."""
    before = run.take_over()
    if before is None:
        return told("this kernel runs the notebook's durable cells", "there was no other")
    return told("taken over", f"kernel {before} can record no more cells of this notebook")


def adopt(run: NotebookRun, words: Sequence[str]) -> Outcome:
    """Takes over what another run recorded: that of a notebook which was renamed or copied.

    Raises:
        CommandError: It is not said which.
    """
    if len(words) != 1:
        raise CommandError("`durable adopt` needs the path that the notebook had, or the id of its run")
    other = words[0] if words[0].startswith("cells-") else run_id(str(Path(words[0]).absolute()), local_user())
    count = run.adopt(other)
    if not count:
        raise CommandError(f"nothing is recorded for {words[0]} (run {other}): `runs` lists the runs there are")
    return told(f"adopted {count} cells of {other}", "they are restored when they are run")


def told(headline: str, note: str) -> Outcome:
    """An outcome of one sentence."""
    facts = Facts(headline, note=note)
    return Outcome(data={"done": headline}, shown=Rendered(facts, facts.html))


ACTIONS: dict[str, Callable[[NotebookRun, Sequence[str]], Outcome]] = {
    "list": listed,
    "forget": forget,
    "restart": restart,
    "take-over": take_over,
    "adopt": adopt,
}
