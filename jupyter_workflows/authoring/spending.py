"""What a run spends on models: on record for its workspace, and bounded by a budget of its own.

A run whose own budget is spent waits for a person before its next step. What its workspace allows is asked by the
worker before each call, see `plugin.accounts`.
"""

from __future__ import annotations

import temporalio.workflow
from temporalio.api.common.v1 import Payload

from ..errors import BudgetSpent
from ..schema import Usage
from ..schema.budgets import Spent, SpentByRun
from .approval import human_approval
from .budget import Budget
from .ledger import is_of_another_run, paid_in, usage_in
from .state import RunState

SPENT_MEMO = "spent"
# A workspace counts the days of this month; a run may be open for a year.
KEPT_DAYS = 40


def take_down(state: RunState, payload: Payload) -> None:
    """Adds what a step's model calls took to what the run took; where a workspace counts, in the run's memo too.

    Args:
        state: The memory of the run.
        payload: The step's result, as it travelled.
    """
    usage = usage_in(payload)
    if usage is None or is_of_another_run(payload):
        return
    state.usage += usage
    if execution := paid_in(payload):
        put_on_record(state, usage, execution)


def put_on_record(state: RunState, usage: Usage, execution: str) -> None:
    """Says in the run's memo what it has spent: lists of runs show it, and no worker need be asked.

    Args:
        state: The memory of the run.
        usage: What a step took.
        execution: Which execution paid for it; a step that a resume kept was paid for by another one.
    """
    run_id = temporalio.workflow.info().run_id
    days = state.spent_by_day
    if execution == run_id:
        day = f"{temporalio.workflow.now():%Y-%m-%d}"
        days[day] = days.get(day, Spent()) + Spent.of(usage)
        for old in sorted(days)[:-KEPT_DAYS]:
            del days[old]
    record = SpentByRun(run_id=run_id, total=Spent.of(state.usage), days=days)
    temporalio.workflow.upsert_memo({SPENT_MEMO: record.model_dump(mode="json")})


async def within_budget(state: RunState, budget: Budget) -> None:
    """Lets the run go on; where its budget is spent, when a person has allowed more.

    Raises:
        BudgetSpent: Nobody did.
    """
    # Steps that start side by side ask one question, not one each.
    async with state.asking_for_budget:
        while spent := budget.reached(state.usage, state.budget_shares):
            if state.budget_refused is not None:
                raise BudgetSpent(state.budget_refused)
            decision = await human_approval(
                f"The run has spent its budget: {spent}, in {state.usage.calls:,} calls of models. "
                "Approve to let it go on and spend as much again.",
                assignee=budget.assignee,
                timeout=budget.timeout,
            )
            if decision:
                state.budget_shares += 1
                continue
            who = "nobody allowed more in time" if decision.timed_out else f"{decision.by} did not allow more"
            state.budget_refused = f"the run's budget is spent ({spent}), and {who}: give @workflow a larger budget="
