"""The command line of an exported package: serve, start, look, decide, promote."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from .. import cli
from ..commands import permission
from ..commands.arguments import call_arguments
from ..commands.deployment_commands import promoted_line, versions_data, versions_shown
from ..commands.dispatch import run as run_command
from ..commands.options import Subcommand, option
from ..commands.outcomes import Outcome
from ..commands.parser import parse
from ..commands.run_commands import run_outcome
from ..commands.subcommands import START, SUBCOMMANDS
from ..commands.tables import Cell, Facts
from ..connection import Settings, loop_thread
from ..errors import CommandError, ConnectionFailed
from ..local.paths import Home, make_private_directory
from ..runs import client as run_client
from ..runs import deployments
from ..runs.client import StartRequest
from ..security.identity import ensure_key, key_id, local_user, public_key
from ..session import Session, checked_arguments, use
from .packages import Deployed
from .settings import ServiceSettings

# What the package shares with `jupyter workflows`, in the same words.
SHARED = ("runs", "show", "inbox", "approve", "reject", "cancel", "terminate", "signal", "query")

OWN = (
    Subcommand(
        "worker",
        "serve runs until told to end",
        "Serves the runs of this version. On SIGTERM it takes nothing more, lets its steps finish within "
        "JUPYTER_WORKFLOWS_GRACE_SECONDS, hands the rest back, and exits with 0.",
        examples=["worker"],
    ),
    Subcommand(
        "start",
        "start a run of a workflow",
        "Starts a run on the current version of the deployment. The arguments are a JSON object of names and values, "
        "a JSON list, or one plain JSON value.",
        START,
        ['start review \'{"contract_id": "C-17"}\''],
    ),
    Subcommand(
        "key",
        "the public key your decisions are signed with",
        "Prints your public key, made on first use. A deployed worker takes your decisions once its operator has put "
        "it into the directory that JUPYTER_WORKFLOWS_TRUSTED_KEYS names, as a file called after the key's id.",
        examples=["key", "key --json"],
    ),
    Subcommand(
        "health",
        "whether the worker on this machine is ready",
        "Asks the worker's health endpoint and exits with 0 where it is ready, else with 1.",
        [option("--live", action="store_true", help="ask only whether it is alive")],
        ["health", "health --live"],
    ),
    Subcommand(
        "versions",
        "which version new runs start on",
        "Lists the versions of this deployment that Temporal knows. One whose runs have all ended is no longer needed.",
        examples=["versions"],
    ),
    Subcommand(
        "promote",
        "let new runs start on a version",
        "Lets new runs start on a version, by default that of this package; open runs stay where they are.",
        [
            option("build", metavar="VERSION", nargs="?", help="its name; default: the one of this package"),
            option("--ramp", metavar="PERCENT", type=float, help="only this share of new runs, 0 to 100"),
            option("--roll-back", action="store_true", help="end a ramp, else go back to the version before"),
            option("--force", action="store_true", help="even if no worker of the version asks for work"),
        ],
        ["promote --ramp 10", "promote", "promote --roll-back"],
    ),
)


def main(name: str, package: str) -> NoReturn:
    """Carries out the command line of this process and ends the process.

    Args:
        name: The name of the package's distribution, which is also that of its command.
        package: The name it is imported by.
    """
    cli.end(cli.attempt(partial(carry_out, Deployed(name, package)), sys.argv[1:], program=name))


def commands() -> list[Subcommand]:
    """The subcommands of a package."""
    return [*OWN, *(command for command in SUBCOMMANDS if command.name in SHARED)]


def carry_out(deployed: Deployed, words: list[str]) -> int:
    """Parses the line, does what it says and shows what came of it.

    Raises:
        JupyterWorkflowsError: It can't be done; the message says why and what to do.
    """
    names = ", ".join(workflow.name for workflow in deployed.manifest.workflows)
    parsed = parse(deployed.name, words, commands(), description=f"Durable workflows of this package: {names}.")
    own = FUNCTIONS.get(parsed.subcommand)
    if parsed.subcommand == "worker":
        return serve(deployed)
    if own is not None:
        return cli.show(own(deployed, parsed), parsed)
    session = Session(settings=server())
    use(session)
    return cli.show(run_command(session, parsed), parsed)


def server() -> Settings:
    """The Temporal server that the environment names.

    Raises:
        ConnectionFailed: It names none.
    """
    found = Settings.from_environment()
    if found is None:
        raise ConnectionFailed("no Temporal server is named: set TEMPORAL_ADDRESS=host:port")
    return found


def serve(deployed: Deployed) -> int:
    """`worker`."""
    from .service import Service

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    settings = ServiceSettings.from_environment(deployed.name)
    home = Home.locate()
    for directory in (home.data, home.limits, home.blobs):
        make_private_directory(directory)
    return asyncio.run(Service(deployed, server(), settings, home).run())


def start(deployed: Deployed, arguments: Namespace) -> Outcome:
    """`start`.

    Raises:
        CommandError: The package has no such workflow.
        NotPermitted: A file of roles in this home does not let the user.
    """
    args, kwargs = call_arguments(arguments.arguments)
    bundle = deployed.load()
    workflow = bundle.workflows.get(arguments.name)
    if workflow is None:
        names = ", ".join(bundle.workflows)
        raise CommandError(f"{deployed.name} has no workflow {arguments.name!r}: there are {names}")
    values = checked_arguments(workflow, tuple(args), kwargs)
    session = Session(settings=server())
    permission.check(session, "start")
    use(session)
    request = StartRequest(
        workflow=workflow.name,
        args=values,
        task_queue=ServiceSettings.from_environment(deployed.name).queue,
        id=arguments.id,
        if_exists=arguments.if_exists,
        bundle=deployed.build_id,
        starter=local_user(),
        timeout=workflow.timeout,
    )
    started = run_client.start_run(session.client(), request, home=session.home, result_type=workflow.result_type)
    return run_outcome(started)


def key(deployed: Deployed, arguments: Namespace) -> Outcome:
    """`key`."""
    del arguments
    public = public_key(ensure_key(Home.locate().keys))
    data = {"id": key_id(public), "key": base64.b64encode(public).decode()}
    shown = Facts(
        Cell(f"{data['id']}.pub", "strong"),
        [("content", data["key"]), ("signs for", local_user()), ("to be trusted by", f"workers of {deployed.name}")],
    )
    return Outcome(data=data, shown=shown)


def health(deployed: Deployed, arguments: Namespace) -> Outcome:
    """`health`.

    Raises:
        CommandError: There is no endpoint to ask.
    """
    address = ServiceSettings.from_environment(deployed.name).health
    if address is None:
        raise CommandError("JUPYTER_WORKFLOWS_HEALTH is off: there is nothing to ask")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address.host, address.host)
    path = "/healthz" if arguments.live else "/readyz"
    told: dict[str, Any]
    try:
        # Never by a proxy: it is this machine that is asked.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{host}:{address.port}{path}", timeout=5) as response:
            told = json.load(response)
        code = 0
    except urllib.error.HTTPError as error:
        told, code = json.load(error), 1
    except (OSError, ValueError) as error:
        told, code = {"status": f"no answer at {address}: {getattr(error, 'reason', error)}"}, 1
    facts = [(name, str(value)) for name, value in told.items() if name != "status"]
    return Outcome(data=told, shown=Facts(Cell(told["status"], "bad" if code else "good"), facts), exit_code=code)


def list_versions(deployed: Deployed, arguments: Namespace) -> Outcome:
    """`versions`."""
    del arguments
    client = Session(settings=server()).client()
    found = loop_thread().run(deployments.read_versions(client, deployed.name))
    return Outcome(data=versions_data(found) if found else [], shown=versions_shown(found, deployed.build_id))


def promote(deployed: Deployed, arguments: Namespace) -> Outcome:
    """`promote`.

    Raises:
        CommandError: The share is none, or no worker of the version asks for work.
        NotPermitted: A file of roles in this home does not let the user.
    """
    session = Session(settings=server())
    permission.check(session, "deployments")
    client = session.client()
    build, ramp = arguments.build or deployed.build_id, arguments.ramp
    if arguments.roll_back:
        if arguments.build or ramp is not None:
            raise CommandError("--roll-back goes back to what was before: leave VERSION and --ramp out")
        build = loop_thread().run(deployments.roll_back(client, deployed.name, force=arguments.force))
    else:
        loop_thread().run(deployments.promote(client, deployed.name, build, ramp=ramp, force=arguments.force))
    return Outcome(data={"version": build, "ramp": ramp}, shown=Facts(promoted_line(build, ramp)))


FUNCTIONS: dict[str, Callable[[Deployed, Namespace], Outcome]] = {
    "start": start,
    "key": key,
    "health": health,
    "versions": list_versions,
    "promote": promote,
}
