"""From the parsed line to what a command found."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..session import Session
    from .outcomes import Outcome

# Module and function of each subcommand; imported when it is used, so that help and completion are quick.
FUNCTIONS = {
    "up": ("runtime_commands", "up"),
    "down": ("runtime_commands", "down"),
    "status": ("runtime_commands", "status"),
    "workspace": ("workspace_commands", "workspace"),
    "keys": ("key_commands", "keys"),
    "encryption": ("encryption_commands", "encryption"),
    "start": ("workflow_commands", "start"),
    "runs": ("run_commands", "list_runs"),
    "dashboard": ("dashboard_commands", "dashboard"),
    "show": ("run_commands", "show"),
    "inbox": ("run_commands", "list_inbox"),
    "approve": ("run_commands", "decide"),
    "reject": ("run_commands", "decide"),
    "delegate": ("run_commands", "discuss"),
    "ask": ("run_commands", "discuss"),
    "answer": ("run_commands", "discuss"),
    "cancel": ("run_commands", "cancel"),
    "terminate": ("run_commands", "terminate"),
    "resume": ("resume_commands", "resume"),
    "fork": ("resume_commands", "fork"),
    "compare": ("resume_commands", "compare"),
    "rollback": ("rollback_commands", "roll_back"),
    "signal": ("run_commands", "signal"),
    "query": ("run_commands", "query"),
    "replay": ("replay_commands", "replay_histories"),
    "history": ("replay_commands", "history"),
    "audit": ("audit_commands", "audit"),
    "durable": ("durable_commands", "durable"),
    "bundle": ("workflow_commands", "bundle"),
    "lint": ("workflow_commands", "lint"),
    "export": ("export_commands", "export_package"),
    "deployments": ("deployment_commands", "list_deployments"),
    "worker": ("workflow_commands", "worker"),
    "publish": ("publish_commands", "publish_workflow"),
    "unpublish": ("publish_commands", "unpublish_workflow"),
    "published": ("publish_commands", "list_publications"),
    "tokens": ("publish_commands", "tokens"),
    "schedule": ("schedule_commands", "schedule"),
    "schedules": ("schedule_commands", "see_to"),
    "gateway": ("publish_commands", "gateway"),
}


def function_of(subcommand: str) -> Callable[[Session, Namespace], Outcome]:
    """What carries a subcommand out."""
    module, function = FUNCTIONS[subcommand]
    return getattr(importlib.import_module(f".{module}", __package__), function)


def run(session: Session, arguments: Namespace) -> Outcome:
    """Carries out a parsed command.

    Raises:
        JupyterWorkflowsError: It can't be done, or no role allows it; the message says why and what to do.
    """
    from .permission import check

    check(session, arguments.subcommand, getattr(arguments, "reviewer", None))
    return function_of(arguments.subcommand)(session, arguments)
