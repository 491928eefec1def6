"""Records the histories under `histories/` anew: `python -m pytest tests/runs/record.py`; not part of the suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import WorkflowFailed
from jupyter_workflows.runs.handle import Run

from .conftest import Engine, eventually

HISTORIES = Path(__file__).parent / "histories"


def save(engine: Engine, run: Run[Any], name: str) -> None:
    handle = engine.client.get_workflow_handle(run.id, run_id=run.run_id)
    history = loop_thread().run(handle.fetch_history(), timeout=20)
    content = {"workflow_id": run.id, "events": impersonal(json.loads(history.to_json())["events"])}
    (HISTORIES / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def impersonal(value: Any) -> Any:
    """The history without names of machines and paths on them."""
    if isinstance(value, list):
        return [impersonal(item) for item in value]
    if not isinstance(value, dict):
        return value
    replaced = {"identity": "client@machine", "stackTrace": "", "key_id": "", "signature": ""}
    return {
        key: replaced[key] if key in replaced and item != "test-worker" else impersonal(item)
        for key, item in value.items()
    }


def test_record_everything(scenes: Engine) -> None:
    run = scenes.start("everything", 3, id="everything")
    run.signal("word", "news")
    run.wait_for("approval", timeout=20)
    run.approve(reviewer="ada", comment="ok", form={"reason": "good"}, value={"title": "News", "tags": ["a", "b"]})
    run.result(timeout=20)
    save(scenes, run, "everything")


def test_record_failed(scenes: Engine) -> None:
    run = scenes.start("times_out", id="times_out")
    with pytest.raises(WorkflowFailed):
        run.result(timeout=20)
    save(scenes, run, "timed_out_step")


def test_record_waiting(scenes: Engine) -> None:
    run = scenes.start("asks_three_at_once", id="asks_three_at_once")
    run.wait_for("approval", timeout=20)
    run.approve("human_approval-1", reviewer="ada")
    run.reject("human_approval-2", reviewer="bob", comment="no")
    save(scenes, run, "waiting")
    run.terminate("enough")
    save(scenes, run, "terminated")


def test_record_approval_timed_out(scenes: Engine) -> None:
    run = scenes.start("asks_briefly", "reject", id="asks_briefly")
    run.result(timeout=20)
    save(scenes, run, "approval_timed_out")


def test_record_cancelled(scenes: Engine) -> None:
    run = scenes.start("works_long", 60.0, id="works_long")
    eventually(lambda: run.steps() and run.steps()[0].status == "running")
    run.cancel()
    run.wait_for("end", timeout=20)
    save(scenes, run, "cancelled")


def test_record_continued(scenes: Engine) -> None:
    run = scenes.start("counts_down", 1, id="counts_down")
    from jupyter_workflows.runs.client import get_run

    first = get_run(scenes.client, run.id, run_id=run.run_id)
    run.result(timeout=20)
    save(scenes, first, "continued_as_new")
