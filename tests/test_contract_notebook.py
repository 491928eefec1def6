"""The published contract review, unchanged but for its import line, in a real notebook: every way it can end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kernels import errors, printed, run_cells

CELLS = [
    cell.strip()
    for cell in """
%load_ext jupyter_workflows
from jupyter_workflows import human_approval, RetryPolicy, timeout, workflow
from pydantic import BaseModel
---
class Compliance(BaseModel):
    risk_score: float
    clauses: list[str] = ["liability"]
---
async def extract_contract_data(contract_id: str) -> dict:
    return {"id": contract_id}
---
def score(contract_id: str) -> float:
    return 0.2 if contract_id.startswith("low") else 0.9
---
async def run_compliance_agent(extracted: dict) -> Compliance:
    return Compliance(risk_score=score(extracted["id"]))
---
from pathlib import Path

def update_crm(contract_id: str, status: str) -> None:
    with Path("crm.txt").open("a") as crm:
        crm.write(f"{contract_id} {status}\\n")
""".split("---")
]
PUBLISHED = """
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
""".strip()
QUICK = PUBLISHED.replace("days=3", "seconds=1")
DECIDE = """
import json
run = contract_review_pipeline.start({contract!r})
run.wait_for("approval", timeout=60)
run.{verdict}(reviewer="legal@company.com")
print(json.dumps(run.result(timeout=60)))
"""
WAIT = "import json\nprint(json.dumps(contract_review_pipeline.start({contract!r}).result(timeout=60)))"
APPROVED = {"status": "approved", "risk_score": 0.9}
REJECTED = {"status": "rejected", "reason": "human_review"}


@pytest.mark.parametrize("cell", ["%%workflow\n{code}", "{code}"], ids=["workflow cell", "plain cell"])
def test_the_published_contract_review_runs_as_it_is(runtime_home: Path, tmp_path: Path, cell: str):
    runs = [
        WAIT.format(contract="low-1"),
        DECIDE.format(contract="C-1", verdict="approve"),
        DECIDE.format(contract="C-2", verdict="reject"),
        cell.format(code=QUICK),
        WAIT.format(contract="C-3"),
    ]
    executed = run_cells([*CELLS, cell.format(code=PUBLISHED), *runs], home=runtime_home, folder=tmp_path)
    assert errors(executed) == {}
    low, approved, rejected, _, unanswered = executed.cells[-5:]
    assert json.loads(printed(low)) == {"status": "approved", "risk_score": 0.2}
    assert json.loads(printed(approved)) == APPROVED
    assert json.loads(printed(rejected)) == REJECTED
    assert json.loads(printed(unanswered)) == REJECTED
    assert (tmp_path / "crm.txt").read_text() == "low-1 approved\nC-1 approved\n"
