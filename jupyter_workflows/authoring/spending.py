"""A run whose budget is spent waits for a person before its next step."""

from __future__ import annotations

from ..errors import BudgetSpent
from .approval import human_approval
from .budget import Budget
from .state import RunState


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
