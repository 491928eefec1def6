"""Histories in files: what Temporal's tools write, what is no history, and values that are not at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from jupyter_workflows.errors import ReplayFailed
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.replay.files import read_history, write_history
from jupyter_workflows.replay.gate import histories_of

HISTORY = Path(__file__).parents[1] / "runs" / "histories" / "everything.json"
EVENTS: list[Any] = json.loads(HISTORY.read_text())["events"]
HISTORY_EVENTS = len(EVENTS)


# What holds single payloads, not lists of them.
SINGLE = ("memo", "upsertedMemo", "header", "searchAttributes", "userMetadata")


def old_names(events: list[Any]) -> list[Any]:
    """Events as the older Web UI and `tctl` write them: enums in camel case."""
    return [
        {**event, "eventType": event["eventType"].removeprefix("EVENT_TYPE_").title().replace("_", "")}
        for event in events
    ]


def decoded(value: Any, *, whole: bool) -> Any:
    """Events as the Web UI writes them with decoded values: as payloads, or as the bare values."""
    import base64

    if isinstance(value, list):
        return [decoded(item, whole=whole) for item in value]
    if not isinstance(value, dict):
        return value
    if "metadata" in value and "encoding" in value["metadata"]:
        metadata = {key: base64.b64decode(text).decode() for key, text in value["metadata"].items()}
        data = json.loads(base64.b64decode(value["data"])) if "data" in value else None
        return {"metadata": metadata, "data": data} if whole else data
    kept = () if whole else SINGLE
    return {key: item if key in kept else decoded(item, whole=whole) for key, item in value.items()}


@pytest.mark.parametrize(
    "content",
    [
        {"events": EVENTS},
        {"workflow_id": "everything", "events": EVENTS},
        {"history": {"events": EVENTS}},
        EVENTS,
        {"events": old_names(EVENTS)},
        {"events": decoded(EVENTS, whole=True)},
        {"events": decoded(EVENTS, whole=False)},
    ],
    ids=["sdk", "ours", "response", "list", "old names", "decoded", "bare values"],
)
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_history_is_read(tmp_path: Path, content: Any, suffix: str):
    path = tmp_path / f"everything{suffix}"
    data = json.dumps(content).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if suffix.endswith("gz") else data)
    history = read_history(path)
    assert history.workflow_id == "everything"
    assert len(history.events) == HISTORY_EVENTS
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_type.name == "everything"
    assert started.input.payloads[0].data == b"3"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b"", "can't be read as JSON"),
        ("a.json", b"{", "can't be read as JSON"),
        ("a.json", b"{}", "holds no history, it has no list of events"),
        ("a.json", b'{"events": []}', "holds no history"),
        ("a.json", b'"text"', "holds no history"),
        ("a.json", b'{"events": [1]}', "no history that Temporal can read"),
        ("a.json", b'{"events": [{"eventId": "x"}]}', "no history that Temporal can read"),
        ("a.json.gz", b"{}", "can't be read as JSON"),
        ("a.json.gz", gzip.compress(b"{}", mtime=0)[:-9], "can't be read as JSON"),
        ("a.json", b"\xff\xfe\x00", "can't be read as JSON"),
    ],
)
def test_what_is_no_history_is_said_so(tmp_path: Path, name: str, data: bytes, message: str):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ReplayFailed, match=message):
        read_history(tmp_path / name)


def test_a_folder_without_histories_is_said_so(tmp_path: Path):
    with pytest.raises(ReplayFailed, match="holds no history"):
        histories_of(tmp_path)
    with pytest.raises(ReplayFailed, match="no file or folder"):
        histories_of(tmp_path / "missing")


async def test_values_that_cannot_be_fetched_are_stated(tmp_path: Path):
    history = read_history(HISTORY)
    events = list(history.events)
    payload = events[0].workflow_execution_started_event_attributes.input.payloads[0]
    payload.external_payloads.add(size_bytes=70_000)
    payload.metadata["encoding"] = b"json/external-storage-reference"
    written = await write_history(WorkflowHistory("x", events), tmp_path / "x.json", data_converter())
    assert written.fetched == 0
    assert len(written.left_out) == 1
    assert written.left_out[0].startswith("event 1, 70,000 bytes: ")
    assert len(read_history(tmp_path / "x.json").events) == HISTORY_EVENTS


async def test_one_history_gives_one_file(tmp_path: Path):
    history = read_history(HISTORY)
    for name in ("a.json", "b.json", "a.json.gz", "b.json.gz"):
        await write_history(WorkflowHistory("x", history.events), tmp_path / name, data_converter())
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    text = (tmp_path / "a.json").read_text("utf-8")
    ordered = json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert text == ordered + "\n", "protobuf's maps have no order"
