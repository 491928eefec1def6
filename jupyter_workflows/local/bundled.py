"""The workflows of the bundles on disk, as they are started without a kernel."""

from __future__ import annotations

from pathlib import Path

from ..errors import WorkflowNotFound
from ..notebook.catalog import Found, bundled_workflows, unknown
from ..runs.access import read_manifest
from ..runs.untrusted import one_line


def find_workflow(bundles: Path, name: str, digest: str = "") -> Found:
    """A workflow of a bundle; of the newest bundle that has it where no digest is given.

    Raises:
        WorkflowNotFound: There is none; names those there are.
    """
    if digest:
        return of_bundle(bundles, name, digest)
    names: dict[str, None] = {}
    for found in bundled_workflows(bundles):
        if name == found.workflow.name:
            return found
        names[found.workflow.name] = None
    raise WorkflowNotFound(unknown("there is", one_line(name, 80), list(names)))


def of_bundle(bundles: Path, name: str, digest: str) -> Found:
    """A workflow of one bundle.

    Raises:
        WorkflowNotFound: The bundle is not here, or has none of this name.
    """
    manifest = read_manifest(bundles, digest) if digest.isascii() else None
    if manifest is None:
        raise WorkflowNotFound(f"there is no bundle {one_line(digest, 80)!r} on this machine: run the %%workflow cell")
    for workflow in manifest.workflows:
        if workflow.name == name:
            return Found(bundles / manifest.package, manifest, workflow)
    names = [workflow.name for workflow in manifest.workflows]
    raise WorkflowNotFound(unknown(f"bundle {manifest.package} has", one_line(name, 80), names))
