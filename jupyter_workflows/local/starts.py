"""Starts a workflow of a bundle on disk: no kernel is needed, and no code of a notebook is imported here.

The worker host is the one that served the bundle before, with its interpreter and directory. While it is up it keeps
the environment that its notebook gave it; where it has to be started, it gets that of the process that starts the run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..connection import Settings
from ..errors import RunAlreadyExists
from ..notebook.catalog import Found
from ..runs.access import RunAccess
from ..runs.arguments import checked
from ..runs.client import StartRequest, starting
from ..runs.handle import Run
from ..runs.placement import served_queue
from ..runs.untrusted import one_line
from ..worker import task_queue
from .paths import Home
from .runtime import Runtime
from .specs import HostSpec, last_server


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to start.

    Args:
        found: The workflow and its bundle.
        arguments: The arguments by name.
        starter: Who starts it.
        id: The run's id; the same id again gives the same run.
        tool: The published name under which it is called.
        memo: What else the run's memo says.
    """

    found: Found
    arguments: Mapping[str, Any]
    starter: str
    id: str | None = None
    tool: str | None = None
    memo: Mapping[str, Any] = field(default_factory=dict[str, Any])


def host_of(home: Home, bundle: str, settings: Settings | None) -> HostSpec:
    """The worker host that is to serve a bundle: the one that did last, else one of this interpreter."""
    spec = last_server(home, bundle) or HostSpec.of_this_process()._replace(cwd=str(home.data))
    here = spec.with_env(dict(os.environ))
    return here.for_server(settings) if settings else here._replace(server=None)


def served(home: Home, spec: HostSpec, found: Found) -> Runtime:
    """Has a bundle served, and gives what holds its worker host until the run is there; blocks.

    Raises:
        WorkerUnavailable: The bundle can't be loaded, or the host can't be started.
    """
    # A hold of its own: this server's lasting one would keep the host up for as long as the server runs.
    hold = Runtime(home)
    try:
        hold.load_bundle(spec, found.path, keep=True)
    except BaseException:
        hold.close()
        raise
    return hold


async def start(access: RunAccess, home: Home, settings: Settings | None, wanted: Wanted) -> Run[Any]:
    """Starts the run; on the loop thread.

    Args:
        access: What runs are reached with.
        home: Where the bundle is and which runtime serves it.
        settings: The configured Temporal server; None for the embedded one.
        wanted: What to start.

    Raises:
        ArgumentsError: The arguments do not fit the signature.
        WorkerUnavailable: The bundle can't be served.
        RunAlreadyExists: The id is that of a run of another workflow.
    """
    workflow = wanted.found.workflow
    values = checked(workflow, wanted.arguments)
    spec = host_of(home, str(wanted.found.path), settings)
    if queue := await served_queue(access):
        return await known_as_wanted(await starting(access, request_of(wanted, values, spec, queue)), wanted)
    hold = await asyncio.to_thread(served, home, spec, wanted.found)
    try:
        run = await starting(access, request_of(wanted, values, spec, task_queue(digest_of(wanted), spec.key)))
    finally:
        hold.close()
    return await known_as_wanted(run, wanted)


def digest_of(wanted: Wanted) -> str:
    """The digest of the bundle."""
    return wanted.found.manifest.digest


async def known_as_wanted(run: Run[Any], wanted: Wanted) -> Run[Any]:
    """The run, if its id is not that of a run of another workflow.

    Raises:
        RunAlreadyExists: It is.
    """
    workflow = wanted.found.workflow
    if wanted.id is not None and (known := await run.reader.run()).workflow != workflow.name:
        raise RunAlreadyExists(
            f"{one_line(wanted.id, 80)!r} is the id of a run of {one_line(known.workflow, 80)}: take another id"
        )
    return run


def request_of(wanted: Wanted, values: list[Any], spec: HostSpec, queue: str) -> StartRequest:
    """What is asked of Temporal."""
    workflow = wanted.found.workflow
    seconds = workflow.timeout_seconds
    return StartRequest(
        workflow=workflow.name,
        args=values,
        task_queue=queue,
        bundle=digest_of(wanted)[:16],
        id=wanted.id,
        if_exists="attach" if wanted.id is not None else "raise",
        timeout=timedelta(seconds=seconds) if seconds is not None else None,
        notebook=spec.notebook,
        starter=wanted.starter,
        tool=wanted.tool,
        memo=wanted.memo,
    )
