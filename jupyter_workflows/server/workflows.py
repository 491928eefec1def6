"""The workflows of the bundles on disk, as a view shows them."""

from __future__ import annotations

from pathlib import Path

from ..live.messages import WorkflowState
from ..local.bundled import find_workflow


def card_of(bundles: Path, name: str, digest: str = "") -> WorkflowState:
    """The card of a workflow.

    Raises:
        WorkflowNotFound: There is none.
    """
    found = find_workflow(bundles, name, digest)
    return WorkflowState(
        topic=f"workflow:{found.manifest.digest[:16]}/{name}",
        number=0,
        workflow=found.workflow,
        activities=found.manifest.activities,
        diagnostics=found.manifest.warnings,
        digest=found.manifest.digest,
    )
