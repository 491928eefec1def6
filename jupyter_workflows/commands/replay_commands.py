"""The commands about recorded histories: replay them against the code, and write them to files."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from ..connection import loop_thread
from ..errors import CommandError
from ..replay.files import SUFFIXES, Written, write_history
from ..replay.gate import Gate, Verdict, data_of
from ..schema.replays import Replayed
from ..session import Session, get_run, replay
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table

UNFIT = re.compile(r"[^\w.-]+")


def replay_histories(session: Session, arguments: Namespace) -> Outcome:
    """`replay`."""
    del session
    gate = replay(arguments.source)
    shown = one_shown(gate.verdicts[0]) if len(gate.verdicts) == 1 else gate_shown(gate)
    return Outcome(data=data_of(gate), shown=shown, exit_code=0 if gate.compatible else 1)


def one_shown(verdict: Verdict) -> Shown:
    """The replay of one history."""
    replayed = verdict.replayed
    if replayed is None:
        return Facts(Cell(f"✗ {verdict.source} could not be replayed", "bad"), [("why", verdict.problem)])
    divergence = replayed.divergence
    if divergence is None:
        tasks = f"all {replayed.tasks} workflow tasks" if replayed.tasks != 1 else "the one workflow task"
        headline = Cell(f"✓ compatible: the code agrees with {tasks} of {replayed.workflow_id}", "good")
        return with_remarks(Facts(headline), replayed)
    headline = Cell(f"✗ not compatible: {divergence.message}", "bad")
    location = divergence.location
    facts = Facts(
        headline,
        [
            ("where", str(location) if location else "the line is not known"),
            ("line", (location.source_line or "").strip() if location else ""),
            ("step", divergence.step_id),
            ("agrees", f"with {replayed.agreed_tasks} of {replayed.tasks} workflow tasks, {until(replayed)}"),
            ("event", str(divergence.event_id or "")),
        ],
    )
    return with_remarks(facts, replayed)


def until(replayed: Replayed) -> str:
    """How far the code agrees."""
    return f"until event {replayed.agreed_until}" if replayed.agreed_until else "so from the start it does not"


def with_remarks(facts: Facts, replayed: Replayed) -> Shown:
    """What a replay found, with what the code would do otherwise though both agree."""
    if not replayed.remarks:
        return facts
    rows = [[remark.step_id or "", remark.message, str(remark.location or "")] for remark in replayed.remarks]
    return Several([facts, Table(["step", "but", "where"], rows, flexible=["but"], wrapped=("but",))])


def gate_shown(gate: Gate) -> Shown:
    """The replay of many histories: how many agree, and those that do not."""
    agreed, total = len(gate.verdicts) - len(gate.incompatible), len(gate.verdicts)
    mark, tone = ("✓", "good") if gate.compatible else ("✗", "bad")
    headline = Facts(Cell(f"{mark} {agreed} of {total} compatible", tone))
    if gate.compatible:
        return headline
    rows = [[verdict.source, place_of(verdict), message_of(verdict)] for verdict in gate.incompatible]
    titles = ["history", "where", "what"]
    return Several([headline, Table(titles, rows, flexible=["what", "history"], wrapped=("what",))])


def place_of(verdict: Verdict) -> str:
    """Cell and line where the code parts from a history."""
    divergence = verdict.replayed.divergence if verdict.replayed else None
    return str(divergence.location) if divergence and divergence.location else ""


def message_of(verdict: Verdict) -> str:
    """What parts the code from a history, without the place."""
    divergence = verdict.replayed.divergence if verdict.replayed else None
    return divergence.message if divergence else verdict.problem


def history(session: Session, arguments: Namespace) -> Outcome:
    """`history`."""
    del session
    run = get_run(arguments.run)
    found = loop_thread().run(run.fetch_history())
    path = file_for(arguments.path, run.id)
    writing = write_history(found, path, run.access.client.data_converter, impersonal=arguments.impersonal)
    written = loop_thread().run(writing)
    return Outcome(data=written, shown=written_facts(written))


def file_for(path: str | None, run: str) -> Path:
    """The file a run's history goes to.

    Raises:
        CommandError: The name says that it is something else.
    """
    name = f"{UNFIT.sub('-', run).strip('-.') or 'run'}.json"
    given = Path(path or name).expanduser()
    if given.is_dir() or (path or "").endswith(("/", "\\")):
        return given / name
    if not given.name.endswith(SUFFIXES):
        raise CommandError(f"{given} is neither a folder nor a file name that ends in {' or '.join(SUFFIXES)}")
    return given


def written_facts(written: Written) -> Facts:
    """A written history."""
    tone = "waiting" if written.left_out else "good"
    return Facts(
        Cell(f"{written.path}: {written.events} events, {written.size_bytes:,} bytes", tone),
        [
            ("values", f"{written.fetched} large values were put into it" if written.fetched else ""),
            ("encrypted", f"{written.encrypted} values; replay needs the same key" if written.encrypted else ""),
            ("left out", "; ".join(written.left_out)),
        ],
    )
