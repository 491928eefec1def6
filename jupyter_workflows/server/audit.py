"""Who did what, as events of Jupyter (`jupyter_events`): for whoever configures a handler for them.

An event names people, runs and approvals, never a value of a workflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..live.messages import (
    Answer,
    AskAct,
    AskCancel,
    AskDecision,
    AskFork,
    AskResume,
    AskRollBack,
    AskStart,
    Delegation,
    Request,
)
from ..schema import Approval, Run, ScheduleDeed

SCHEMAS = Path(__file__).with_name("events")
BASE = "https://events.jupyter-workflows.org"


def register_schemas(event_logger: Any) -> None:
    """Makes our events known."""
    known = event_logger.schemas.schema_ids
    for path in sorted(SCHEMAS.glob("*.yaml")):
        if f"{BASE}/{path.stem}" not in known:
            event_logger.register_event_schema(path)


class Audit:
    """Emits events; on the Jupyter server's loop.

    Args:
        event_logger: The server's.
        log: Told when an event can't be emitted, which must not undo what was done.
    """

    def __init__(self, event_logger: Any, log: Any) -> None:
        self.event_logger = event_logger
        self.log = log

    def emit(self, name: str, data: dict[str, Any]) -> None:
        """Emits an event."""
        try:
            self.event_logger.emit(schema_id=f"{BASE}/{name}", data=data)
        except Exception:
            self.log.exception("jupyter-workflows: the event %s could not be emitted", name)

    def decided(self, approval: Approval, verdict: str, reviewer: str, *, edited: bool) -> None:
        """A person decided."""
        self.emit(
            "decision",
            {
                "run_id": approval.workflow_id or "",
                "execution_id": approval.run_id,
                "workflow": approval.workflow,
                "approval": approval.id,
                "verdict": verdict,
                "reviewer": reviewer,
                "edited": edited,
            },
        )

    def discussed(self, approval: Approval, act: str, by: str, *, to: str | None = None) -> None:
        """A person handed an approval over, asked or answered."""
        self.emit(
            "discussion",
            {
                "run_id": approval.workflow_id or "",
                "execution_id": approval.run_id,
                "workflow": approval.workflow,
                "approval": approval.id,
                "act": act,
                "by": by,
                "to": to,
            },
        )

    def started(self, run: Run, starter: str) -> None:
        """A run was started."""
        self.emit(
            "run_started", {"run_id": run.id, "execution_id": run.run_id, "workflow": run.workflow, "starter": starter}
        )

    def stopped(self, run_id: str, by: str, how: str) -> None:
        """A run was cancelled, terminated or rolled back."""
        self.emit("run_stopped", {"run_id": run_id, "by": by, "how": how})

    def schedule_changed(self, schedule: str, by: str, deed: ScheduleDeed) -> None:
        """Somebody did something to a schedule."""
        self.emit("schedule_changed", {"schedule": schedule, "by": by, "deed": deed})

    def resumed(self, run_id: str, execution: str, user: str) -> None:
        """A run goes on in a new execution, or another branch of it was started."""
        self.emit("run_started", {"run_id": run_id, "execution_id": execution, "workflow": "", "starter": user})

    def request(self, asked: Request, answer: Answer, user: str) -> None:
        """A page's request was carried out."""
        from ..live.feed import ids_of_topic

        if isinstance(asked, AskDecision) and answer.approval:
            self.decided(answer.approval.approval, asked.verdict, user, edited=asked.edited)
        elif isinstance(asked, AskAct) and answer.approval:
            to = asked.act.to if isinstance(asked.act, Delegation) else None
            self.discussed(answer.approval.approval, asked.act.type, user, to=to)
        elif isinstance(asked, AskCancel):
            self.stopped(ids_of_topic(asked.topic)[0], user, "cancel")
        elif isinstance(asked, (AskResume, AskFork)) and answer.topic:
            run_id, execution = ids_of_topic(answer.topic)
            self.resumed(run_id, execution, user)
        elif isinstance(asked, AskRollBack):
            self.stopped(ids_of_topic(asked.topic)[0], user, "roll_back")
        elif isinstance(asked, AskStart) and answer.topic:
            run_id, execution = ids_of_topic(answer.topic)
            name = asked.topic.partition("/")[2]
            data = {"run_id": run_id, "execution_id": execution, "workflow": name, "starter": user}
            self.emit("run_started", data)
