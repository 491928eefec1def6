"""What crosses between a kernel and the run of its notebook: durable cells, as they begin and as they are recorded.

Invariants:
- the values themselves travel beside a `CellRecord`, in the metadata of its payload: first what the cell showed, then
  its values in the order of `values`;
- digests are SHA-256 as hexadecimal digits, of a value's content or of code without comments and layout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from . import Wire

CellStatus = Literal["running", "finished", "failed"]


class KernelIdentity(Wire):
    """A kernel, so that others can tell whether it still lives."""

    id: str = Field(description="Drawn when the kernel first needs it")
    host: str = Field(description="Name of the machine, with the id of its boot where it tells one")
    pid: int
    started_seconds: float = Field(description="When its process began, since the epoch")

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host.partition(' ')[0]}"


class CellRun(Wire):
    """A durable cell that a kernel begins to run: what its step gets."""

    cell: str = Field(description="What tells it from other cells: its name, its id in the notebook, or its code")
    title: str
    source: str = Field(description="As the user wrote it")
    why: str = Field(description="Why it runs, rather than being restored")
    code: str = Field(description="Digest of the code and the options that count")
    inputs: dict[str, str] = Field(default={}, description="Name to digest of what the cell reads")
    kernel: KernelIdentity
    cell_id: str | None = Field(default=None, description="Its id in the notebook")
    cell_number: int | None = None
    over: str | None = Field(default=None, description="Id of the kernel that this one takes the run over from")


class StoredValue(Wire):
    """A value that a cell bound or changed."""

    name: str
    digest: str
    about: str = Field(description="Type and extent, for people")
    size_bytes: int
    needs: list[str] = Field(default=[], description="The notebook's functions and classes that it refers to")


class CellRecord(Wire):
    """A durable cell that has run to its end: what its step gives."""

    cell: str
    title: str
    code: str
    inputs: dict[str, str] = Field(default={}, description="As they were when it began")
    values: list[StoredValue] = Field(default=[], description="What it bound or changed")
    deleted: list[str] = Field(default=[], description="Names that it deleted")
    left_out: list[str] = Field(default=[], description="Names whose values were not to be stored")
    seconds: float = Field(description="How long it ran")
    finished_at: datetime


class DurableCellsStart(Wire):
    """What a notebook's run begins with."""

    kernel: KernelIdentity | None = Field(default=None, description="The kernel that runs cells, where one did")
    count: int = Field(default=0, description="How many cells were begun before")
    records: str = Field(default="", description="The records so far, as Base64 of serialised payloads")
