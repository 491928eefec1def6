"""The command that shows deployed workers and says which version new runs start on."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from temporalio.client import Client

from ..connection import loop_thread
from ..errors import CommandError
from ..runs import deployments
from ..runs.deployments import Deployment, Version, Versions
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table, Tone

TONES: dict[str, Tone] = {"current": "good", "ramping": "busy", "has open runs": "waiting"}


def list_deployments(session: Session, arguments: Namespace) -> Outcome:
    """`deployments`."""
    changes = [arguments.promote is not None, arguments.roll_back]
    if arguments.name is None and (any(changes) or arguments.ramp is not None):
        raise CommandError("name the deployment: `deployments` alone lists those there are")
    if all(changes):
        raise CommandError("--promote and --roll-back contradict each other: give one of them")
    if arguments.ramp is not None and arguments.promote is None:
        raise CommandError("--ramp says what share of new runs a version gets: name it by --promote VERSION")
    if arguments.force and not any(changes):
        raise CommandError("--force goes with --promote VERSION or --roll-back")
    client = session.client()
    if arguments.name is None:
        found = loop_thread().run(deployments.list_deployments(client))
        return Outcome(data=[asdict(one) for one in found], shown=deployments_shown(found))
    return loop_thread().run(routed(client, arguments))


async def routed(client: Client, arguments: Namespace) -> Outcome:
    """The versions of a deployment, after what the line asks to be changed.

    Raises:
        CommandError: There is no such deployment or version, or no worker of the version asks for work.
        JupyterWorkflowsError: The server refuses.
    """
    name, headline = arguments.name, ""
    if arguments.promote is not None:
        before = await deployments.known_versions(client, name)
        if arguments.promote not in (version.build_id for version in before.listed):
            builds = ", ".join(version.build_id for version in before.listed)
            raise CommandError(f"{name} has no version {arguments.promote!r}: there are {builds}")
        await deployments.promote(client, name, arguments.promote, ramp=arguments.ramp, force=arguments.force)
        headline = promoted_line(arguments.promote, arguments.ramp)
    elif arguments.roll_back:
        headline = promoted_line(await deployments.roll_back(client, name, force=arguments.force), None)
    found = await deployments.known_versions(client, name)
    shown = versions_shown(found)
    if headline:
        shown = Several([Facts(Cell(headline, "good")), shown])
    return Outcome(data=versions_data(found), shown=shown)


def promoted_line(build_id: str, ramp: float | None) -> str:
    """Where new runs start now."""
    share = "new runs" if ramp is None else f"{ramp:g} % of new runs"
    return f"{share} start on version {build_id}" if build_id else "new runs start on no version"


def versions_data(versions: Versions) -> list[dict[str, Any]]:
    """The versions as data."""
    return [asdict(version) for version in versions.listed]


def deployments_shown(listed: list[Deployment]) -> Shown:
    """The deployments of a namespace."""
    rows = [
        [
            Cell(one.name, "strong"),
            one.current or Cell("none", "waiting"),
            f"{one.ramping}, {one.share:g} %" if one.ramping else "",
            str(one.open_runs),
        ]
        for one in listed
    ]
    return Table(
        ["deployment", "current version", "ramping", "open runs"],
        rows,
        "no worker of an exported package has served here: see `%workflow export --help`",
        flexible=["deployment"],
    )


def versions_shown(versions: Versions | None, own: str = "") -> Shown:
    """The versions of a deployment.

    Args:
        versions: The versions; None where no worker has ever served it.
        own: The version of whoever asks.
    """
    rows = [version_row(version, own) for version in (versions.listed if versions else [])]
    return Table(
        ["version", "state", "new runs", "open runs", "since", ""],
        rows,
        "no worker has ever served this deployment",
        flexible=["state"],
    )


def version_row(version: Version, own: str) -> list[Cell | str]:
    """A version in the table."""
    return [
        version.build_id,
        Cell(version.state, TONES.get(version.state, "quiet")),
        f"{version.share:g} %",
        str(version.open_runs),
        f"{version.created_at:%Y-%m-%d %H:%M}",
        "this package" * (version.build_id == own),
    ]
