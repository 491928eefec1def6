"""The contract review of the design, through the handle: low risk, approved, rejected, failed."""

from __future__ import annotations

import pytest

from jupyter_workflows.errors import ApprovalRefused, WorkflowFailed

from .conftest import Engine

REVIEWER = "legal@company.com"


def test_low_risk_needs_nobody(contracts: Engine) -> None:
    run = contracts.start("contract_review_pipeline", "low-1")
    assert run.result(timeout=20) == {"status": "approved", "risk_score": 0.2}
    assert run.status == "completed"
    assert [step.id for step in run.steps()] == ["extract_contract_data-1", "run_compliance_agent-1", "update_crm-1"]
    assert [step.status for step in run.steps()] == ["completed"] * 3


def test_approved(contracts: Engine) -> None:
    run = contracts.start("contract_review_pipeline", "C-1")
    run.wait_for("approval", timeout=20)
    (approval,) = run.pending_approvals()
    assert approval.message == "High-risk contract C-1 needs legal review"
    decided = run.approve(reviewer=REVIEWER, comment="fine")
    assert (decided.status, decided.by, decided.comment) == ("approved", REVIEWER, "fine")
    assert run.result(timeout=20) == {"status": "approved", "risk_score": 0.9}
    step = run.steps()[2]
    assert (step.id, step.kind, step.status, step.output) == ("human_approval-1", "approval", "completed", "approved")
    assert run.pending_approvals() == []


def test_rejected(contracts: Engine) -> None:
    run = contracts.start("contract_review_pipeline", "C-2")
    run.wait_for("approval", timeout=20)
    run.reject("human_approval-1", reviewer=REVIEWER)
    assert run.result(timeout=20) == {"status": "rejected", "reason": "human_review"}
    with pytest.raises(ApprovalRefused, match=r"human_approval-1 is decided already: legal@company.com rejected it at"):
        run.approve("human_approval-1", reviewer=REVIEWER)
    with pytest.raises(ApprovalRefused, match="is completed: nothing in it waits for a decision"):
        run.approve()


def test_a_failed_step_is_named_with_cell_and_line(contracts: Engine) -> None:
    run = contracts.start("contract_review_pipeline", "C-7")
    with pytest.raises(WorkflowFailed) as caught:
        run.result(timeout=20)
    assert str(caught.value) == (
        "step extract_contract_data-1 failed after 3 attempts: ValueError: bad contract 'C-7' "
        '(cell [2] line 5: "raise ValueError(f"bad contract {contract_id!r}")")'
    )
    assert caught.value.step == "extract_contract_data-1"
    assert run.status == "failed"


async def test_a_run_can_be_awaited_on_any_loop(contracts: Engine) -> None:
    run = contracts.start("contract_review_pipeline", "low-2")
    assert await run == {"status": "approved", "risk_score": 0.2}
