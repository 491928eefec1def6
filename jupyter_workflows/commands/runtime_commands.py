"""The commands about the runtime: up, down, status."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import ConnectionFailed, JupyterWorkflowsError
from ..local import runtime
from ..local.status import HostStatus, RuntimeStatus
from ..runs.untrusted import human_bytes, human_seconds
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table


def up(session: Session, arguments: Namespace) -> Outcome:
    """`up`."""
    runtime.ensure(session.home, progress=session.progress, recover=arguments.recover)
    found = runtime.status(session.home)
    return Outcome(data=found, shown=runtime_shown(found))


def down(session: Session, arguments: Namespace) -> Outcome:
    """`down`."""
    del arguments
    was_up = runtime.down(session.home)
    words = "the embedded runtime has ended; open runs go on after the next `up`"
    shown = Facts(words if was_up else "the embedded runtime was not up", [("home", str(session.home.data))])
    return Outcome(data={"was_up": was_up, "home": str(session.home.data)}, shown=shown)


def status(session: Session, arguments: Namespace) -> Outcome:
    """`status`: starts nothing."""
    del arguments
    found = runtime.status(session.home)
    external = external_facts(session)
    shown: list[Shown] = [Facts(*external["shown"])] if external else []
    if not external or found.state != "stopped":
        shown.append(runtime_shown(found))
    data: dict[str, Any] = {"runtime": found, "server": external["data"] if external else None}
    failed = external is not None and external["data"]["error"] is not None
    return Outcome(data=data, shown=Several(shown), exit_code=1 if failed else 0)


def external_facts(session: Session) -> dict[str, Any] | None:
    """The configured Temporal server and whether it answers; None where the embedded one is used."""
    settings = session.settings
    if settings is None:
        return None
    data: dict[str, Any] = {"address": settings.address, "namespace": settings.namespace, "error": None}
    headline = Cell(f"✓ connected to {settings.address}, namespace {settings.namespace}", "good")
    problem = ""
    try:
        session.client()
    except (ConnectionFailed, JupyterWorkflowsError) as error:
        problem = data["error"] = str(error)
        headline = Cell(f"✗ no connection to {settings.address}, namespace {settings.namespace}", "bad")
    return {"data": data, "shown": (headline, [("problem", Cell(problem, "bad"))])}


def runtime_shown(found: RuntimeStatus) -> Shown:
    """The embedded runtime with its worker hosts."""
    problems = [("problem", Cell(problem, "bad")) for problem in found.problems]
    if found.state == "stopped":
        return Facts(
            Cell("■ the embedded runtime is not up", "quiet"),
            [("home", found.home), *problems],
            note="It starts by itself with the first run; `up` starts it now.",
        )
    up_since = human_seconds(found.uptime_seconds)
    headline = Cell("✓ the embedded runtime is up", "good")
    if found.state == "starting" or found.problems:
        headline = Cell(f"↻ the embedded runtime is {found.state}", "waiting")
    facts = Facts(
        headline,
        [
            ("address", f"{found.address}, namespace {found.namespace}"),
            ("up for", f"{up_since}{restarts(found.server_restarts)}"),
            ("home", found.home),
            ("database", human_bytes(found.database_bytes)),
            ("logs", found.logs),
            ("temporal", found.versions.get("temporal")),
            ("processes", f"supervisor {found.supervisor_pid}, server {found.server_pid}"),
            *problems,
        ],
    )
    return Several([facts, hosts_table(found.hosts)]) if found.hosts else facts


def restarts(count: int) -> str:
    """`, restarted twice`, nothing for never."""
    return f", restarted {count} time{'s' if count > 1 else ''}" if count else ""


def hosts_table(hosts: list[HostStatus]) -> Table:
    """The worker hosts."""
    rows = [
        [
            host.notebook or host.cwd,
            str(host.pid) if host.pid else Cell("starting", "waiting"),
            "?" if host.open_runs is None else str(host.open_runs),
            str(len(host.bundles)),
            str(host.leases),
            Cell(host.error, "bad") if host.error else f"up {human_seconds(host.uptime_seconds)}",
        ]
        for host in hosts
    ]
    titles = ["worker host of", "process", "open runs", "bundles", "kernels", "state"]
    return Table(titles, rows, flexible=["worker host of", "state"])
