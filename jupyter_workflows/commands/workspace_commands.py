"""The command about the workspace: who has which role, and what the file says of its namespace."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client

from ..connection import loop_thread
from ..errors import CommandError
from ..local.server import NAMESPACE
from ..runs.access import RunAccess, in_our_words, person_of
from ..runs.budgets import OF_PERIOD, BudgetWatch, budget_words, is_spent
from ..runs.pollers import read_pollers_of_queue
from ..schema.budgets import WorkspaceBudget
from ..security.rights import MANAGE, ROLES
from ..security.workspaces import Workspace, WorkspacesFile
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts


def workspace(session: Session, arguments: Namespace) -> Outcome:
    """`workspace`.

    Raises:
        CommandError: There is no file, or it says nothing that could be applied.
        NotPermitted: The local user is no admin.
        ConnectionFailed: The server is out of reach.
    """
    file = WorkspacesFile.of_home(session.home.data)
    namespace = session.settings.namespace if session.settings else NAMESPACE
    found = file.read()
    if found is None:
        return nobody_named(file, namespace)
    person = person_of(None, file)
    here = found.workspaces[namespace]
    if arguments.action == "apply":
        found.check(person, namespace, MANAGE)
        apply(session.client(), session, here)
    mine = sorted(found.roles_of(person, namespace), key=ROLES.index)
    keeps, budgets, workers = kept(session, here), used(session, here), polled(session, here)
    return told(here, file, mine, keeps=keeps, budgets=budgets, workers=workers)


def nobody_named(file: WorkspacesFile, namespace: str) -> Outcome:
    """There are no roles: whoever gets in may do everything."""
    shown = Facts(
        Cell("no roles: who gets in may do everything", "waiting"),
        [("namespace", namespace), ("file", f"{file.path} is not there")],
    )
    return Outcome(data={"name": None, "namespace": namespace, "file": str(file.path), "roles": None}, shown=shown)


def kept(session: Session, workspace: Workspace) -> timedelta | None:
    """How long Temporal keeps closed runs; not asked where the file does not say how long it should."""
    if workspace.retention_days is None:
        return None
    return loop_thread().run(retention(session.client(), session))


def used(session: Session, workspace: Workspace) -> list[WorkspaceBudget]:
    """What is used of its budgets; Temporal is asked only where there are any."""
    if not workspace.budgets:
        return []
    access = RunAccess.of(session.client(), session.home)
    return loop_thread().run(BudgetWatch().used(access, workspace))


def polled(session: Session, workspace: Workspace) -> int:
    """How many workers of its task queue ask for work; Temporal is asked only where it names one."""
    if workspace.queue is None:
        return 0
    return loop_thread().run(read_pollers_of_queue(session.client(), workspace.queue)).live


async def retention(client: Client, session: Session) -> timedelta:
    """How long Temporal keeps the closed runs of the namespace."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    with in_our_words(RunAccess.of(client, session.home)):
        answer = await client.workflow_service.describe_namespace(request)
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()


def apply(client: Client, session: Session, workspace: Workspace) -> None:
    """Has Temporal keep closed runs as long as the file says.

    Raises:
        CommandError: The file does not say.
        ConnectionFailed: The server is out of reach, or does not let us.
    """
    if workspace.retention_days is None:
        raise CommandError(f"workspace {workspace.name} has no retention_days: there is nothing to apply")
    seconds = timedelta(days=workspace.retention_days).total_seconds()
    config = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(seconds)))

    async def update() -> None:
        with in_our_words(RunAccess.of(client, session.home)):
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(namespace=client.namespace, config=config)
            )

    loop_thread().run(update())


def told(
    workspace: Workspace,
    file: WorkspacesFile,
    mine: list[Any],
    *,
    keeps: timedelta | None,
    budgets: list[WorkspaceBudget],
    workers: int,
) -> Outcome:
    """The workspace, and what the local user is in it."""
    members = {role: sorted(workspace.members.get(role, ())) for role in ROLES}
    wanted = workspace.retention_days
    facts: list[tuple[str, Cell | str | None]] = [
        ("namespace", workspace.namespace),
        ("you are", ", ".join(mine) or "nobody"),
        *((role, ", ".join(names)) for role, names in members.items() if names),
        ("encryption", "required" if workspace.encrypted else "optional"),
    ]
    if wanted is not None and keeps is not None:
        differs = keeps != timedelta(days=wanted)
        note = f"; the file wants {wanted}: `workspace apply`" if differs else ""
        facts.append(("closed runs kept", Cell(f"{keeps.days} days{note}", "waiting" if differs else "plain")))
    if workspace.queue is not None:
        asking = f"{workers} ask for work" if workers else "none asks for work: runs are refused"
        facts.append(("workers of queue", Cell(f"{workspace.queue}: {asking}", "plain" if workers else "bad")))
    for budget in budgets:
        look = "bad" if is_spent(budget) else "plain"
        facts.append((f"budget {OF_PERIOD[budget.period]}", Cell(budget_words(budget), look)))
    data = {
        "name": workspace.name,
        "namespace": workspace.namespace,
        "file": str(file.path),
        "roles": mine,
        "members": members,
        "encryption": "required" if workspace.encrypted else "optional",
        "retention_days": wanted,
        "kept_days": keeps.total_seconds() / 86_400 if keeps is not None else None,
        "queue": workspace.queue,
        "workers": workers if workspace.queue is not None else None,
        "budgets": [budget.model_dump(mode="json") for budget in budgets],
    }
    return Outcome(
        data=data, shown=Facts(Cell(f"workspace {workspace.name}", "strong"), [*facts, ("file", str(file.path))])
    )
