"""Histories as files: JSON of this package, of Temporal's SDKs, its CLI and its Web UI."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gzip
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from ..errors import ReplayFailed
from ..runs.values import payloads_in, stored_bytes

# The name of an encoding as text; in base64 it would look otherwise.
DECODED = re.compile(r"(json|binary)/[\w.-]+$")
SUFFIXES = (".json", ".json.gz")
MAX_BYTES = 256 * 1024 * 1024
MAX_VALUE_BYTES = 64 * 1024 * 1024
# What tells of a machine or a person and means nothing to a replay.
PERSONAL = {"identity": "", "stackTrace": "", "key_id": "", "signature": "", "lastWorkerIdentity": "", "buildId": ""}


def history_files(folder: Path) -> list[Path]:
    """The files of a folder and the folders in it that may hold histories, in order."""
    return sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())


def read_history(path: Path) -> WorkflowHistory:
    """The history in a file: JSON, also compressed by gzip.

    Takes what `history` of this package writes, `WorkflowHistory.to_json`, `temporal workflow show --output json`, and
    what the Web UI downloads.

    Raises:
        ReplayFailed: It holds none; says what is wrong.
    """
    try:
        data = path.read_bytes()
        text = gunzipped(data) if path.name.endswith(".gz") else data
        content = json.loads(text)
    except (OSError, EOFError, ValueError) as error:
        raise ReplayFailed(f"{path} can't be read as JSON: {error}") from None
    return history_of(content, path)


def gunzipped(data: bytes) -> bytes:
    """Uncompressed data, up to a bound.

    Raises:
        ValueError: It is more than that.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        text = stream.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES // 1024 // 1024} MB")
    return text


def history_of(content: Any, path: Path) -> WorkflowHistory:
    """The history in a file's content.

    Raises:
        ReplayFailed: It holds none; says what is wrong.
    """
    inner = cast("dict[str, Any]", content).get("history", content) if isinstance(content, dict) else content
    events = cast("dict[str, Any]", inner).get("events") if isinstance(inner, dict) else inner
    if not isinstance(events, list) or not events:
        raise ReplayFailed(
            f"{path} holds no history, it has no list of events: write one with `%workflow history RUN` or "
            "`temporal workflow show --output json`"
        )
    try:
        history = WorkflowHistory.from_json("", {"events": encoded(cast("list[Any]", events))})
    except Exception as error:  # noqa: BLE001 - Temporal's reader raises anything on JSON of another shape
        raise ReplayFailed(f"{path} holds no history that Temporal can read: {first_line(error)}") from None
    told = str(cast("dict[str, Any]", content).get("workflow_id", "")) if isinstance(content, dict) else ""
    started = history.events[0].workflow_execution_started_event_attributes
    return dataclasses.replace(history, workflow_id=told or started.workflow_id or path.name.partition(".")[0])


def first_line(error: Exception) -> str:
    """An error on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def encoded(value: Any) -> Any:
    """Events with values as Temporal sends them: the Web UI can write them decoded, as text and plain JSON.

    Its download keeps a payload's form (https://github.com/temporalio/ui, `export-history`), earlier ones did not.
    """
    if isinstance(value, list):
        return [encoded(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    metadata = fields.get("metadata")
    if isinstance(metadata, dict) and DECODED.match(str(cast("dict[str, Any]", metadata).get("encoding", ""))):
        return encoded_payload(cast("dict[str, Any]", metadata), fields.get("data"))
    payloads = fields.get("payloads")
    if isinstance(payloads, list) and set(fields) == {"payloads"}:
        return {"payloads": [payload_of(item) for item in cast("list[Any]", payloads)]}
    return {key: encoded(item) for key, item in fields.items()}


def payload_of(value: Any) -> Any:
    """A value as a payload; one that is a payload stays as it is."""
    if isinstance(value, dict) and ("metadata" in value or "data" in value):
        return encoded(value)
    return encoded_payload({"encoding": "json/plain"}, value)


def encoded_payload(metadata: dict[str, Any], data: Any) -> dict[str, Any]:
    """A payload whose metadata was text and whose data was a value."""
    payload: dict[str, Any] = {"metadata": {key: based(str(text).encode()) for key, text in metadata.items()}}
    if metadata["encoding"] != "binary/null":
        payload["data"] = based(json.dumps(data, separators=(",", ":")).encode())
    return payload


def based(data: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Written:
    """A history that was written to a file.

    `left_out` are values that are kept outside of history and could not be put into the file.
    """

    path: Path
    workflow_id: str
    run_id: str
    events: int
    size_bytes: int
    fetched: int
    left_out: list[str]
    encrypted: int


async def write_history(
    history: WorkflowHistory, path: Path, converter: DataConverter, *, impersonal: bool = False
) -> Written:
    """Writes a history as JSON; large values, of which history has references only, are fetched into it.

    Args:
        history: The history.
        path: The file; compressed where its name ends in `.gz`.
        converter: The data converter of the connection that the history came from.
        impersonal: Leave out names of machines and processes, stack traces and signatures.
    """
    events = [HistoryEvent.FromString(event.SerializeToString()) for event in history.events]
    fetched, left_out = await fetch_values(events, converter)
    content = {"workflow_id": history.workflow_id, "events": MessageToDict(History(events=events))["events"]}
    if impersonal:
        content["events"] = without_persons(content["events"])
    size = await asyncio.to_thread(write_json, content, path)
    encrypted = sum(map(is_encrypted, payloads_in(events)))
    return Written(path, history.workflow_id, history.run_id, len(events), size, fetched, left_out, encrypted)


def write_json(content: Any, path: Path) -> int:
    """Writes JSON on one line, compressed where the file's name says so; gives the file's size in bytes.

    One content gives one file: names are sorted, for protobuf's maps have no order, and gzip notes no time.
    """
    ordered = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    text = ordered.encode("utf-8", "surrogatepass") + b"\n"
    data = gzip.compress(text, mtime=0) if path.name.endswith(".gz") else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(data)


async def fetch_values(
    events: Sequence[HistoryEvent], converter: DataConverter, *, room: int = MAX_VALUE_BYTES
) -> tuple[int, list[str]]:
    """Puts values that are kept outside of history into it, up to `room` bytes; how many, and which could not be."""
    fetched, left_out = 0, list[str]()
    for event in events:
        for payload in payloads_in([event]):
            size = stored_bytes(payload)
            if not size:
                continue
            room -= size
            reason = "together they are too long" if room < 0 else await fetch(payload, converter)
            if reason:
                left_out.append(f"event {event.event_id}, {size:,} bytes: {reason}")
            else:
                fetched += 1
    return fetched, left_out


def is_encrypted(payload: Payload) -> bool:
    """Whether a payload is encrypted."""
    return payload.metadata.get("encoding") == b"binary/encrypted"


async def fetch(payload: Payload, converter: DataConverter) -> str:
    """Puts one value in the place of its reference; says why where it can't be had."""
    try:
        # Decoding would give the object; the payload as it was stored is wanted.
        found = await converter._external_retrieve_payload_sequence([payload])  # pyright: ignore[reportPrivateUsage]
    except Exception as error:  # noqa: BLE001 - storage drivers raise anything
        return first_line(error)
    payload.CopyFrom(found[0])
    return ""


def without_persons(value: Any) -> Any:
    """JSON without names of machines and processes, stack traces and signatures."""
    if isinstance(value, list):
        return [without_persons(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    return {key: PERSONAL[key] if key in PERSONAL else without_persons(item) for key, item in fields.items()}
