"""Every mistake gets the message that stands in `bad_input/messages.txt`, and never a traceback of ours.

Real kernels run the mistakes, many in one; what they leave behind is looked for afterwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

from chaos.processes import processes_of
from jupyter_workflows.local.paths import Home
from tests.bad_input import authoring, closure, magics, runs, surroundings
from tests.bad_input.mistake import Mistake, Said, expected_messages, plain, settled, write_messages
from tests.kernels import printed, run_cells

OURS = re.compile(r"jupyter_workflows[/\\]\w")
PREPARE = [
    "%load_ext jupyter_workflows",
    """
import jupyter_workflows
from jupyter_workflows import (
    RateLimit, RetryPolicy, activity, continue_as_new, heartbeat, history_is_long, human_approval, parallel_map,
    set_query_value, sleep, timeout, wait_for_signal, workflow,
)
""".strip("\n"),
]


def said_to(mistakes: Sequence[Mistake], home: Home, folder: Path) -> tuple[dict[str, Said], nbformat.NotebookNode]:
    """What a kernel says to mistakes, and the executed notebook; one without a name is none and may not raise."""
    cells = [cell for mistake in mistakes for cell in mistake.cells]
    notebook = run_cells(cells, home=home.data, folder=folder, may_raise=places(mistakes))
    said: dict[str, Said] = {}
    start = 0
    for mistake in mistakes:
        last = notebook.cells[start + len(mistake.cells) - 1]
        if mistake.name:
            said[mistake.name] = said_by(last, start + 1, folder, home)
        start += len(mistake.cells)
    return said, notebook


def places(mistakes: Sequence[Mistake]) -> list[int]:
    """The indexes of the cells that may raise."""
    owners = [mistake for mistake in mistakes for _ in mistake.cells]
    return [index for index, mistake in enumerate(owners) if mistake.name]


def said_by(cell: nbformat.NotebookNode, first_cell: int, folder: Path, home: Home) -> Said:
    """What a cell that is a mistake shows."""
    error = next((output for output in cell.outputs if output.output_type == "error"), None)
    if error is None:
        return Said("nothing", "nothing")
    message = settled(f"{error.ename}: {error.evalue}", first_cell, folder, home.data)
    return Said(message, plain(error.traceback))


def check(said: dict[str, Said], notebook: nbformat.NotebookNode) -> None:
    """Compares what was said with what is expected, and looks for tracebacks of ours."""
    messages = {name: item.message for name, item in said.items()}
    if os.environ.get("UPDATE_MESSAGES"):
        write_messages(messages)
    expected = expected_messages()
    assert messages == {name: expected.get(name, "no message is expected") for name in messages}
    assert {name: item.shown for name, item in said.items() if OURS.search(item.shown)} == {}
    streams = [
        output.text
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert [text for text in streams if "Traceback" in text or OURS.search(text)] == []


BEFORE_A_START = [
    *surroundings.NOT_LOADED,
    Mistake("", tuple(PREPARE)),
    *authoring.MISTAKES,
    *magics.MISTAKES,
    *closure.MISTAKES,
    *surroundings.LOADED_WRONGLY,
]
WITH_RUNS = [
    Mistake("", (*PREPARE, runs.DEFINITIONS.strip("\n"))),
    *runs.ARGUMENTS,
    *runs.STATE,
    *runs.CONNECTION,
    Mistake("", (runs.CLEAN_UP.strip("\n"),)),
]


def test_mistake_before_a_start_gets_its_message_and_starts_nothing(
    own_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JUPYTER_WORKFLOWS_WARM", "0")
    said, notebook = said_to(BEFORE_A_START, own_home, tmp_path)
    check(said, notebook)
    assert processes_of(own_home.data) == []
    assert not own_home.database.exists()


def test_mistake_with_a_run_gets_its_message_and_leaves_no_run(own_home: Home, tmp_path: Path):
    said, notebook = said_to(WITH_RUNS, own_home, tmp_path)
    check(said, notebook)
    assert printed(notebook.cells[-1]).split() == ["asking", "edited", "failing", "formal", "taken", "theirs"]


def test_there_are_enough_mistakes_and_no_message_without_one():
    mistakes = [mistake.name for mistake in (*BEFORE_A_START, *WITH_RUNS) if mistake.name]
    assert len(mistakes) == len(set(mistakes)) >= 60
    assert set(expected_messages()) == set(mistakes)
