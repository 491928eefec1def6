"""What an installed package tells about itself and recorded runs: `python -m jupyter_workflows.deployment.proving`.

    python -m jupyter_workflows.deployment.proving NAME PACKAGE HISTORY...

Prints one JSON object. It runs in the environment that the package was installed in, so what it says is true of that.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import platform
import sys
from pathlib import Path
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from ..authoring.bundles import LoadedBundle
from ..errors import JupyterWorkflowsError
from ..replay.files import read_history
from ..replay.recording import Recording
from ..replay.replaying import judged, run
from .packages import Deployed
from .recorded import file_line

JUPYTER = ("IPython", "anywidget", "ipykernel", "jupyter_core", "jupyterlab", "notebook", "pandas", "plotly")


def told(deployed: Deployed, histories: list[Path]) -> dict[str, Any]:
    """All that is told."""
    bundle = deployed.load()
    return {
        "python": platform.python_version(),
        "digest": deployed.digest,
        "is_changed": deployed.is_changed,
        "workflows": sorted(bundle.workflows),
        "jupyter": [name for name in JUPYTER if importlib.util.find_spec(name)],
        "distributions": {
            found.metadata["Name"]: found.version
            for found in importlib.metadata.distributions()
            if found.metadata["Name"]
        },
        "replays": {path.name: asyncio.run(replayed(bundle, path)) for path in histories},
    }


async def replayed(bundle: LoadedBundle, path: Path) -> dict[str, Any]:
    """What the code makes of one recorded run."""
    try:
        history = read_history(path)
        recording = Recording(bundle)
        found = judged(history, recording, await run(history, recording))
    except JupyterWorkflowsError as error:
        return {"agrees": False, "message": str(error)}
    location = found.divergence.location if found.divergence else None
    return {
        "workflow": found.workflow,
        "workflow_id": found.workflow_id,
        "agrees": found.compatible,
        "tasks": found.tasks,
        "message": f"{file_line(bundle, location) if location else ''}{found.divergence or ''}",
        "other_inputs": [remark.step_id for remark in found.remarks if remark.kind == "input"],
        "other_waits": [remark.step_id for remark in found.remarks if remark.kind == "duration"],
        "same_result": same_result(history, recording),
    }


def same_result(history: WorkflowHistory, recording: Recording) -> bool | None:
    """Whether the code comes to the recorded result; None where the run came to none."""
    end = history.events[-1]
    if not end.HasField("workflow_execution_completed_event_attributes"):
        return None
    recorded = end.workflow_execution_completed_event_attributes.result.payloads
    asks = [ask.command for turn in recording.turns for ask in turn.asks]
    ends = [command for command in asks if command.HasField("complete_workflow_execution")]
    if not ends:
        return False
    now = ends[-1].complete_workflow_execution.result
    return (list(map(plain, recorded)) or [plain(Payload())]) == [plain(now)]


def plain(payload: Payload) -> tuple[bytes, bytes]:
    """What two payloads have in common when they are the same value."""
    return payload.metadata.get("encoding", b"binary/null"), payload.data


def main(words: list[str]) -> int:
    """Carries out the command line."""
    name, package, *files = words
    sys.stdout.write(json.dumps(told(Deployed(name, package), [Path(file) for file in files])) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
