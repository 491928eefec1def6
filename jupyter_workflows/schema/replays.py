"""What a replay tells. A worker never imports it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from . import CellLocation, Wire


class Divergence(Wire):
    """The first place where the code does something else than the recorded run did."""

    event_id: int | None = Field(default=None, description="The event of the history that the code disagrees with")
    task_event_id: int | None = Field(
        default=None,
        description="The completed workflow task in which they part; after a reset to it the code goes its own way",
    )
    step_id: str | None = Field(default=None, description="The recorded step; where none was recorded, the one asked")
    step_name: str | None = None
    recorded: str = Field(default="", description="What the run did there, in words; empty where it did nothing more")
    asked: str = Field(default="", description="What the code does there, in words; empty where it asks for nothing")
    message: str
    location: CellLocation | None = Field(default=None, description="The line of the code that leads there")

    def __str__(self) -> str:
        quoted = f"\n    {self.location.source_line.strip()}" if self.location and self.location.source_line else ""
        return f"{self.location}: {self.message}{quoted}" if self.location else self.message


class Remark(Wire):
    """Something that a run on the code would do otherwise, and that Temporal lets pass."""

    kind: Literal["input", "duration"] = Field(description="Another input of a step, another duration of a wait")
    event_id: int
    step_id: str | None = None
    message: str
    location: CellLocation | None = None


class Replayed(Wire):
    """Whether code agrees with the recorded history of a run, and how far."""

    workflow: str
    workflow_id: str
    run_id: str
    bundle: str = Field(description="The first 16 digits of the digest of the code")
    compatible: bool
    agreed_until: int | None = Field(
        default=None, description="Event id of the last completed workflow task up to which both agree"
    )
    tasks: int = Field(default=0, description="Completed workflow tasks of the history")
    agreed_tasks: int = Field(default=0, description="How many of them the code agrees with")
    divergence: Divergence | None = None
    remarks: list[Remark] = Field(default=[], description="What it would do otherwise, though both agree")
