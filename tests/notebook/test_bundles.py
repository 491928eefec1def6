"""The bundle on disk: named by its content, complete or absent, and true to the cells it came from."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_workflows import worker
from jupyter_workflows.notebook import Cell, CellLog, read_bundle, resolve, write_bundle
from jupyter_workflows.notebook.source import parse_cell

CONTRACT = '''
class Compliance(BaseModel):
    risk_score: float
# ---
async def extract_contract_data(contract_id: str) -> dict:
    return {"id": contract_id}
# ---
@activity(retry=RetryPolicy(max_attempts=2), rate_limit=RateLimit(calls=5, per=timeout(seconds=1)))
def run_compliance_agent(data: dict) -> Compliance:
    """Scores."""
    return Compliance(risk_score=len(data) / LIMIT)
# ---
def update_crm(contract_id: str, status: str) -> None:
    print(contract_id, status)
# ---
@workflow(retry=RetryPolicy(max_attempts=3, backoff_coefficient=2.0), timeout=timeout(hours=24))
async def contract_review_pipeline(contract_id: str) -> dict:
    extracted = await extract_contract_data(contract_id)
    compliance = await run_compliance_agent(extracted)
    if compliance.risk_score > 0.7:
        approved = await human_approval(
            message=f"High-risk contract {contract_id} needs legal review",
            assignee="legal@company.com",
            timeout=timeout(days=3),
        )
        if not approved:
            return {"status": "rejected", "reason": "human_review"}
    await update_crm(contract_id, status="approved")
    return {"status": "approved", "risk_score": compliance.risk_score}
'''
FLOW = "contract_review_pipeline"


def contract(notebook) -> None:
    notebook.run("from pydantic import BaseModel\nLIMIT = 2")
    notebook.run_all(CONTRACT)


def test_contract_review_becomes_a_package_that_a_worker_loads(notebook):
    contract(notebook)
    bundle = notebook.bundle(FLOW)
    assert bundle.package == bundle.path.name == f"jw_{bundle.digest[:16]}"
    loaded = worker.load_bundle(bundle.path)
    assert set(loaded.workflows) == {FLOW}
    assert set(loaded.activities) == {"extract_contract_data", "run_compliance_agent", "update_crm"}
    assert [kind.__name__ for kind in loaded.workflow_classes] == ["ContractReviewPipeline"]
    found = bundle.manifest.workflows[0]
    assert found.activities == ["extract_contract_data", "run_compliance_agent", "update_crm"]
    assert found.signature == "(contract_id: str) -> dict"
    assert found.parameters_schema["properties"] == {"contract_id": {"title": "Contract Id", "type": "string"}}
    assert bundle.manifest.distributions.keys() == {"jupyter-workflows", "pydantic"}
    activities = {found.name: (found.is_async, found.line, found.cell_number) for found in bundle.manifest.activities}
    assert activities["run_compliance_agent"] == (False, 2, 5)


def test_modules_hold_the_users_own_text(notebook):
    contract(notebook)
    sources = notebook.sources(FLOW)
    cells = [cell.strip("\n") for cell in CONTRACT.split("# ---")]
    assert cells[0] in sources["models"]
    assert all(cell in sources["activities"] for cell in cells[1:4])
    assert cells[4] in sources["workflows"]
    assert "@activity\nasync def extract_contract_data" in sources["activities"]
    assert sources["workflows"].endswith(
        'ContractReviewPipeline = contract_review_pipeline.definition("ContractReviewPipeline", __name__)\n'
    )


def test_segments_lead_from_each_line_to_its_cell(notebook):
    contract(notebook)
    bundle = notebook.bundle(FLOW)
    loaded = worker.load_bundle(bundle.path)
    cells = dict(enumerate(["", "", "", *CONTRACT.split("# ---\n")]))
    for module in ("models", "activities", "workflows"):
        lines = (bundle.path / f"{module}.py").read_text().split("\n")
        for segment in bundle.manifest.segments:
            if segment.module == module and segment.cell_number > 2:
                for line in range(segment.start_line, segment.end_line + 1):
                    place = loaded.locate(f"{module}.py", line)
                    assert cells[place.cell_number].split("\n")[place.line - 1] == lines[line - 1]
    assert loaded.activities["update_crm"].location.line == 1


def test_bundle_is_read_back_and_a_changed_one_is_noticed(notebook):
    contract(notebook)
    bundle = notebook.bundle(FLOW)
    assert read_bundle(bundle.path).manifest == bundle.manifest
    (bundle.path / "models.py").write_text("changed = True\n")
    with pytest.raises(ValueError, match="was changed after it was written"):
        read_bundle(bundle.path)


def test_bundle_is_the_users_alone(notebook):
    contract(notebook)
    bundle = notebook.bundle(FLOW)
    for path in [bundle.path, *bundle.path.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_same_content_is_written_once_and_its_manifest_follows_the_cells(notebook):
    contract(notebook)
    first = notebook.bundle(FLOW)
    before = {path: path.stat().st_mtime_ns for path in first.path.glob("*.py")}
    contract(notebook)
    second = notebook.bundle(FLOW)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.digest == first.digest
    assert {path: path.stat().st_mtime_ns for path in first.path.glob("*.py")} == before
    assert read_bundle(second.path).manifest.workflows[0].cell_number == 13


def test_bundle_written_by_many_at_once_is_whole(notebook):
    contract(notebook)
    closure = notebook.resolve(FLOW)
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda _: write_bundle(closure, notebook.directory / "bundles"), range(16)))
    assert len({bundle.path for bundle in written}) == 1
    assert read_bundle(written[0].path).digest == written[0].digest
    assert [path.name for path in (notebook.directory / "bundles").iterdir()] == [written[0].package]


def test_half_a_bundle_is_replaced(notebook):
    contract(notebook)
    bundle = notebook.bundle(FLOW)
    (bundle.path / "manifest.json").unlink()
    (bundle.path / "models.py").write_text("half")
    assert read_bundle(notebook.bundle(FLOW).path).digest == bundle.digest
    assert [path.name for path in bundle.path.parent.iterdir()] == [bundle.package]


def test_comment_only_change_keeps_the_behaviour_digest(notebook):
    contract(notebook)
    first = notebook.bundle(FLOW)
    notebook.run(
        'def update_crm(contract_id: str, status: str) -> None:\n    """New."""\n    print(contract_id, status)  # new'
    )
    second = notebook.bundle(FLOW)
    assert second.digest != first.digest
    assert second.behaviour_digest == first.behaviour_digest
    notebook.run("def update_crm(contract_id: str, status: str) -> None:\n    print(status, contract_id)")
    assert notebook.bundle(FLOW).behaviour_digest != first.behaviour_digest


def test_digest_tells_nothing_of_where_and_when(notebook, tmp_path: Path):
    contract(notebook)
    first = notebook.bundle(FLOW)
    log, namespace = CellLog(), {"__name__": "__main__"}
    texts = [
        "from jupyter_workflows import *",
        "from pydantic import BaseModel\r\nLIMIT = 2",
        *CONTRACT.split("# ---\n"),
    ]
    for number, text in enumerate(texts, 100):
        cell = Cell(f"other-{number}", number, text.replace("\n", "\r\n"))
        log.record(cell)
        exec(text.replace("\r\n", "\n"), namespace)
    (tmp_path / "elsewhere").mkdir()
    other = write_bundle(resolve([FLOW], log, namespace, directory=tmp_path / "elsewhere"), tmp_path / "b2")
    assert other.digest == first.digest
    assert other.manifest.workflows[0].cell_id == "other-106"


def test_digest_is_the_same_in_another_process(tmp_path: Path):
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from jupyter_workflows.notebook import *
text = "from jupyter_workflows import *\\nS = {{'a', 'b', 'c'}}\\nimport os\\n"
text += "T = frozenset(os.sep + c for c in 'xyz')\\n"
text += "@workflow\\nasync def flow(n: int) -> int:\\n    return len(S) + len(T)\\n"
log, namespace = CellLog(), {{"__name__": "__main__"}}
log.record(Cell("a", 1, text)); exec(text, namespace)
print(write_bundle(resolve(["flow"], log, namespace, directory=Path()), Path(sys.argv[1])).digest)
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, text=True, timeout=60, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


INDEPENDENT = [
    "import json",
    "from math import floor, sqrt as root",
    "RATE = 2",
    "def grow(n):\n    return n * RATE + shrink(n)",
    "def shrink(n):\n    return floor(root(n))",
    "async def load(n: int) -> Result:\n    return Result(n=grow(n))",
    "@activity\nasync def save(result: Result) -> str:\n    return json.dumps(result.n)",
    "async def unrelated(n):\n    return n",
    "@workflow\nasync def flow(n: int) -> str:\n    return await save(await load(shrink(n)))",
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(INDEPENDENT), again=st.lists(st.sampled_from(INDEPENDENT), max_size=3))
def test_digest_is_the_same_in_any_order_of_independent_cells(tmp_path: Path, order: list[str], again: list[str]):
    log, namespace = CellLog(), {"__name__": "__main__"}
    head = "from jupyter_workflows import *\nfrom pydantic import BaseModel\nclass Result(BaseModel):\n    n: int"
    for number, text in enumerate([head, *order, *again]):
        log.record(Cell(f"cell-{hash(text)}", number, text))
        exec(text, namespace)
    closure = resolve(["flow"], log, namespace, directory=tmp_path)
    bundle = write_bundle(closure, tmp_path / "bundles")
    assert len(list((tmp_path / "bundles").iterdir())) == 1, bundle.path


def test_child_workflows_come_with_their_parent(notebook):
    notebook.run_all("""
@workflow(name="the child")
async def child(n: int) -> int:
    return await load(n)
async def load(n: int) -> int:
    return n + 1
# ---
Flow = 3
@workflow
async def flow(n: int) -> int:
    return await child(n) + Flow
""")
    manifest = notebook.bundle().manifest
    assert [(found.name, found.function) for found in manifest.workflows] == [("flow", "flow"), ("the child", "child")]
    module = notebook.load()
    assert (module.FlowWorkflow.__name__, module.Child.__name__, module.Flow) == ("FlowWorkflow", "Child", 3)


def test_decorator_of_the_cells_magic_is_written_above_the_function(notebook):
    notebook.run(
        "%%activity --name slow\nasync def load(n: int) -> int:\n    return n",
        decorator='@activity(name="slow", retry=RetryPolicy(max_attempts=7))',
    )
    notebook.run("@workflow\nasync def flow(n: int) -> int:\n    return await load(n)")
    source = notebook.sources()["activities"]
    assert '@activity(name="slow", retry=RetryPolicy(max_attempts=7))\nasync def load' in source
    assert "from jupyter_workflows import RetryPolicy, activity\n" in source


def test_name_that_a_magic_gave_a_workflow_is_kept(notebook):
    notebook.run("async def flow(n: int) -> int:\n    return n")
    notebook.namespace["flow"] = notebook.namespace["workflow"](name="the flow")(notebook.namespace["flow"])
    assert notebook.bundle().manifest.workflows[0].name == notebook.load().flow.name == "the flow"


def test_undecorated_workflow_is_decorated(notebook):
    notebook.run("async def flow(n: int) -> int:\n    return n")
    module = notebook.load()
    assert asyncio.run(module.flow.fn(3)) == 3
    assert "@workflow\nasync def flow" in notebook.sources()["workflows"]


def test_name_activity_may_be_the_users_own(notebook):
    notebook.run("activity = 'x'\nasync def load(n: int) -> str:\n    return activity * n\n")
    notebook.run("@workflow\nasync def flow(n: int) -> str:\n    return await load(n)")
    assert asyncio.run(notebook.load().flow.fn(3)) == "xxx"


def test_shared_helper_is_defined_once(notebook):
    notebook.run_all("""
LIMIT = 3
def both(n):
    return n + LIMIT
def only_flow(n):
    return both(n)
def only_load(n):
    return both(n)
async def load(n: int) -> int:
    return only_load(n)
@workflow
async def flow(n: int) -> int:
    return only_flow(await load(n))
""")
    sources = notebook.sources()
    where = {name: [module for module, text in sources.items() if f"def {name}(" in text] for name in
             ("both", "only_flow", "only_load", "load", "flow")}  # fmt: skip
    assert where == {
        "both": ["models"],
        "only_flow": ["workflows"],
        "only_load": ["activities"],
        "load": ["activities"],
        "flow": ["workflows"],
    }
    assert asyncio.run(notebook.load().flow.fn(1)) == 7


def test_manifest_is_json_that_anybody_can_read(notebook):
    contract(notebook)
    text = (notebook.bundle(FLOW).path / "manifest.json").read_text()
    assert json.loads(text)["format"] == 1


@pytest.mark.parametrize("source", ["", "%%bash\nls", "def broken(", "x = !ls\n%magic\n?x\nx?", "  a = 1\n  b = 2"])
def test_any_cell_can_be_recorded(source: str):
    log = CellLog()
    log.record(Cell("a", 1, source))
    assert parse_cell(source).lines == tuple(source.split("\n"))
