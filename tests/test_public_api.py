"""The names users import are those the reference lists, no more and no fewer."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import jupyter_workflows

REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"


def test_exported_names_are_those_of_the_reference():
    listed = re.findall(r"^### `(\w+)`", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(jupyter_workflows.__all__)


@pytest.mark.parametrize("module", ["ai", "testing"])
def test_exported_names_of_a_part_are_those_of_its_reference(module: str):
    page = REFERENCE.with_name("models.md").read_text(encoding="utf-8")
    listed = re.findall(rf"^### `{module}\.(\w+)`", page, re.MULTILINE)
    assert sorted(listed) == sorted(importlib.import_module(f"jupyter_workflows.{module}").__all__)


def test_every_exported_name_exists():
    missing = [name for name in jupyter_workflows.__all__ if not hasattr(jupyter_workflows, name)]
    assert missing == []


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(jupyter_workflows, "Activities")


def test_runs_stays_the_function_after_the_subpackage_was_imported():
    importlib.import_module("jupyter_workflows.runs.client")
    assert callable(jupyter_workflows.runs)


def test_replay_stays_the_function_after_the_subpackage_was_imported():
    importlib.import_module("jupyter_workflows.replay.gate")
    assert callable(jupyter_workflows.replay)
