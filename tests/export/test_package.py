"""A package exported from tour 1, in an environment without Jupyter, pandas or plotly."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from temporalio.client import Client

from jupyter_workflows import session as sessions
from jupyter_workflows.export.environment import Environment
from jupyter_workflows.export.exporting import Exported, bundle_of, recorded_runs
from jupyter_workflows.export.project import Project
from jupyter_workflows.export.proof import prove, write_proof
from jupyter_workflows.export.rerun import Rerun
from jupyter_workflows.notebook.bundle import read_bundle
from jupyter_workflows.schema import SignedStart
from jupyter_workflows.security.identity import key_id, verifies

from ..notebook.conftest import Notebook
from .conftest import Installed, Serving, start_worker


def test_the_code_is_the_bundle_byte_for_byte(package: Exported):
    bundle = read_bundle(package.path / "src" / "licence_review" / "bundle")
    assert bundle.digest.startswith(package.build)
    assert package.changes.conflicts == []
    assert len(package.runs) == 2
    assert package.left_out == {}


def test_the_proof_says_what_was_shown(installed: Installed, tour: Notebook):
    package = installed.exported
    session = sessions.current()
    bundle, digests = bundle_of(session, ["review_licences", "spell", "guard"])
    recorded = recorded_runs(session, bundle, digests, 3, [])
    environment = Environment(package.path, installed.environment)
    made = Project(package.name, bundle, recorded.files)
    proof = prove(made, package.path, recorded, safe=["letters"], environment=environment)
    assert proof.problems == []
    licences, spelling = (proof.runs[name] for name in sorted(proof.runs))
    assert (licences.replay["agrees"], licences.replay["same_result"], licences.rerun.ran) == (True, True, False)
    assert licences.rerun.reason.startswith("not declared safe to run again (--safe): ")
    assert (spelling.rerun, spelling.replay["same_result"]) == (Rerun(ran=True), True)
    write_proof(proof, package.path)
    assert json.loads((package.path / "proof.json").read_text())["holds"]
    words = (package.path / "PROOF.md").read_text()
    assert "it **holds**" in words
    assert "Of Jupyter, pandas and plotly there: nothing." in words


def test_nothing_of_jupyter_is_installed(installed: Installed):
    names = "IPython, jupyter_core, jupyterlab, ipykernel, anywidget, pandas, plotly, pyarrow, psutil"
    code = f"import importlib.util as u; print([n for n in '{names}'.split(', ') if u.find_spec(n)])"
    assert installed.python("-c", code).stdout.strip() == "[]"


def test_its_own_tests_pass(installed: Installed):
    done = installed.python("-m", "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


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
    assert await who_started(serving, "deployed") == ("operator", serving.command("key")["id"])
    assert "seen in the terminal" in {entry["note"] for entry in shown["result"]}
    assert {entry["package"] for entry in shown["result"]} == installed_packages(serving)


async def who_started(serving: Serving, run: str) -> tuple[str, str]:
    """Who says to have started a run, and the key that signed it."""
    client = await Client.connect(serving.environment["TEMPORAL_ADDRESS"])
    stated = SignedStart.model_validate(await (await client.get_workflow_handle(run).describe()).memo_value("starter"))
    public = base64.b64decode(serving.command("key")["key"])
    assert verifies(stated, public)
    assert stated.workflow_id == run
    return stated.starter, key_id(public)


def test_a_file_of_roles_counts_for_its_commands(serving: Serving):
    home = serving.folder / "viewer"
    home.mkdir(mode=0o700)
    (home / "workspaces.toml").write_text('[workspaces.here]\nnamespace = "default"\nviewer = ["operator"]\n')
    (home / "workspaces.toml").chmod(0o644)
    as_viewer = {"JUPYTER_WORKFLOWS_HOME": str(home)}
    for words in (["start", "spell", '{"word": "ab"}'], ["promote"], ["cancel", "deployed"]):
        refused = serving.command(*words, code=1, **as_viewer)["error"]
        assert refused["type"] == "NotPermitted", refused
    assert serving.command("runs", **as_viewer)


def ended(shown: dict[str, Any]) -> dict[str, Any] | None:
    return shown if shown["run"]["status"] == "completed" else None


def installed_packages(serving: Serving) -> set[str]:
    code = "from importlib import metadata as m; print(*{d.metadata['Name'] for d in m.distributions()}, sep='\\n')"
    names = serving.installed.python("-c", code).stdout.split()
    return set(sorted(names, key=str.lower)[:20])


def test_a_changed_line_makes_the_replay_fail_with_the_line(installed: Installed):
    workflows = installed.site_packages / "licence_review" / "bundle" / "workflows.py"
    before = workflows.read_text(encoding="utf-8")
    old = "    texts = await parallel_map(read_texts, packages, max_concurrent=8)\n"
    new = "    texts = await parallel_map(review_texts, packages, max_concurrent=8)\n"
    assert before.count(old) == 1
    line = before[: before.index(old)].count("\n") + 1
    try:
        workflows.write_text(before.replace(old, new), encoding="utf-8")
        done = installed.python("-m", "pytest", "-q", "tests/test_replay.py")
    finally:
        workflows.write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert f"workflows.py:{line}, cell" in done.stdout
    assert new.strip() in done.stdout


def test_the_worker_tells_its_health_and_metrics(serving: Serving):
    ready = serving.until(lambda: serving.healthy("health"))
    assert (ready["status"], ready["version"]) == ("ok", serving.installed.exported.build)
    assert serving.http("HEALTH", "/healthz")[0] == 200
    assert serving.http("HEALTH", "/")[0] == 404
    assert serving.http("HEALTH", "/healthz", method="POST")[0] == 405
    status, metrics = serving.http("METRICS", "/metrics")
    assert status == 200
    assert "temporal_worker_task_slots_available" in metrics


def test_new_runs_start_on_its_version(serving: Serving):
    (version,) = serving.until(lambda: [found for found in serving.command("versions") if found["state"] == "current"])
    assert (version["build_id"], version["share"]) == (serving.installed.exported.build, 100.0)
    assert serving.command("promote", "--ramp", "300", code=2)["error"]["type"] == "CommandError"
    refused = serving.command("promote", "--roll-back", code=2)["error"]["message"]
    assert "had no other current version" in refused


def test_a_decision_with_an_unknown_key_is_refused(serving: Serving):
    arguments = json.dumps({"register": str(serving.folder / "strangers.sqlite"), "limit": 20})
    serving.command("start", "review_licences", arguments, "--id", "guarded")
    (approval, *_) = serving.until(
        lambda: [found for found in serving.command("inbox") if found["workflow_id"] == "guarded"]
    )
    stranger = {"JUPYTER_WORKFLOWS_HOME": str(serving.folder / "stranger")}
    refused = serving.command("approve", "guarded", approval["id"], code=1, **stranger)
    assert "not signed by a reviewer this worker knows" in refused["error"]["message"]
    serving.command("terminate", "guarded")


def test_a_worker_that_is_told_to_end_hands_its_step_to_the_next_one(serving: Serving):
    file = serving.folder / "signal"
    serving.command("start", "guard", json.dumps({"file": str(file)}), "--id", "attended")
    serving.until(lambda: Path(f"{file}.begun").exists())
    serving.worker.terminate()
    assert serving.worker.wait(60) == 0
    assert serving.log.rstrip().endswith("ended")
    assert serving.command("health", code=1)["status"].startswith("no answer")
    (step,) = serving.command("show", "attended")["steps"]
    assert (step["status"], step["attempts"][0]["number"]) == ("retrying", 1)
    file.touch()
    serving.worker = start_worker(serving.installed, serving.folder, serving.environment)
    shown = serving.until(lambda: ended(serving.command("show", "attended")))
    assert shown["result"] == 2
