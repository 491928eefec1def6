"""`jupyter workflows ...` against real runs: what it prints, what scripts read, and how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from jupyter_workflows import cli, schema, session
from jupyter_workflows.commands import dispatch
from jupyter_workflows.commands.tables import columns_of
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.status import RuntimeStatus
from tests.conftest import eventually, temporary_home
from tests.kernels import run_cells

COMMAND = [sys.executable, "-m", "jupyter_workflows.cli"]
CELLS = [
    "%load_ext jupyter_workflows",
    """
%%workflow
from jupyter_workflows import human_approval, set_query_value, wait_for_signal, workflow, RetryPolicy

async def add(a: int, b: int = 1) -> int:
    if a < 0:
        raise ValueError(f"{a} is negative")
    return a + b

@workflow(retry=RetryPolicy(max_attempts=1))
async def adding(a: int, b: int = 1) -> int:
    "Adds two numbers."
    return await add(a, b)

@workflow
async def asking(question: str) -> dict:
    set_query_value("progress", {"asked": question})
    approval = await human_approval(question, editable={"risk": 1})
    word = await wait_for_signal("word")
    return {"approved": approval.approved, "value": approval.value, "word": word}
""".strip("\n"),
    """
adding.options(id="sum").start(1, b=2).result(30)
adding.options(id="negative").start(-1).wait_for("end", timeout=30)
for number in range(4):
    asking.options(id=f"question-{number}").start(f"May it, for the {number}. time?").wait_for("approval", timeout=30)
""".strip("\n"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with runs of a notebook whose kernel has gone."""
    folder = tmp_path_factory.mktemp("notebook")
    with temporary_home(tmp_path_factory.mktemp("terminal") / "home") as home:
        run_cells(CELLS, home=home.data, folder=folder)
        yield home


@pytest.fixture(autouse=True)
def _terminal(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(HOME_VARIABLE, str(home.data))
    monkeypatch.setenv("COLUMNS", "100")
    yield
    session.use(None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Carries out a command line in this process; gives exit code, output and errors."""

    def run_line(*words: str) -> tuple[int, str, str]:
        code = cli.main(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_line


def read(kind: Any, output: str) -> Any:
    """Output for scripts, as wire types."""
    return TypeAdapter(kind).validate_json(output)


def test_status_says_what_is_up(run: Any, home: Home):
    code, output, _ = run("status")
    assert code == 0
    assert output.startswith("✓ the embedded runtime is up\n  address    127.0.0.1:")
    assert "open runs" in output
    found = json.loads(run("status", "--json")[1])
    status = RuntimeStatus.model_validate(found["runtime"])
    assert (status.state, status.home, found["server"]) == ("running", str(home.data), None)
    assert sum(host.open_runs or 0 for host in status.hosts) == 4


def test_runs_are_listed_and_filtered(run: Any):
    code, output, _ = run("runs")
    lines = output.splitlines()
    assert code == 0
    assert lines[0].split() == ["run", "workflow", "state", "approvals"]
    assert len(lines) == 7
    assert max(columns_of(line) for line in lines) <= 100
    assert any(line.startswith("negative") and "✗ failed" in line for line in lines)
    assert {
        run.id for run in read(list[schema.Run], run("runs", "--json", "--status", "failed", "--since", "1h")[1])
    } == {"negative"}
    assert len(read(list[schema.Run], run("runs", "--workflow", "asking", "--limit", "3", "--json")[1])) == 3
    assert run("runs", "--workflow", "nobody")[1] == "no runs\n"
    assert json.loads(run("runs", "--workflow", "nobody", "--json")[1]) == []


def test_run_is_shown_with_its_steps(run: Any):
    code, output, _ = run("show", "sum")
    assert code == 0
    assert output.startswith("✓ adding · sum · completed in ")
    assert "add-1" in output
    found = json.loads(run("show", "sum", "--json")[1])
    assert found["result"] == 3
    assert read(list[schema.Step], json.dumps(found["steps"]))[0].id == "add-1"
    assert read(schema.Run, json.dumps(found["run"])).status == "completed"


def test_failed_run_is_shown_and_fails_a_script(run: Any):
    code, output, errors = run("show", "negative")
    assert (code, errors) == (1, "")
    assert "ValueError: -1 is negative" in output
    assert "cell [2] line 6" in output
    assert json.loads(run("show", "negative", "--json")[1])["failure"]["message"] == "-1 is negative"


def test_question_is_answered_from_a_terminal(run: Any):
    listed = run("inbox")[1]
    assert "May it, for the 0. time?" in listed
    assert {item.workflow_id for item in read(list[schema.Approval], run("inbox", "--json")[1])} >= {
        "question-0",
        "question-1",
    }
    code, output, _ = run(
        "approve", "question-0", "--comment", "fine by me", "--reviewer", "ada", "--value", '{"risk": 2}'
    )
    assert code == 0
    assert output.splitlines()[0] == "human_approval-1 of question-0 is approved by ada"
    assert "fine by me" in output
    assert "/risk: 1 → 2" in output
    code, output, errors = run("reject", "question-0", "human_approval-1", "--reviewer", "bob")
    assert (code, output) == (1, "")
    assert errors.startswith("jupyter workflows: human_approval-1 is decided already: ada approved it at ")
    assert json.loads(run("query", "question-0", "progress")[1]) == {"asked": "May it, for the 0. time?"}
    assert run("signal", "question-0", "word", '"go"')[0] == 0
    assert eventually(lambda: "✓" in run("show", "question-0")[1])
    assert json.loads(run("show", "question-0", "--json")[1])["result"] == {
        "approved": True,
        "value": {"risk": 2},
        "word": "go",
    }


def test_run_is_cancelled_and_terminated(run: Any):
    assert run("cancel", "question-1")[1] == "run question-1 is asked to end; its open steps are cancelled first\n"
    assert eventually(lambda: "cancelled" in run("show", "question-1")[1])
    assert run("terminate", "question-2", "--reason", "by mistake")[1] == "run question-2 is terminated\n"
    code, output, _ = run("show", "question-2")
    assert code == 1
    assert "by mistake" in output
    assert run("cancel", "question-2")[::2] == (
        1,
        "jupyter workflows: run question-2 has ended (terminated): there is nothing to cancel\n",
    )


def test_workflow_is_started_from_its_newest_bundle(run: Any):
    code, output, _ = run("start", "adding", '{"a": 20, "b": 22}', "--id", "from-a-terminal")
    assert code == 0
    assert "adding · from-a-terminal" in output
    assert eventually(lambda: json.loads(run("show", "from-a-terminal", "--json")[1])["result"] == 42)
    code, _, errors = run("start", "adding", '{"c": 1}')
    unfit = "adding has no argument c=, it takes a=, b=: adding(a: int, b: int = 1) -> int (cell [2] line 9)"
    assert (code, errors) == (1, f"jupyter workflows: JW701: {unfit}\n")
    assert run("start", "addin")[::2] == (2, "jupyter workflows: there is no workflow 'addin': did you mean adding?\n")


def test_bundle_and_its_warnings_are_found(run: Any, home: Home):
    found = json.loads(run("bundle", "adding", "--json")[1])
    assert Path(found["path"]).parent == home.bundles
    assert schema.Manifest.model_validate(found["manifest"]).workflows[0].name == "adding"
    assert "activities  add" in run("bundle", "adding")[1]
    assert run("lint", "adding")[:2] == (0, "✓ adding can run outside the notebook\n")


def test_run_is_followed_until_it_ends(run: Any, home: Home):
    follower = subprocess.Popen(
        [*COMMAND, "show", "question-3", "--follow", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    first = json.loads(follower.stdout.readline())
    assert first["run"]["status"] == "running"
    run("reject", "question-3")
    run("signal", "question-3", "word", '"end"')
    output, errors = follower.communicate(timeout=60)
    last = json.loads(output.splitlines()[-1])
    assert (last["run"]["status"], last["result"]["approved"], errors) == ("completed", False, "")
    assert follower.returncode == 0


def test_interrupt_ends_a_command_without_a_traceback(run: Any):
    assert run("start", "asking", '["Still there?"]', "--id", "interrupted")[0] == 0
    follower = subprocess.Popen(
        [*COMMAND, "show", "interrupted", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=30)
    assert (follower.returncode, errors) == (130, "jupyter workflows: interrupted; runs go on without this terminal\n")
    assert json.loads(run("show", "interrupted", "--json")[1])["run"]["status"] == "running"
    run("terminate", "interrupted")


def test_worker_serves_a_bundle_until_it_is_interrupted(run: Any, home: Home):
    path = json.loads(run("bundle", "adding", "--json")[1])["path"]
    status = local_runtime.status(home)
    server = {"TEMPORAL_ADDRESS": str(status.address), "TEMPORAL_NAMESPACE": str(status.namespace)}
    worker = subprocess.Popen([*COMMAND, "worker", path], stderr=subprocess.PIPE, text=True, env=os.environ | server)
    assert worker.stderr is not None
    begin, queue = worker.stderr.readline().split(", queue ")
    assert begin == f"serving adding of {path} on {status.address}"
    assert run("start", "adding", "[1, 2]", "--id", "elsewhere", "--queue", queue.strip())[0] == 0
    assert eventually(lambda: json.loads(run("show", "elsewhere", "--json")[1])["result"] == 3)
    (step,) = json.loads(run("show", "elsewhere", "--json")[1])["steps"]
    assert step["attempts"][0]["worker"].startswith(f"{worker.pid}@")
    worker.send_signal(signal.SIGINT)
    assert worker.communicate(timeout=60)[1] == "jupyter workflows: interrupted; runs go on without this terminal\n"
    assert worker.returncode == 130


def test_worker_ends_in_order_when_it_is_told_to(run: Any, home: Home):
    path = json.loads(run("bundle", "adding", "--json")[1])["path"]
    status = local_runtime.status(home)
    server = {"TEMPORAL_ADDRESS": str(status.address), "TEMPORAL_NAMESPACE": str(status.namespace)}
    command = [*COMMAND, "worker", path, "--json"]
    worker = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | server
    )
    assert worker.stderr is not None
    assert worker.stderr.readline().startswith("serving adding")
    worker.terminate()
    told, _ = worker.communicate(timeout=60)
    assert (worker.returncode, json.loads(told)) == (0, {"path": path})


def test_reader_that_goes_away_is_no_error(home: Home):
    command = subprocess.Popen([*COMMAND, "runs", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.stderr.read() == b""
    assert command.wait(30) == 128 + signal.SIGPIPE
    command.stderr.close()


@pytest.mark.parametrize(("variable", "coloured"), [("TERM", True), ("NO_COLOR", False)])
def test_colours_are_for_terminals_that_want_them(home: Home, variable: str, coloured: bool):
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen([*COMMAND, "runs"], stdout=theirs, env=environment | {variable: "xterm"}) as command:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 4096):
                output += chunk
        os.close(ours)
    assert command.returncode == 0
    assert (b"\x1b[32m" in output) == coloured


@pytest.mark.parametrize(
    ("words", "code", "errors"),
    [
        (
            ["rums"],
            2,
            "there is no subcommand 'rums': did you mean runs?; `jupyter workflows --help` shows what there is",
        ),
        (["show"], 2, "`show` needs RUN; `jupyter workflows show --help` shows what there is"),
        (["approve", "sum", "--form", "x"], 2, "--form takes JSON, and 'x' is none: a text needs quotes, '\"x\"'"),
        (["worker", "."], 2, None),
    ],
)
def test_line_without_sense_exits_with_2(run: Any, words: list[str], code: int, errors: str | None):
    found = run(*words)
    assert found[:2] == (code, "")
    if errors:
        assert found[2] == f"jupyter workflows: {errors}\n"


def test_refusal_for_scripts_is_json_too(run: Any):
    code, output, errors = run("show", "nobody", "--json")
    assert (code, output) == (1, "")
    error = json.loads(errors)["error"]
    assert error["type"] == "RunNotFound"
    assert "knows no run 'nobody'" in error["message"]


def test_help_and_version_exit_with_0(run: Any):
    assert run("--help")[0] == 0
    assert run("runs", "--help")[1].startswith("usage: jupyter workflows runs ")
    assert run("--version") == (0, "jupyter-workflows 0.1.0\n", "")
    assert run()[1].startswith("usage: jupyter workflows ")


def test_error_of_our_own_is_one_line_unless_asked_for_more(run: Any, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(dispatch, "function_of", lambda name: broken)
    assert run("runs") == (
        1,
        "",
        "jupyter workflows: an error of jupyter-workflows itself: RuntimeError: a bug; --debug shows where\n",
    )
    with pytest.raises(RuntimeError, match="a bug"):
        run("runs", "--debug")


def test_configured_server_is_used_and_missed(run: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:9")
    code, output, _ = run("status")
    assert code == 1
    assert "✗ no connection to 127.0.0.1:9, namespace default" in output
    assert run("runs")[0] == 1


def test_runtime_goes_down_and_up(run: Any, own_home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(HOME_VARIABLE, str(own_home.data))
    assert run("status")[1].startswith("■ the embedded runtime is not up\n")
    assert not own_home.data.exists()
    assert run("up")[1].startswith("✓ the embedded runtime is up\n")
    assert local_runtime.status(own_home).state == "running"
    assert run("down")[1].startswith("the embedded runtime has ended")
    assert run("down")[1].startswith("the embedded runtime was not up")
    assert local_runtime.status(own_home).state == "stopped"


def test_encryption_is_turned_on_rotated_and_told(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Home
):
    assert run("encryption")[1].startswith("values are not encrypted")
    code, _, problem = run("encryption", "on")
    assert (code, "`jupyter workflows down`, turn it on" in problem) == (2, True)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "quiet"))
    session.use(None)
    first = json.loads(run("encryption", "on", "--json")[1])
    second = json.loads(run("encryption", "rotate", "--json")[1])
    assert (first["on"], second["keys"]) == (True, [*first["keys"], second["current"]])
    monkeypatch.setenv("JUPYTER_WORKFLOWS_NEW_WRAPPING_KEY", "c2hvcnQ=")
    assert "has 5 bytes, and AES-256 takes 32" in run("encryption", "rewrap")[2]
    monkeypatch.setenv("JUPYTER_WORKFLOWS_NEW_WRAPPING_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    assert "set JUPYTER_WORKFLOWS_WRAPPING_KEY to the new key" in run("encryption", "rewrap")[1]
    assert "are wrapped: set JUPYTER_WORKFLOWS_WRAPPING_KEY" in run("encryption")[2]
    monkeypatch.setenv("JUPYTER_WORKFLOWS_WRAPPING_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    assert run("encryption")[1].startswith("✓ values are encrypted")
    assert not (home.keys / "encryption.json").exists()
