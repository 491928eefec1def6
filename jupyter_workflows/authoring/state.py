"""What one run remembers while its workflow code executes: step numbers, open approvals, signals."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import temporalio.common
import temporalio.workflow

from ..schema import KeptAct, Usage
from ..schema.budgets import Spent
from .effects import Effects
from .kept_steps import Retelling

if TYPE_CHECKING:
    from temporalio.workflow import EventGroup

    from .definitions import Workflow
    from .open_approvals import OpenApproval
    from .policies import RetryPolicy

OPEN_APPROVALS = temporalio.common.SearchAttributeKey.for_int("JwOpenApprovals")


@dataclass
class RunState:
    """The memory of one run; lives on the workflow instance, rebuilt by replay."""

    workflow: Workflow[Any, Any] | None = None
    retry: RetryPolicy | None = None
    arguments: Sequence[Any] = ()
    counts: Counter[str] = field(default_factory=Counter[str])
    approvals: dict[str, OpenApproval] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    decided_by: dict[str, str] = field(default_factory=dict[str, str])
    used_nonces: set[str] = field(default_factory=set[str])
    signals: dict[str, deque[Any]] = field(default_factory=dict[str, deque[Any]])
    kept_acts: dict[str, list[KeptAct]] = field(default_factory=dict[str, list[KeptAct]])
    query_values: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: Usage = field(default_factory=Usage)
    spent_by_day: dict[str, Spent] = field(default_factory=dict[str, Spent])
    budget_shares: int = 1
    budget_refused: str | None = None
    asking_for_budget: asyncio.Lock = field(default_factory=asyncio.Lock)
    event_groups: dict[str, EventGroup] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    effects: Effects = field(default_factory=Effects)
    asked: set[str] = field(default_factory=set[str])
    retelling: Retelling | None = None
    main: asyncio.Task[Any] | None = None
    branches: WeakKeyDictionary[asyncio.Task[Any], None] = field(
        default_factory=WeakKeyDictionary["asyncio.Task[Any]", None]
    )

    def next_id(self, name: str) -> str:
        """A step id: `<name>-<n>`, counted per name, so that other steps don't change it."""
        task = asyncio.current_task()
        if task is not None:
            self.branches[task] = None
        self.counts[name] += 1
        return f"{name}-{self.counts[name]}"


def run_state() -> RunState:
    """The memory of the run whose workflow code executes now."""
    return temporalio.workflow.instance().state


def child_search_attributes() -> temporalio.common.TypedSearchAttributes:
    """What a child run can be found by: all that its parent can, without the parent's open approvals."""
    inherited = temporalio.workflow.info().typed_search_attributes
    if OPEN_APPROVALS not in inherited:
        return inherited
    none_open = temporalio.common.SearchAttributePair(OPEN_APPROVALS, 0)
    return inherited.updated(none_open)  # pyright: ignore[reportUnknownMemberType]
