"""What is published: one file each in the home, pinned to a bundle."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..errors import PublishRefused, WorkflowNotFound
from ..local.bundled import of_bundle
from ..local.paths import Home, make_private_directory, read_json, write_private
from ..notebook.catalog import Found, live_workflows, newest
from ..runs.untrusted import one_line, printable
from ..schema.publishing import Published
from ..security.identity import local_user
from ..session import Session

# What MCP clients and URLs take alike, and no file system reads in another way.
TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICES = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)
# Tools that every caller has.
RESERVED = ("workflow_run", "cancel_workflow_run")
MAX_DESCRIPTION = 4_000


def directory(home: Home) -> Path:
    """Where what is published stands."""
    return home.data / "published"


def checked_tool(name: str) -> str:
    """A name to be called by, checked.

    Raises:
        PublishRefused: It is none; says what one takes.
    """
    reason = ""
    if not TOOL.fullmatch(name):
        reason = "it takes letters from a to z, digits, _ and -, begins with a letter and has at most 64 characters"
    elif DEVICES.fullmatch(name):
        reason = "Windows keeps it for itself"
    elif name in RESERVED:
        reason = "every caller has a tool of this name"
    if reason:
        raise PublishRefused(f"a workflow can't be called by the name {one_line(name, 80)!r}: {reason}. Give --as NAME")
    return name


def checked_description(text: str | None, found: Found) -> str:
    """What callers are told, checked; by default the workflow's own description.

    Raises:
        PublishRefused: There is none, or it is too long.
    """
    told = printable((text or found.workflow.description or "").strip(), MAX_DESCRIPTION + 1)
    if not told:
        raise PublishRefused(
            f"{found.workflow.name} has no description, and callers choose by it: give --description TEXT, or the "
            "workflow a docstring"
        )
    if len(told) > MAX_DESCRIPTION:
        raise PublishRefused(f"--description takes at most {MAX_DESCRIPTION:,} characters, not {len(text or told):,}")
    return told


def publish(session: Session, name: str, *, tool: str | None = None, description: str | None = None) -> Published:
    """Makes a workflow callable by others, as its code is now; publishing again under the same name renews it.

    Args:
        session: In a notebook the cells count as they were last run, else the newest bundle.
        name: The workflow's name.
        tool: What it is called by; by default the workflow's name.
        description: What callers are told; by default the workflow's docstring.

    Raises:
        PublishRefused: The name or description can't be.
        ClosureError: The workflow can't run outside the notebook.
        CommandError: There is no such workflow.
        WorkerUnavailable: Its code can't be served.
    """
    live = live_workflows(session.namespace).get(name)
    wanted = checked_tool(tool if tool is not None else live.name if live else name)
    bundle = session.bundle(live) if live else None
    if live and bundle:
        found = of_bundle(session.home.bundles, live.name, bundle.digest)
    else:
        found = newest(session.home.bundles, name)
    told = checked_description(description, found)
    home = session.home.create()
    refuse_alike(home, wanted)
    if bundle:
        # A caller would be the first to learn that its imports fail; and the host of this notebook is remembered.
        session.load(bundle)
    made = Published(
        tool=wanted,
        workflow=found.workflow.name,
        digest=found.manifest.digest,
        description=told,
        published_by=local_user(),
        published_at=datetime.now(UTC),
        parameters_schema=found.workflow.parameters_schema,
        result_schema=found.workflow.result_schema,
    )
    make_private_directory(directory(home))
    write_private(directory(home) / f"{wanted}.json", made.model_dump(mode="json"))
    return made


def refuse_alike(home: Home, tool: str) -> None:
    """Refuses a name that differs from another only in case: some file systems and people take both for one.

    Raises:
        PublishRefused: It is one.
    """
    for known in list_published(home):
        if known.tool != tool and known.tool.casefold() == tool.casefold():
            raise PublishRefused(f"{known.tool} is published, and {tool} differs from it in case only: take another")


def unpublish(home: Home, tool: str) -> Published:
    """Lets nobody call it any more; runs that were called go on.

    Raises:
        WorkflowNotFound: Nothing is published under this name.
    """
    found = find_published(home, tool)
    with suppress(FileNotFoundError):
        (directory(home) / f"{found.tool}.json").unlink()
    return found


def list_published(home: Home) -> list[Published]:
    """All that is published, by name; a file that can't be read is left out."""
    found: list[Published] = []
    for path in sorted(directory(home).glob("*.json")):
        with suppress(ValidationError):
            known = Published.model_validate(read_json(path))
            if known.tool == path.stem and TOOL.fullmatch(known.tool):
                found.append(known)
    return found


def find_published(home: Home, tool: str) -> Published:
    """What is published under a name.

    Raises:
        WorkflowNotFound: Nothing is; names what is.
    """
    known = {each.tool: each for each in list_published(home)}
    if tool not in known:
        listed = f"there are {', '.join(list(known)[:10])}" if known else "nothing is: `%workflow publish NAME`"
        raise WorkflowNotFound(f"no workflow is published as {one_line(tool, 80)!r}: {listed}")
    return known[tool]


def bundle_of(home: Home, known: Published) -> Found:
    """The workflow in the bundle it was published with.

    Raises:
        WorkflowNotFound: The bundle is gone.
    """
    return of_bundle(home.bundles, known.workflow, known.digest)
