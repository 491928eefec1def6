"""A package exported from tour 1, in an environment without Jupyter, pandas or plotly."""

from __future__ import annotations

import json
from typing import Any

from jupyter_workflows.export.exporting import Exported
from jupyter_workflows.notebook.bundle import read_bundle

from .conftest import Installed, Serving


def test_the_code_is_the_bundle_byte_for_byte(package: Exported):
    bundle = read_bundle(package.path / "src" / "licence_review" / "bundle")
    assert bundle.digest.startswith(package.build)
    assert package.changes.conflicts == []
    assert len(package.runs) == 1
    assert package.left_out == {}


def test_nothing_of_jupyter_is_installed(installed: Installed):
    names = "IPython, jupyter_core, jupyterlab, ipykernel, anywidget, pandas, plotly, pyarrow, psutil"
    code = f"import importlib.util as u; print([n for n in '{names}'.split(', ') if u.find_spec(n)])"
    assert installed.python("-c", code).stdout.strip() == "[]"


def test_its_own_tests_pass(installed: Installed):
    done = installed.python("-m", "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


async def test_its_worker_runs_the_workflow_on_a_server_of_its_own(serving: Serving):
    register = serving.folder / "register.sqlite"
    arguments = json.dumps({"register": str(register), "limit": 20})
    started = serving.command("start", "review_licences", arguments, "--id", "deployed")
    assert started["run"]["status"] == "running"
    questions = serving.until(lambda: serving.command("inbox"))
    for question in questions:
        assert "### May we ship" in question["message"]
        verdict = json.dumps({**question["editable"], "note": "seen in the terminal"})
        decided = serving.command("approve", "deployed", question["id"], "--comment", "fine", "--value", verdict)
        assert (decided["status"], decided["by"]) == ("approved", "operator")
    shown = serving.until(lambda: ended(serving.command("show", "deployed")))
    assert "seen in the terminal" in {entry["note"] for entry in shown["result"]}
    assert {entry["package"] for entry in shown["result"]} == installed_packages(serving)


def ended(shown: dict[str, Any]) -> dict[str, Any] | None:
    return shown if shown["run"]["status"] == "completed" else None


def installed_packages(serving: Serving) -> set[str]:
    code = "from importlib import metadata as m; print(*{d.metadata['Name'] for d in m.distributions()}, sep='\\n')"
    names = serving.installed.python("-c", code).stdout.split()
    return set(sorted(names, key=str.lower)[:20])
