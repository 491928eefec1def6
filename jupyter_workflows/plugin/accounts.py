"""What a workspace allows its runs to spend on models, held before each call of a step.

It is asked in the worker, whatever the notebook's own budget says. The file gives the limits; what was spent is what
the runs have on record (`books`), or what this worker saw itself where that is more: a call counts from its end on,
though its step may go on for long or fail.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta

import temporalio.activity
from temporalio.client import Client
from temporalio.service import RPCError

from ..errors import BudgetSpent, JupyterWorkflowsError, WorkspacesInvalid
from ..schema import Usage
from ..schema.budgets import Period, Spent
from ..security.allowances import MONTH_DAYS
from ..security.workspaces import Workspace, WorkspacesFile
from .books import LOOK_SECONDS, Books, utc_now

REMEMBERED = 10_000
WHEN: Mapping[Period, str] = {"run": "", "day": " today (UTC)", "month": " this month (UTC)"}


class Accounts:
    """What is spent by the runs that a worker serves; on the worker's loop.

    Args:
        find: Gives the file that says which workspaces there are, and what they allow; the environment that may
            name it is that of the notebook, and can change.
    """

    def __init__(self, find: Callable[[], WorkspacesFile | None]) -> None:
        self.find = find
        self._file: WorkspacesFile | None = None
        self.books: Books | None = None
        self.keeps: timedelta | None = None
        self._counts: OrderedDict[str, Spent] = OrderedDict()
        self._looked: OrderedDict[str, float] = OrderedDict()

    def file(self) -> WorkspacesFile | None:
        """The file; what it said is remembered as long as it is the same one."""
        found = self.find()
        if found is None or self._file is None or found.path != self._file.path:
            self._file = found
        return self._file

    def connect(self, client: Client) -> None:
        """Tells where the runs are."""
        if self.books is None or self.books.client is not client:
            self.books = Books(client)

    def of(self, info: temporalio.activity.Info) -> StepAccount:
        """The account of an attempt at a step."""
        return StepAccount(self, info.workflow_id or "", info.workflow_run_id or "", info.namespace)

    def enter(self, key: str, spent: Spent) -> None:
        """Adds to a count what this worker saw spent."""
        self._counts[key] = self._counts.pop(key, Spent()) + spent
        self.forget()

    def told(self, key: str, spent: Spent) -> Spent:
        """The count, which is at least what the runs have on record."""
        found = self._counts[key] = self._counts.pop(key, Spent()).at_least(spent)
        self.forget()
        return found

    def forget(self) -> None:
        """Forgets the runs that were not heard of for longest."""
        for known in (self._counts, self._looked):
            while len(known) > REMEMBERED:
                known.popitem(last=False)

    async def spent(self, period: Period, key: str, account: StepAccount) -> Spent:
        """What is spent in a period.

        Raises:
            WorkspacesInvalid: Temporal forgets runs before they were counted.
        """
        assert self.books is not None
        if period == "run":
            if time.monotonic() - self._looked.get(key, -LOOK_SECONDS) < LOOK_SECONDS:
                return self.told(key, Spent())
            self._looked[key] = time.monotonic()
            return self.told(key, await self.books.spent_by(account.workflow_id, account.run_id))
        if period == "month":
            await self.check_retention(account)
        days = await self.books.spent(utc_now())
        return self.told(key, sum((spent for day, spent in days.items() if f"/{day}".startswith(key)), Spent()))

    async def check_retention(self, account: StepAccount) -> None:
        """Refuses to count a month of which Temporal keeps only a part.

        Raises:
            WorkspacesInvalid: It does.
        """
        assert self.books is not None
        if self.keeps is None or self.keeps < timedelta(days=MONTH_DAYS):
            self.keeps = await self.books.retention()
        if self.keeps < timedelta(days=MONTH_DAYS):
            raise WorkspacesInvalid(
                f"budget.month counts the runs of a month, and Temporal keeps closed runs of the namespace "
                f"{account.namespace} for {self.keeps.days} days: set retention_days = {MONTH_DAYS} in "
                f"{self._file and self._file.path}, and an admin applies it with `jupyter workflows workspace apply`"
            )


class StepAccount:
    """What an attempt asks before each model call, and tells after it; from any thread.

    Args:
        accounts: The worker's.
        workflow_id: The run's id.
        run_id: Its execution.
        namespace: Temporal's namespace.
    """

    def __init__(self, accounts: Accounts, workflow_id: str, run_id: str, namespace: str) -> None:
        self.accounts = accounts
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.namespace = namespace
        self.loop = asyncio.get_running_loop()
        self.workspace: Workspace | None = None

    @property
    def prices(self) -> Mapping[str, Mapping[str, float]] | None:
        """What models cost in the workspace; None where it does not say."""
        return self.workspace.prices if self.workspace else None

    @property
    def counts(self) -> bool:
        """Whether what is spent goes on record."""
        return self.workspace is not None and bool(self.workspace.budgets)

    @property
    def counts_money(self) -> bool:
        """Whether a call whose cost nobody knows can't be made."""
        return self.workspace is not None and self.workspace.counts_money

    async def permit(self) -> None:
        """Lets one more call be made.

        Raises:
            BudgetSpent: The workspace allows none; says what is spent, and who may raise it.
            WorkspacesInvalid: The file can't be used, or what was spent can't be counted.
            JupyterWorkflowsError: Temporal does not tell what was spent; a later attempt may.
        """
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._permit(), self.loop))

    async def _permit(self) -> None:
        file = self.accounts.file()
        found = file.read() if file else None
        workspace = found.workspaces.get(self.namespace) if found else None
        self.workspace = workspace
        if file is None or workspace is None:
            return
        for period, allowance in workspace.budgets.items():
            try:
                spent = await self.accounts.spent(period, self._key(period), self)
            except RPCError as error:
                raise JupyterWorkflowsError(f"Temporal does not tell what was spent: {error.message}") from None
            if said := allowance.reached(spent):
                raise BudgetSpent(refusal(workspace, period, said, file))

    def enter(self, usage: Usage) -> None:
        """Takes in what a call took."""
        if self.workspace is not None:
            keys = [self._key(period) for period in self.workspace.budgets]
            self.loop.call_soon_threadsafe(self._enter, keys, Spent.of(usage))

    def _enter(self, keys: list[str], spent: Spent) -> None:
        for key in keys:
            self.accounts.enter(key, spent)

    def _key(self, period: Period) -> str:
        """What a count is kept under: for a day or a month, what its days begin with."""
        now = utc_now()
        return {"run": self.run_id, "day": f"/{now:%Y-%m-%d}", "month": f"/{now:%Y-%m}"}[period]


def refusal(workspace: Workspace, period: Period, said: str, file: WorkspacesFile) -> str:
    """Why no more calls are made: what is spent of what, and who may raise it."""
    who = "the run" if period == "run" else f"workspace {workspace.name}"
    whose = f"the budget of workspace {workspace.name} for a run" if period == "run" else "its budget"
    admins = ", ".join(sorted(workspace.members.get("admin", ()))) or "whoever owns the file"
    return f"{who} has spent {whose}: {said}{WHEN[period]}; its admins ({admins}) may raise it in {file.path}"
