"""Which workflows there are: in the notebook's namespace, and in the bundles on disk."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..authoring import Workflow
from ..errors import CommandError
from ..schema import BundledWorkflow, Manifest


@dataclass(frozen=True)
class Found:
    """A workflow in a bundle on disk."""

    path: Path
    manifest: Manifest
    workflow: BundledWorkflow


def live_workflows(namespace: Mapping[str, Any]) -> dict[str, Workflow[Any, Any]]:
    """The workflows of a notebook by variable and by name."""
    found: dict[str, Workflow[Any, Any]] = {}
    for variable, value in list(namespace.items()):
        if isinstance(value, Workflow) and not variable.startswith("_"):
            workflow = cast("Workflow[Any, Any]", value)
            found.setdefault(workflow.name, workflow)
            found[variable] = workflow
    return found


def bundle_paths(bundles: Path) -> list[Path]:
    """The bundles on disk, the newest first."""
    manifests: list[tuple[float, Path]] = []
    for path in bundles.glob("jw_*/manifest.json"):
        try:
            manifests.append((path.stat().st_mtime, path.parent))
        except OSError:
            continue
    return [path for _, path in sorted(manifests, reverse=True)]


def bundled_workflows(bundles: Path) -> Iterator[Found]:
    """The workflows of all bundles, of the newest first; what can't be read is left out."""
    for path in bundle_paths(bundles):
        try:
            manifest = Manifest.model_validate_json((path / "manifest.json").read_bytes())
        except (OSError, ValueError):
            continue
        for workflow in manifest.workflows:
            yield Found(path, manifest, workflow)


def newest(bundles: Path, name: str) -> Found:
    """The newest bundle that holds a workflow of this name.

    Raises:
        CommandError: None does; names those there are.
    """
    names: dict[str, None] = {}
    for found in bundled_workflows(bundles):
        if name in (found.workflow.name, found.workflow.function):
            return found
        names[found.workflow.name] = None
    raise CommandError(unknown("there is", name, list(names)))


def unknown(there_is: str, name: str, known: list[str]) -> str:
    """Says that there is no such workflow, and which there are."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif known:
        hint = f"there are {', '.join(known[:10])}" + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    else:
        hint = "there is none yet; run a %%workflow cell"
    return f"{there_is} no workflow {name!r}: {hint}"
