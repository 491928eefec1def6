"""What runs are reached with, and Temporal's refusals in our words."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ..errors import ConnectionFailed, JupyterWorkflowsError, RunNotFound
from ..schema import Manifest
from ..security.identity import local_user
from ..security.workspaces import Person, Workspace, WorkspacesFile

OUT_OF_REACH = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
NOT_ALLOWED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED)
# What Temporal says when a run has ended; the status code is the one of an unknown run.
ENDED = "already completed"
# How it begins where a text can be the id of no run.
NO_IDS = ("Invalid RunId", "WorkflowId is not set")
# How it begins where a wait for events is told of an older change than it knows already: the same question, asked
# again, is answered (`getOrPollMutableState` in the server).
OVERTAKEN = "Current and request branch tokens"

AWAY_SECONDS = 60.0
UI_ADDRESS = "JUPYTER_WORKFLOWS_UI_ADDRESS"


class RunPlaces(Protocol):
    """What runs need of the package's home."""

    @property
    def keys(self) -> Path:
        """Directory of the user's reviewer key."""
        ...

    @property
    def data(self) -> Path:
        """Directory of all that must survive; the file of roles stands in it."""
        ...

    @property
    def bundles(self) -> Path:
        """Directory of the bundles."""
        ...

    @property
    def cache(self) -> Path:
        """Directory of what can be learnt again."""
        ...

    @property
    def tokens(self) -> Path:
        """Directory where workers tell what their steps write."""
        ...

    def serve(self, queue: str) -> Callable[[], None]:
        """Has the worker host of a task queue up, where it is one of ours, and gives what lets go of it; blocks."""
        ...


def served_elsewhere(queue: str) -> Callable[[], None]:
    """Somebody else's workers serve the queue."""
    del queue
    return lambda: None


def no_manifest(digest: str) -> Manifest | None:
    """The manifest of a bundle nobody has at hand."""
    del digest
    return None


def person_of(who: str | Person | None, workspaces: WorkspacesFile | None = None) -> Person:
    """Who acts: by default the local user; somebody with just a name has the groups that a file puts them into.

    Raises:
        WorkspacesInvalid: The file can't be used.
    """
    if isinstance(who, Person):
        return who
    person = Person(who or local_user())
    found = workspaces.read() if workspaces else None
    return found.known(person) if found else person


@dataclass(frozen=True)
class RunAccess:
    """A connected client with what else runs need.

    Args:
        client: The connected Temporal client.
        keys: Directory of the user's reviewer key; without it nothing can be approved or rejected.
        ui_address: Root address of Temporal's Web UI, where there is one.
        manifest_of: Gives the manifest of a bundle by the first 16 digits of its digest, where it is at hand.
        cache: Directory for what was learnt from histories; without one it is learnt again in each process.
        tokens: Where the workers of this machine tell what their steps write; else heartbeats tell it.
        serve: Has the worker host of a task queue up, and gives what lets go of it.
        bundles: Directory of the bundles.
        person: Gives who acts, with their groups.
        workspaces: The file that says which workspaces there are.
    """

    client: Client
    keys: Path | None = None
    ui_address: str | None = None
    manifest_of: Callable[[str], Manifest | None] = no_manifest
    cache: Path | None = None
    tokens: Path | None = None
    serve: Callable[[str], Callable[[], None]] = served_elsewhere
    bundles: Path | None = None
    person: Callable[[str | Person | None], Person] = person_of
    workspaces: WorkspacesFile | None = None

    @classmethod
    def of(
        cls, client: Client, home: RunPlaces | None = None, *, workspaces: WorkspacesFile | None = None
    ) -> RunAccess:
        """The access of a process with this home; `JUPYTER_WORKFLOWS_UI_ADDRESS` names a Web UI.

        Args:
            client: A connected client.
            home: The home.
            workspaces: Another file of workspaces than the home's.
        """
        ui_address = os.environ.get(UI_ADDRESS) or None
        if home is None:
            return cls(client, ui_address=ui_address)
        bundles = home.bundles
        # What was decrypted is not written to the disk.
        cache = None if client.data_converter.payload_codec else home.cache
        file = workspaces or WorkspacesFile.of_home(home.data)
        return cls(
            client,
            home.keys,
            ui_address,
            lambda digest: read_manifest(bundles, digest),
            cache,
            home.tokens,
            home.serve,
            bundles,
            partial(person_of, workspaces=file),
            file,
        )

    @property
    def workspace(self) -> Workspace | None:
        """The workspace of the client's namespace; None where there is no file, or it does not name it.

        Raises:
            WorkspacesInvalid: The file can't be used.
        """
        found = self.workspaces.read() if self.workspaces else None
        return found.workspaces.get(self.client.namespace) if found else None

    @property
    def address(self) -> str:
        """`host:port` of the server."""
        return self.client.service_client.config.target_host


def read_manifest(bundles: Path, digest: str) -> Manifest | None:
    """The manifest of a bundle on this machine; None where it is not here or not whole."""
    digits = digest[:16]
    if not digits.isalnum():
        return None
    try:
        return Manifest.model_validate_json((bundles / f"jw_{digits}" / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return None


@contextmanager
def in_our_words(access: RunAccess, run_id: str = "") -> Generator[None]:
    """Turns Temporal's errors into ours.

    Args:
        access: Where it was asked.
        run_id: The workflow id it was asked about.

    Raises:
        RunNotFound: The server knows no such run.
        ConnectionFailed: The server is out of reach or lets us not in.
        JupyterWorkflowsError: It refused for another reason.
    """
    try:
        yield
    except RPCError as error:
        raise translated(error, access, run_id) from None


def translated(error: RPCError, access: RunAccess, run_id: str) -> JupyterWorkflowsError:
    """Temporal's error as ours."""
    namespace = access.client.namespace
    if error.status == RPCStatusCode.NOT_FOUND and ENDED in error.message:
        return JupyterWorkflowsError(f"run {run_id} has ended already")
    if error.status == RPCStatusCode.NOT_FOUND or error.message.startswith(NO_IDS):
        where = f"the server at {access.address} (namespace {namespace})"
        return RunNotFound(f"{where} knows no run {run_id!r}: `%workflow runs` lists those there are")
    if error.status in OUT_OF_REACH:
        return ConnectionFailed(
            f"the Temporal server at {access.address} does not answer ({error.message}): "
            "see `%workflow status`; runs go on as soon as it is back"
        )
    if error.status in NOT_ALLOWED:
        return ConnectionFailed(f"the Temporal server at {access.address} does not let you in: {error.message}")
    return JupyterWorkflowsError(f"the Temporal server refused: {error.message}")


class Patience:
    """Lets a wait outlive a server that is restarted or overtaken; what stays so ends it after a minute."""

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0

    async def after(self, error: RPCError) -> None:
        """Waits before the next try.

        Raises:
            RPCError: The server has been away too long, or another try would not help.
        """
        now = time.monotonic()
        self.until = self.until or now + AWAY_SECONDS
        passes = error.status in OUT_OF_REACH or error.message.startswith(OVERTAKEN)
        if not passes or now > self.until:
            raise error
        await asyncio.sleep(min(1.0, 0.05 * 2**self.failures))
        self.failures += 1
