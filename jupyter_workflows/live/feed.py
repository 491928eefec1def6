"""Snapshots of a run become numbered messages: a whole one first, then what changed.

Pure but for the clock; it knows neither Jupyter nor Temporal. One feed serves all views of a run: each change is
told once, and a view that missed one gets the whole again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..runs.effects import left
from ..runs.reading import Snapshot
from ..runs.untrusted import one_line, preview, printable
from ..schema import Step, Token
from .columns import NO_NUMBER, Row, pack_attempts, pack_indexes, pack_steps, row_of
from .messages import Pulse, RunChange, RunHead, RunSnapshot, ShownApproval, StepName, Tokens, Told
from .shown import shown_approval, shown_effect, shown_failure, shown_rollback, shown_value

ARGUMENT_LENGTH = 120
ARGUMENTS = 12
EFFECTS = 500


@dataclass(frozen=True)
class Telling:
    """A message with its buffers."""

    message: Told
    buffers: tuple[bytes, ...] = ()


def run_topic(workflow_id: str, run_id: str) -> str:
    """The topic of a run."""
    return f"run:{workflow_id}/{run_id}"


def ids_of_topic(topic: str) -> tuple[str, str]:
    """Workflow id and run id of a run's topic."""
    workflow_id, _, run_id = topic.removeprefix("run:").rpartition("/")
    return workflow_id, run_id


def head_of(snapshot: Snapshot, reviewer: str) -> RunHead:
    """The run without its steps."""
    return RunHead(
        run=snapshot.run,
        arguments=[preview(value, ARGUMENT_LENGTH) for value in snapshot.arguments[:ARGUMENTS]],
        result=shown_value(snapshot.result),
        failure=shown_failure(snapshot.failure),
        reason=printable(snapshot.reason),
        stuck=shown_failure(snapshot.stuck),
        reviewer=reviewer,
        rollback=shown_rollback(snapshot.rollback),
        effects=[shown_effect(effect) for effect in snapshot.effects[:EFFECTS]],
        effects_left=len(left(snapshot.effects)),
    )


def continues(before: Sequence[Step], steps: Sequence[Step]) -> bool:
    """Whether steps were only changed or added at the end; those that an execution is told of come before others."""
    return len(steps) >= len(before) and (not before or steps[len(before) - 1].id == before[-1].id)


@dataclass
class RunFeed:
    """The messages about one run.

    Args:
        topic: Under which the views know it.
        reviewer: Who decides here.
    """

    topic: str
    reviewer: str = ""
    number: int = -1
    snapshot: Snapshot | None = None
    rows: list[Row] = field(default_factory=list[Row])
    names: dict[str, int] = field(default_factory=dict[str, int])
    head: RunHead | None = None
    approvals: dict[str, ShownApproval] = field(default_factory=dict[str, ShownApproval])

    def take(self, snapshot: Snapshot) -> Telling | None:
        """Takes in a newer snapshot and gives what to tell; None where nothing changed."""
        before = self.snapshot
        if before is None or before.run.run_id != snapshot.run.run_id or not continues(before.steps, snapshot.steps):
            self.begin(snapshot)
            return self.whole()
        return self.change(before, snapshot)

    def begin(self, snapshot: Snapshot) -> None:
        """Starts over with a snapshot."""
        self.names = {}
        self.rows = [self.row(step) for step in snapshot.steps]
        self.head = head_of(snapshot, self.reviewer)
        self.approvals = {step.approval.id: shown_approval(step.approval) for step in snapshot.steps if step.approval}
        self.snapshot = snapshot
        self.number += 1

    def row(self, step: Step) -> Row:
        """The row of a step; a new name gets the next index."""
        return row_of(step, self.names.setdefault(step.name, len(self.names)))

    def whole(self) -> Telling | None:
        """The run as it was last taken in, under the number it then got."""
        if self.snapshot is None or self.head is None:
            return None
        steps = self.snapshot.steps
        message = RunSnapshot(
            topic=self.topic,
            number=self.number,
            at=self.snapshot.taken_at,
            head=self.head,
            names=self.step_names(steps, 0),
            steps=len(steps),
            ids=self.odd_ids(enumerate(steps)),
            approvals=list(self.approvals.values()),
        )
        return Telling(message, (pack_steps(self.rows), pack_attempts(enumerate(steps))))

    def tokens(self, pieces: list[Token]) -> Telling | None:
        """What steps wrote; None where that is nothing, or nobody was told of the run yet."""
        if not pieces or self.snapshot is None:
            return None
        self.number += 1
        return Telling(Tokens(topic=self.topic, number=self.number, pieces=pieces))

    def pulse(self) -> Telling:
        """Says that the host lives and what the newest number is."""
        return Telling(Pulse(topic=self.topic, number=self.number))

    def change(self, before: Snapshot, snapshot: Snapshot) -> Telling | None:
        """What changed since the snapshot before."""
        known_names = len(self.names)
        changed: list[int] = []
        approvals: list[ShownApproval] = []
        for index, step in enumerate(snapshot.steps):
            old = before.steps[index] if index < len(before.steps) else None
            if old is step:
                continue
            row = self.row(step)
            if old is None:
                self.rows.append(row)
            elif row == self.rows[index] and old.approval == step.approval:
                continue
            self.rows[index] = row
            changed.append(index)
            if step.approval is not None and (old is None or old.approval != step.approval):
                self.approvals[step.approval.id] = shown = shown_approval(step.approval)
                approvals.append(shown)
        self.snapshot = snapshot
        head = head_of(snapshot, self.reviewer)
        news = None if head == self.head else head
        if not changed and news is None:
            return None
        self.head = head
        self.number += 1
        pairs = [(index, snapshot.steps[index]) for index in changed]
        message = RunChange(
            topic=self.topic,
            number=self.number,
            at=snapshot.taken_at,
            head=news,
            names=self.step_names([step for _, step in pairs], known_names),
            steps=len(snapshot.steps),
            ids=self.odd_ids(pairs),
            approvals=approvals,
        )
        rows = [self.rows[index] for index in changed]
        return Telling(message, (pack_steps(rows), pack_attempts(pairs), pack_indexes(changed)))

    def step_names(self, steps: Sequence[Step], first: int) -> list[StepName]:
        """The names from index `first` on, with where their functions are."""
        wanted = {name for name, index in self.names.items() if index >= first}
        places = {step.name: step.location for step in reversed(steps) if step.name in wanted}
        ordered = sorted(wanted, key=lambda name: self.names[name])
        return [StepName(name=one_line(name, 200), location=places.get(name)) for name in ordered]

    def odd_ids(self, steps: Sequence[tuple[int, Step]] | enumerate[Step]) -> dict[int, str]:
        """The ids that can't be told from name and number."""
        return {index: step.id for index, step in steps if self.rows[index].number == NO_NUMBER}
