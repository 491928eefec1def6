"""Which code a run is resumed on where no kernel says it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_workflows.errors import ResumeRefused
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.specs import HostSpec, remember_server
from jupyter_workflows.local.workshop import newest_of
from jupyter_workflows.schema import BundledWorkflow, Manifest, Run

RUN = Run(id="r", run_id="r1", workflow="flow", status="failed", started_at=datetime.now(UTC), notebook="/nb/own.ipynb")


def bundle(home: Home, constant: int, age: int, notebook: str | None) -> Path:
    """A bundle that was made some seconds ago, and the notebook that served it."""
    package = f"jw_{constant:016x}"
    flow = BundledWorkflow(name="flow", function="flow", signature="() -> int", cell_id="one", line=1)
    manifest = Manifest(
        digest=f"{constant:064x}",
        behaviour_digest="",
        package=package,
        python="3",
        workflows=[flow],
        activities=[],
        segments=[],
    )
    path = home.bundles / package
    path.mkdir()
    (path / "manifest.json").write_text(manifest.model_dump_json())
    made = datetime.now(UTC).timestamp() - age
    os.utime(path / "manifest.json", (made, made))
    if notebook is not None:
        remember_server(home, HostSpec.of_this_process(notebook), str(path))
    return path


def test_the_bundle_that_was_made_last_is_taken_but_no_other_notebooks(own_home: Home):
    home = own_home.create()
    with pytest.raises(ResumeRefused, match="no code of workflow 'flow' on this machine"):
        newest_of(home, RUN)
    foreign = bundle(home, 1, 0, "/nb/another.ipynb")
    assert newest_of(home, RUN) == foreign
    served = bundle(home, 2, 60, "/nb/own.ipynb")
    assert newest_of(home, RUN) == served
    corrected = bundle(home, 3, 30, None)
    assert newest_of(home, RUN) == corrected
