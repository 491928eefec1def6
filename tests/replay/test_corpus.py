"""Every recorded run replays on the code it ran on: what a new version does with runs that wait through an upgrade.

Where this fails, a change alters what workflow code of users asks Temporal for, and their open runs would break. Before
the first release such a change may be right: then record the area anew, `python -m tests.replay.record AREA`.
"""

from __future__ import annotations

import base64
import getpass
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.replay import replay

from .corpus import FOLDER, Recorded, areas, bundle_files, histories, unpacked

LEAST = 200
MOST_BYTES = 5_000_000
# What a history has to show at least once: each way in which code meets Temporal.
SHOWN = """
ACTIVITY_TASK_COMPLETED ACTIVITY_TASK_FAILED ACTIVITY_TASK_TIMED_OUT ACTIVITY_TASK_CANCELED TIMER_FIRED TIMER_CANCELED
CHILD_WORKFLOW_EXECUTION_COMPLETED CHILD_WORKFLOW_EXECUTION_FAILED WORKFLOW_EXECUTION_SIGNALED
WORKFLOW_EXECUTION_UPDATE_ACCEPTED WORKFLOW_PROPERTIES_MODIFIED WORKFLOW_EXECUTION_COMPLETED WORKFLOW_EXECUTION_FAILED
WORKFLOW_EXECUTION_CANCELED WORKFLOW_EXECUTION_TERMINATED WORKFLOW_EXECUTION_TIMED_OUT
WORKFLOW_EXECUTION_CONTINUED_AS_NEW WORKFLOW_EXECUTION_CANCEL_REQUESTED
""".split()
PERSONAL = re.compile(
    rf"/tmp/pytest-of|(?<![\w.{{$~-])/(?:home|Users|root|work)/[A-Za-z0-9_.-]+/|\b{re.escape(socket.gethostname())}\b"
    rf'|"{re.escape(getpass.getuser())}"|sk-[A-Za-z0-9]{{16}}|PRIVATE KEY'
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def corpus() -> list[Recorded]:
    return [recorded for area in areas() for recorded in histories(area)]


def code_of(recorded: Recorded, root: Path, files: dict[str, dict[str, str]]) -> LoadedBundle:
    return unpacked(root, recorded.bundle, files[recorded.bundle])


@pytest.mark.parametrize("area", areas())
async def test_every_history_agrees_with_the_code_it_ran_on(area: str, root: Path):
    files = bundle_files(area)
    found = {
        recorded.name: await replay(recorded.history(), code_of(recorded, root, files)) for recorded in histories(area)
    }
    assert found
    assert {name: str(one.divergence) for name, one in found.items() if not one.compatible} == {}
    assert {name: one.remarks for name, one in found.items() if one.remarks} == {}


def test_there_are_enough_of_every_kind(corpus: list[Recorded]):
    assert len(corpus) >= LEAST
    kinds = Counter(event["eventType"].removeprefix("EVENT_TYPE_") for one in corpus for event in one.content["events"])
    assert [kind for kind in SHOWN if not kinds[kind]] == []
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES


def texts(value: Any) -> Iterator[str]:
    """All texts in JSON, those in base64 too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value
        try:
            yield base64.b64decode(value, validate=True).decode()
        except ValueError:
            return


def test_nothing_tells_of_a_machine_or_a_person(corpus: list[Recorded]):
    said = {text for one in corpus for text in texts(one.content)}
    said |= {text for area in areas() for text in texts(bundle_files(area))}
    assert {found[0] for text in said if (found := PERSONAL.search(text))} == set()


EVERYTHING = "everything"


async def test_a_change_among_them_is_caught_and_located(corpus: list[Recorded], tmp_path: Path, root: Path):
    """Two steps of one workflow change places: all its runs, and no others of its bundle, are caught at that line."""
    one = next(recorded for recorded in corpus if recorded.workflow == EVERYTHING)
    files = dict(bundle_files(one.area)[one.bundle])
    assert files["workflows.py"].count("flaky(succeeds_at), add(2, 3)") == 1
    files["workflows.py"] = files["workflows.py"].replace("flaky(succeeds_at), add(2, 3)", "add(2, 3), flaky(1)")
    bundle = unpacked(tmp_path, "5eeded0000000000", files)
    same = [recorded for recorded in corpus if recorded.bundle == one.bundle]
    found = {recorded.workflow_id: await replay(recorded.history(), bundle) for recorded in same}
    caught = {name: replayed.divergence for name, replayed in found.items() if replayed.divergence}
    assert set(caught) == {recorded.workflow_id for recorded in same if recorded.workflow == EVERYTHING}
    assert len(caught) < len(same)
    lines = enumerate(files["workflows.py"].splitlines(), 1)
    line = next(number for number, text in lines if "add(2, 3), flaky(1)" in text)
    for divergence in caught.values():
        assert divergence.message == "the run went on with flaky-1, the code asks for add-1"
        assert divergence.location == bundle.locate("workflows.py", line)
