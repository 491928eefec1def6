"""What a user's cell may say: definitions, policies, approval, messages."""

from __future__ import annotations

from .approval import Approval, human_approval
from .budget import Budget
from .checks import Check, Partial
from .definitions import Activity, Workflow, activity, workflow
from .mapping import PartialResults, parallel_map
from .messages import heartbeat, last_heartbeat, set_query_value, wait_for_signal
from .policies import RateLimit, RetryPolicy, timeout
from .reviewing import Escalation, Quorum, Reminders
from .steps import continue_as_new, history_is_long, sleep

__all__ = [
    "Activity",
    "Approval",
    "Budget",
    "Check",
    "Escalation",
    "Partial",
    "PartialResults",
    "Quorum",
    "RateLimit",
    "Reminders",
    "RetryPolicy",
    "Workflow",
    "activity",
    "continue_as_new",
    "heartbeat",
    "history_is_long",
    "human_approval",
    "last_heartbeat",
    "parallel_map",
    "set_query_value",
    "sleep",
    "timeout",
    "wait_for_signal",
    "workflow",
]
