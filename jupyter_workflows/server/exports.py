"""A workflow of a bundle written as a package among the files of this server; no kernel is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import Field

from ..errors import ExportFailed
from ..export.exporting import RUNS, Exported, Target, export_bundle
from ..local.bundled import find_workflow
from ..notebook.bundle import read_bundle
from ..runs.untrusted import one_line
from ..schema import Wire
from ..session import Session

if TYPE_CHECKING:
    from .operations import Call

MAX_PATH = 1_000


class ExportRequest(Wire):
    """Where a package goes, and what it is made for."""

    path: str = Field(min_length=1, max_length=MAX_PATH, description="A directory, relative to the server's files")
    target: Target = Field(default="temporal", description=f"One of {', '.join(get_args(Target))}")
    package: str | None = Field(default=None, max_length=200, description="Its name; by default made from the workflow")
    digest: str | None = Field(default=None, max_length=64, description="Of the bundle; by default the newest")
    runs: int = Field(default=RUNS, ge=0, le=100, description="At most so many recorded runs of each workflow go along")
    prove: bool = Field(default=False, description="Replay them in a clean environment: takes half a minute")


class ExportAnswer(Wire):
    """What was written, and what is left for a person."""

    path: str = Field(description="As it was asked for")
    name: str
    version: str = Field(description="Of the deployment")
    written: list[str]
    renewed: list[str]
    removed: list[str]
    kept: list[str] = Field(description="Changed by hand, and nothing new to say")
    conflicts: list[str] = Field(description="Changed by hand and by this export: the new text is in NAME.new")
    runs: list[str] = Field(description="The recorded runs that went along")
    notes: list[str]
    proof: str | None = Field(description="What was shown about it; null where that was not tried")
    holds: bool = Field(description="Whether nothing is left to settle: no conflict, no proof that failed")


async def export_workflow(call: Call) -> Wire:
    """Writes a workflow as a package, in place where it was exported before."""
    body: ExportRequest = call.body
    home = call.hub.home
    target = await asyncio.to_thread(place, call.hub.root, body.path)
    found = await asyncio.to_thread(find_workflow, home.bundles, call.path["name"], body.digest or "")
    if body.target == "temporal" and body.runs:
        await call.access(start=True)
    session = Session(home=home, settings=call.hub.backend.settings, directory=target.parent)

    def write() -> Exported:
        return export_bundle(
            session,
            read_bundle(found.path),
            target,
            package=body.package,
            target=body.target,
            runs=body.runs,
            prove=body.prove,
        )

    return answer_of(body.path, await asyncio.to_thread(write))


def answer_of(path: str, done: Exported) -> ExportAnswer:
    """What was done, for whoever asked."""
    changes, proof = done.changes, done.proof
    told = None if proof is None else f"holds: {proof.tests}" if proof.holds else "; ".join(proof.problems)
    return ExportAnswer(
        path=path,
        name=done.name,
        version=done.build,
        written=changes.written,
        renewed=changes.renewed,
        removed=changes.removed,
        kept=changes.kept,
        conflicts=changes.conflicts,
        runs=done.runs,
        notes=[*done.notes, *(f"{run} was left out: {reason}" for run, reason in done.left_out.items())],
        proof=told,
        holds=done.is_clean,
    )


def place(root: Path | None, path: str) -> Path:
    """The directory that a path among the server's files means.

    Raises:
        ExportFailed: It leads out of them, be it by a link, or is no path of visible directories.
    """
    if root is None:
        raise ExportFailed("this server keeps its files elsewhere than on a disk: use `jupyter workflows export`")
    parts = path.split("/")
    wrong = any(part in ("", ".", "..") or part.startswith(".") or part != part.strip() for part in parts)
    if wrong or "\\" in path or ":" in path or not path.isprintable():
        raise ExportFailed(
            f"{one_line(path, 80)!r} is no directory here: give one relative to the server's files, such as "
            "packages/contract-review"
        )
    top = root.resolve()
    here = top
    for part in parts:
        here /= part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise ExportFailed(f"{one_line(path, 80)!r} leads through a link or a file: give a directory of its own")
    return here
