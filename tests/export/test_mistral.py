"""The target `mistral`: a package that runs under Mistral's SDK, in an environment of its own; and what is refused."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.export.environment import clean
from jupyter_workflows.export.mistral import MistralProject
from jupyter_workflows.export.writing import write_package

from ..dev_server import QUICK_DISPATCH, dev_server
from ..notebook.conftest import PRELUDE, Notebook
from .test_plain import imported

HERE = Path(__file__).parent
CELLS = """
import asyncio
from pydantic import BaseModel

class Compliance(BaseModel):
    risk_score: float
    note: str = ""

class Override(BaseModel):
    why: str

async def words(text: str):
    for number in range(200 if text == "SLOW" else 3):
        yield f"{number} "
        await asyncio.sleep(0.005)

@activity(retry=RetryPolicy(max_attempts=2, initial_interval=timeout(seconds=0.01)), timeout=timeout(minutes=1))
def extract(contract_id: str) -> str:
    heartbeat(1)
    if contract_id == "bad":
        raise ValueError("bad contract")
    return contract_id.upper()

@activity
async def check(text: str) -> Compliance:
    said = ai.stream(words(text))
    async for word in said:
        pass
    return Compliance(risk_score=0.9 if "HIGH" in text else 0.1, note=said.text)
# ---
@workflow(name="review", retry=RetryPolicy(max_attempts=4), timeout=timeout(hours=24))
async def review_contract(contract_id: str, *, limit: float = 0.7, wait: float = 60) -> dict:
    "Reviews a contract."
    try:
        text = await extract(contract_id)
    except ValueError as error:
        return {"status": "invalid", "why": str(error)}
    compliance = await check(text)
    if contract_id == "raise":
        raise KeyError("no such contract")
    if compliance.risk_score <= limit:
        return {"status": "approved", "note": compliance.note}
    question = f"High risk: {text}"
    answer = await human_approval(
        question, assignee="legal@company.com", timeout=timeout(seconds=wait), editable=compliance, form=Override
    )
    if not answer:
        return {"status": "rejected", "late": answer.timed_out, "by": answer.by, "comment": answer.comment}
    return {"status": "approved", "by": answer.by, "why": answer.form.why, "note": answer.value.note}
"""


def project(folder: Path, cells: str = CELLS) -> MistralProject:
    notebook = Notebook(folder)
    notebook.run(PRELUDE)
    notebook.run("from jupyter_workflows import ai")
    notebook.run_all(cells)
    name = "review_contract" if "review_contract" in notebook.namespace else "flow"
    return MistralProject("contract-review", notebook.bundle(name))


def newer_pythons() -> Iterator[Path]:
    """Interpreters that Mistral's SDK runs on: this one, those on PATH, those of pyenv."""
    names = [f"python3.{minor}" for minor in (12, 13, 14)]
    if sys.version_info >= (3, 12):
        yield Path(sys.executable)
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [found for name in names if (found := shutil.which(name))]
    places += [str(found) for name in names for found in sorted(versions.glob(f"*/bin/{name}"))]
    for place in places:
        # One that pyenv lays on PATH may stand for none.
        if subprocess.run([place, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:
            yield Path(place)


def environment(package: Path, folder: Path) -> Path:
    """The package with the SDK in an environment of its own; gives its Python."""
    python = next(newer_pythons(), None)
    if python is None:
        pytest.skip("mistralai-workflows needs Python 3.12 or newer, and this machine has none")
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    inside = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", inside, "install", "--quiet", "--disable-pip-version-check"]
    # The package's own constraints, and for the rest the versions that were tested.
    constraints = ["--constraint", package / "constraints.txt", "--constraint", HERE / "mistral-constraints.txt"]
    done = subprocess.run(
        [*pip, "--no-compile", *constraints, f"{package}[test]"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return inside


def called(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=180, env=clean())


@pytest.mark.timeout(400)
async def test_it_runs_under_the_sdk(tmp_path: Path):
    made = project(tmp_path)
    package = tmp_path / "package"
    write_package(package, made.name, made.files(), {})
    python = environment(package, tmp_path / "environment")
    own = await asyncio.to_thread(called, python, "-m", "pytest", "-q", folder=package)
    assert own.returncode == 0, own.stdout + own.stderr
    async with await dev_server([QUICK_DISPATCH]) as server:
        address = server.client.service_client.config.target_host
        done = await asyncio.to_thread(called, python, HERE / "mistral_driver.py", package, address, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-5000:]
    told = json.loads(done.stdout.splitlines()[-1])
    check_results(told)
    check_question(told["accepted"])


def check_results(told: dict[str, Any]) -> None:
    """Low risk, accepted, declined, timed out; an error that is caught and one that is not; a streamed text."""
    assert told["low"]["result"] == {"status": "approved", "note": "0 1 2 "}
    assert told["declined"]["result"] == {"status": "rejected", "late": False, "by": "bob", "comment": "no"}
    assert told["timeout"]["result"] == {"status": "rejected", "late": True, "by": None, "comment": None}
    assert told["caught"]["result"] == {"status": "invalid", "why": "bad contract"}
    assert told["raised"]["failed"][:2] == ["ApplicationError", "KeyError"]
    text = told["slow"]["result"]["note"]
    assert text == "".join(f"{number} " for number in range(200))
    assert told["slow"]["text"]["state"] == {"contentChunks": [{"type": "text", "text": text}]}
    assert 1 <= told["slow"]["text"]["changes"] <= 100, "not one for each of 200 words"


def check_question(accepted: dict[str, Any]) -> None:
    """The schema says what is asked of whom; the first valid answer counts, and whoever comes second is told."""
    schema = accepted["asked"]["input_schema"]
    shown = schema["x-human-approval"]
    assert schema["title"] == "Confirmation"
    assert {option["const"] for option in schema["properties"]["choice"]["oneOf"]} == {"accept", "decline"}
    assert (shown["id"], shown["message"]) == ("human_approval-1", "High risk: HIGH")
    assert (shown["assignees"], shown["onTimeout"]) == (["legal@company.com"], "reject")
    assert shown["editable"] == {"risk_score": 0.9, "note": "0 1 2 "}
    without_form, *rivals = accepted["said"]
    assert "approved with its form only" in without_form
    lost = next(said for said in rivals if said != "taken")
    assert len(rivals) == 2
    assert "was decided already" in lost or "closing" in lost or "completed" in lost
    won = "approved" if rivals[0] == "taken" else "rejected"
    assert accepted["result"]["status"] == won
    if won == "approved":
        assert accepted["result"] == {"status": "approved", "by": "ada", "why": "seen", "note": "less"}


def test_options_are_mapped(tmp_path: Path):
    cells = """
@activity(rate_limit=RateLimit(calls=5, per=timeout(minutes=1)), heartbeat_timeout=timeout(seconds=20))
def fetch(number: int) -> int:
    return number

@activity
def count(number: int) -> int:
    return number
# ---
@workflow(retry=RetryPolicy(max_attempts=7, non_retryable=[ValueError]))
async def flow(number: int) -> int:
    return await fetch(number) + await count(number)
"""
    files = {path: data.decode() for path, data in project(tmp_path, cells).files().items()}
    assert {
        path for path, text in files.items() if path.endswith(".py") and "jupyter_workflows" in imported(text)
    } == set()
    namespace: dict[str, Any] = {}
    exec(files["src/contract_review/policies.py"], namespace)
    assert namespace["RETRY"].keys() == {"fetch", "count"}
    assert namespace["RETRY"]["count"]["max_attempts"] == 7
    assert namespace["RETRY"]["count"]["non_retryable"] == ["ValueError"]
    made = next(
        node
        for node in ast.parse(files["src/contract_review/workflows.py"]).body
        if isinstance(node, ast.ClassDef) and node.name == "Flow"
    )
    assert "execution_timeout=_durable.timedelta(seconds=315360000.0)" in ast.unparse(made.decorator_list[0])


REFUSED = [
    ("await human_approval('?', quorum=2)\n    return 1", "", r"cell \[4\] line 3 asks with quorum="),
    ("return len(await parallel_map(fetch, [1]))", "", r"cell \[4\] line 3 uses parallel_map"),
    ("return (await ai.chat('hi')).text", "", r"cell \[4\] line 3 uses ai\.chat"),
    ("return await fetch(1)", "(rate_limit=RateLimit(calls=1, per=timeout(seconds=0.5)))", "rate limit per 0:00:00.5"),
    ("return await fetch(1)", "(irreversible=True)", r"cell \[3\] line 3: fetch has irreversible="),
    ("return await many(1, 2)", "", r"many takes \*numbers"),
    ("return await either(1)", "", "either takes page, a pydantic model or something else"),
]


@pytest.mark.parametrize(("body", "options", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_what_the_sdk_can_t_give_is_refused(tmp_path: Path, body: str, options: str, reason: str):
    cells = f"""from pydantic import BaseModel
@activity{options}
async def fetch(number: int) -> int:
    return number

class Page(BaseModel):
    number: int

@activity
def many(*numbers: int) -> int:
    return sum(numbers)

@activity
def either(page: Page | int) -> int:
    return 1
# ---
@workflow
async def flow(number: int) -> int:
    {body}
"""
    with pytest.raises(ExportFailed, match=reason):
        project(tmp_path, cells).files()


def test_steps_of_workflows_with_other_retries_need_their_own(tmp_path: Path):
    notebook = Notebook(tmp_path)
    notebook.run(PRELUDE)
    notebook.run_all("""
@activity
def fetch(number: int) -> int:
    return number
# ---
@workflow(retry=RetryPolicy(max_attempts=2))
async def one(number: int) -> int:
    return await fetch(number)
# ---
@workflow(retry=RetryPolicy(max_attempts=5))
async def other(number: int) -> int:
    return await fetch(number)
""")
    made = MistralProject("pages", notebook.bundle("one", "other"))
    with pytest.raises(ExportFailed, match="fetch takes over the retries of one and of other"):
        made.files()
