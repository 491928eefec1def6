"""The commands about workflows: start, bundle, lint, and serving a bundle."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..authoring import Workflow
from ..errors import ClosureError, CommandError, ConnectionFailed
from ..notebook.bundle import read_bundle
from ..notebook.catalog import live_workflows, newest
from ..runs import deployments
from ..runs.static_html import render_diagnostics
from ..schema import Diagnostic, Manifest
from ..security.identity import TrustedKeys
from ..session import Session, checked_arguments
from ..worker import ANYBODY, bundle_worker, load_bundle, pinned_version, task_queue
from .arguments import call_arguments
from .outcomes import Outcome
from .run_commands import run_outcome
from .tables import Cell, Facts, Rendered, Several, Shown, Table


def live(session: Session, name: str) -> Workflow[Any, Any] | None:
    """The notebook's own workflow of this name."""
    return live_workflows(session.namespace).get(name)


def start(session: Session, arguments: Namespace) -> Outcome:
    """`start`."""
    args, kwargs = call_arguments(arguments.arguments)
    workflow = live(session, arguments.name)
    if workflow is not None:
        chosen = workflow.options(
            id=arguments.id,
            if_exists=arguments.if_exists,
            capture=workflow.start_options.capture,
            queue=arguments.queue,
        )
        return run_outcome(session.start(chosen, tuple(args), kwargs))
    return run_outcome(start_bundled(session, arguments, args, kwargs))


def start_bundled(session: Session, arguments: Namespace, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Starts a run of the newest bundle that holds the workflow."""
    found = newest(session.home.bundles, arguments.name)
    loaded = load_bundle(found.path)
    workflow = loaded.workflows[found.workflow.name]
    values = checked_arguments(workflow, tuple(args), kwargs)
    chosen = workflow.options(id=arguments.id, if_exists=arguments.if_exists, queue=arguments.queue)
    return session.start_bundled(chosen, read_bundle(found.path), values)


def bundle(session: Session, arguments: Namespace) -> Outcome:
    """`bundle`."""
    workflow = live(session, arguments.name)
    found = session.bundle(workflow) if workflow else newest(session.home.bundles, arguments.name)
    data = {"path": str(found.path), "manifest": found.manifest}
    return Outcome(data=data, shown=bundle_facts(found.path, found.manifest))


def bundle_facts(path: Path, manifest: Manifest) -> Shown:
    """A bundle: where it is and what is in it."""
    return Facts(
        Cell(str(path), "strong"),
        [
            ("digest", manifest.digest),
            ("workflows", ", ".join(item.name for item in manifest.workflows)),
            ("activities", ", ".join(item.name for item in manifest.activities)),
            ("modules", ", ".join(manifest.local_modules)),
            ("captured", ", ".join(manifest.captured)),
            ("needs", ", ".join(f"{name} {version}" for name, version in manifest.distributions.items())),
        ],
    )


def lint(session: Session, arguments: Namespace) -> Outcome:
    """`lint`."""
    workflow = live(session, arguments.name)
    if workflow is None:
        found = newest(session.home.bundles, arguments.name)
        return diagnostics_outcome(arguments.name, found.manifest.warnings)
    return diagnostics_outcome(workflow.name, diagnostics_of(session, workflow))


def diagnostics_of(session: Session, workflow: Workflow[Any, Any]) -> list[Diagnostic]:
    """The problems and warnings of a workflow of the notebook."""
    try:
        return session.bundle(workflow).manifest.warnings
    except ClosureError as error:
        return error.diagnostics


def diagnostics_outcome(name: str, diagnostics: list[Diagnostic]) -> Outcome:
    """The problems and warnings of a workflow."""
    failed = any(found.severity == "error" for found in diagnostics)
    shown = Rendered(diagnostics_shown(name, diagnostics), lambda: render_diagnostics(diagnostics, workflow=name))
    return Outcome(data=diagnostics, shown=shown, exit_code=1 if failed else 0)


def diagnostics_shown(name: str, diagnostics: list[Diagnostic]) -> Shown:
    """The problems and warnings of a workflow, errors first."""
    errors = [found for found in diagnostics if found.severity == "error"]
    warnings = [found for found in diagnostics if found.severity == "warning"]
    if not errors and not warnings:
        return Facts(Cell(f"✓ {name} can run outside the notebook", "good"))
    can = "can't run" if errors else "can run"
    counted = [counted_words(len(errors), "problem"), counted_words(len(warnings), "warning")]
    headline = f"{name} {can} outside the notebook: {' and '.join(words for words in counted if words)}"
    rows = [
        [
            Cell(found.code, "bad" if found.severity == "error" else "waiting"),
            str(found.location or ""),
            found.message,
            Cell(found.remedy, "quiet"),
        ]
        for found in (*errors, *warnings)
    ]
    table = Table(["code", "where", "what", "remedy"], rows, wrapped=("what", "remedy"), flexible=("what", "remedy"))
    return Several([Facts(Cell(headline, "bad" if errors else "waiting")), table])


def counted_words(count: int, word: str) -> str:
    """`1 problem`, `2 problems`, nothing for none."""
    return "" if not count else f"{count} {word}" + ("s" if count > 1 else "")


def worker(session: Session, arguments: Namespace) -> Outcome:
    """`worker`: serves until it is interrupted.

    Raises:
        CommandError: There is no bundle at the path, or no server is configured.
    """
    path = Path(arguments.path).expanduser().absolute()
    if not (path / "manifest.json").is_file():
        raise CommandError(
            f"{path} is no bundle, it has no manifest.json: `jupyter workflows bundle NAME` says where one is"
        )
    if session.settings is None:
        raise CommandError(
            "the embedded runtime serves its bundles itself: set TEMPORAL_ADDRESS to the server this worker is for"
        )
    asyncio.run(serve(session, path, arguments.queue))
    return Outcome(data={"path": str(path)}, shown=Facts("the worker has ended"))


async def serve(session: Session, path: Path, named: str | None) -> None:
    """Serves a bundle on the configured server.

    Args:
        session: Whose home and connection it is.
        path: The bundle's directory.
        named: The task queue, which newer bundles may take over: then new runs on it start on this one. None for the
            bundle's own.

    Raises:
        ConnectionFailed: The server can't be reached.
        CommandError: The server takes no worker of such a queue.
    """
    from ..connection import connect

    if session.settings is None:
        raise ConnectionFailed("no Temporal server is configured")
    trusted = TrustedKeys(session.home.keys)
    trusted.load()
    bundle = load_bundle(path, trusted)
    client = await connect(session.settings, home=session.home)
    queue, version = named or task_queue(bundle.manifest.digest, ANYBODY), bundle.manifest.digest[:16]
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows knows no such signal
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # Its end takes nothing more, lets steps finish for a while and hands the rest back.
    deployment = pinned_version(named, version) if named else None
    async with bundle_worker(client, bundle, queue=queue, deployment=deployment):
        if named:
            await deployments.promote(client, named, version, force=True)
        what = ", ".join(bundle.workflows)
        sys.stderr.write(f"serving {what} of {path} on {session.settings.address}, queue {queue}\n")
        await stop.wait()
