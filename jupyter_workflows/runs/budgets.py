"""What is used of the budgets of a workspace, for people to see."""

from __future__ import annotations

from ..plugin.books import Books, utc_now
from ..schema.budgets import Period, Spent, WorkspaceBudget
from ..security.allowances import Allowance
from ..security.workspaces import Workspace
from .access import RunAccess, in_our_words

OF_PERIOD: dict[Period, str] = {"run": "of a run", "day": "today", "month": "this month"}


class BudgetWatch:
    """Tells what is used of the budgets of the workspace that a client is connected to, again and again."""

    def __init__(self) -> None:
        self.books: Books | None = None

    async def look(self, access: RunAccess) -> tuple[Workspace | None, list[WorkspaceBudget]]:
        """The workspace, and its budgets; Temporal is asked only where there are any.

        Cost: the first time one call for each 1,000 runs that were open this month, then for those that changed.

        Raises:
            ConnectionFailed: The server is out of reach.
            WorkspacesInvalid: The file can't be used.
        """
        workspace = access.workspace
        return workspace, await self.used(access, workspace) if workspace else []

    async def used(self, access: RunAccess, workspace: Workspace) -> list[WorkspaceBudget]:
        """The budgets of a workspace, with what its runs have used.

        Raises:
            ConnectionFailed: The server is out of reach.
        """
        if self.books is None or self.books.client is not access.client:
            self.books = Books(access.client)
        now = utc_now()
        days: dict[str, Spent] = {}
        if set(workspace.budgets) - {"run"}:
            with in_our_words(access):
                days = await self.books.spent(now)
        used = {"run": None, "day": days.get(f"{now:%Y-%m-%d}", Spent()), "month": sum(days.values(), Spent())}
        return [
            WorkspaceBudget(period=period, tokens=allowed.tokens, cost=allowed.cost, used=used[period])
            for period, allowed in workspace.budgets.items()
        ]


def is_spent(budget: WorkspaceBudget) -> bool:
    """Whether no more calls are made."""
    return budget.used is not None and Allowance(budget.tokens, budget.cost).reached(budget.used) is not None


def budget_words(budget: WorkspaceBudget) -> str:
    """`1,204 of 5,000,000 tokens, 0.3 of 20 in money`; of a run only what it may."""
    parts: list[str] = []
    if budget.tokens is not None:
        parts.append(f"{f'{budget.used.tokens:,} of ' if budget.used else ''}{budget.tokens:,} tokens")
    if budget.cost is not None:
        parts.append(f"{f'{budget.used.cost:,.4g} of ' if budget.used else ''}{budget.cost:,.4g} in money")
    return ", ".join(parts)
