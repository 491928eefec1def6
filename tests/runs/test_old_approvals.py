"""Approvals that opened before there were quorum, four eyes, reminders and escalation: their runs go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from jupyter_workflows.authoring import approval as approvals
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.worker import load_bundle

from . import scenarios
from .conftest import write_bundle
from .test_history import HISTORIES, steps_of


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> list[type]:
    root = tmp_path_factory.mktemp("bundles")
    path = write_bundle(root, scenarios.WORKFLOWS, scenarios.ACTIVITIES, scenarios.MODELS)
    return load_bundle(path).workflow_classes


@pytest.mark.parametrize("name", ["waiting", "terminated", "everything", "approval_timed_out"])
async def test_what_was_shown_keeps_its_hash_and_the_history_replays(
    workflows: list[type], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: dict[str, str] = {}
    opened = approvals.opened

    def watched(*arguments: Any) -> Any:
        approval = opened(*arguments)
        hashes[approval.record.id] = approval.record.content_hash
        return approval

    monkeypatch.setattr(approvals, "opened", watched)
    content = json.loads((HISTORIES / f"{name}.json").read_text())
    history = WorkflowHistory.from_json(content["workflow_id"], content)
    replayer = Replayer(workflows=workflows, data_converter=data_converter(), plugins=[EnginePlugin(tmp_path)])
    await replayer.replay_workflow(history)
    recorded = {step.id: step.approval.content_hash for step in steps_of(name).values() if step.approval}
    # A decision names the hash: were it another now, nobody could decide what waits.
    assert hashes == recorded
