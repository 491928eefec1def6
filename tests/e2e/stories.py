"""What components are shown in tests and screenshots: a review, thousands of steps, lists, a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_workflows import schema
from jupyter_workflows.live.feed import RunFeed, Telling, run_topic
from jupyter_workflows.live.messages import InboxState, RunsState, Tokens, WorkflowState
from jupyter_workflows.live.shown import shown_approval, step_details
from jupyter_workflows.runs.effects import effects_of
from jupyter_workflows.runs.reading import Snapshot
from jupyter_workflows.security.rights import GRANTS, Role
from jupyter_workflows.security.workspaces import Person
from jupyter_workflows.server.hub import Viewer, addressed

NOW = datetime.now(UTC).replace(microsecond=0)
TOPIC = run_topic("contract_review-7f3a", "r")
CELL = schema.CellLocation(cell_id="c4", cell_number=4, line=12, source_line="    terms = await read_terms(page)")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["accept_risk", "cap_eur", "level"],
    "properties": {
        "accept_risk": {"type": "boolean", "title": "Accept the risk", "description": "The firm takes it in writing"},
        "cap_eur": {
            "type": "integer",
            "title": "Liability cap, EUR",
            "minimum": 0,
            "maximum": 1_000_000,
            "default": 50_000,
        },
        "level": {"enum": ["low", "medium", "high"], "title": "Level"},
        "reason": {"type": "string", "title": "Reason", "maxLength": 500},
    },
}
QUESTION = (
    "**ACME supply agreement** scores **0.82**, above the house limit of 0.70.\n\n"
    "- liability is *unlimited* ([clause 7](https://example.org/clause-7))\n- payment within `30` days\n\n"
    "> The supplier shall be liable without limit."
)


def at(seconds: float, start: datetime | None = None) -> datetime:
    return (start or NOW - timedelta(seconds=9_000)) + timedelta(seconds=seconds)


def step(id: str, begin: float, queued: float, ran: float | None, **changes: Any) -> schema.Step:
    """An activity that waited so long and ran so long; None for still running."""
    end = None if ran is None else at(begin + queued + ran)
    status = "running" if ran is None else "completed"
    attempt = schema.Attempt(number=1, status=status, started_at=at(begin + queued), finished_at=end, worker="jw-1a2b")
    known: dict[str, Any] = {
        "id": id,
        "name": id.rpartition("-")[0],
        "kind": "activity",
        "status": status,
        "attempts": [attempt],
        "scheduled_at": at(begin),
        "started_at": at(begin + queued),
        "finished_at": end,
        "location": CELL,
        "input": [{"page": 3, "text": "The supplier shall be liable without limit."}],
        "output": {"clause": 7, "risk": 0.82, "quotes": ["liable without limit"]} if end else None,
    }
    return schema.Step(**known | changes)


def overloaded(number: int, begin: float, end: float | None) -> schema.Attempt:
    failure = schema.Failure(type="ConnectionError", message="the model server is overloaded (429)", location=CELL)
    failed = end is not None
    return schema.Attempt(
        number=number,
        status="failed" if failed else "running",
        started_at=at(begin),
        finished_at=at(end) if end is not None else None,
        failure=failure if failed else None,
    )


def approval(**changes: Any) -> schema.Approval:
    known: dict[str, Any] = {
        "id": "human_approval-1",
        "message": QUESTION,
        "assignee": "legal@company.com",
        "opened_at": at(14),
        "due_at": NOW + timedelta(days=2, hours=21),
        "form_schema": SCHEMA,
        "editable": {"counterparty": "ACME GmbH", "clauses": ["liability", "payment"], "cap_eur": None},
        "has_editable": True,
        "content_hash": "h1",
        "workflow_id": "contract_review-7f3a",
        "run_id": "r",
        "workflow": "contract_review",
    }
    return schema.Approval(**known | changes)


def asked(question: schema.Approval) -> schema.Step:
    waiting = question.status == "open"
    return schema.Step(
        id=question.id,
        name="human_approval",
        kind="approval",
        status="waiting" if waiting else "completed",
        scheduled_at=at(14),
        finished_at=None if waiting else at(8_954),
        approval=question,
    )


def review_steps() -> list[schema.Step]:
    attempts = [overloaded(1, 3.1, 3.6), overloaded(2, 4.6, 5.2)]
    attempts.append(schema.Attempt(number=3, status="completed", started_at=at(7.2), finished_at=at(9.4)))
    return [
        step("fetch_contract-1", 0.3, 0.1, 1.6),
        step("read_terms-1", 2, 0.1, 2.4),
        step("read_terms-2", 2, 1.1, 6.3, attempts=attempts, started_at=at(3.1), finished_at=at(9.4)),
        step("read_terms-3", 2, 2.3, 3.2),
        step("compare_with_house_rules-1", 9.5, 0.2, 2.1),
        step("score_risk-1", 11.9, 0.1, 1.8, heartbeat={"done": 7, "of": 9}),
    ]


def snapshot(steps: Sequence[schema.Step], **changes: Any) -> Snapshot:
    run: dict[str, Any] = {
        "id": "contract_review-7f3a",
        "run_id": "r",
        "workflow": "contract_review",
        "status": "running",
        "started_at": at(0),
    }
    known = {name: changes.pop(name) for name in list(changes) if name in schema.Run.model_fields}
    return Snapshot(run=schema.Run(**run | known), steps=list(steps), taken_at=NOW, **changes)


def told(*snapshots: Snapshot, reviewer: str = "ada", topic: str = TOPIC) -> list[Telling]:
    feed = RunFeed(topic, reviewer)
    return [telling for each in snapshots if (telling := feed.take(each))]


def seen_by(role: Role, tellings: Sequence[Telling]) -> list[Telling]:
    """What a person in a role is told, as the Jupyter server says it."""
    viewer = Viewer(Person("vic@company.com"), GRANTS[role])
    return [replace(each, message=addressed(each.message, viewer)) for each in tellings]


def waiting_run() -> list[Telling]:
    return told(snapshot([*review_steps(), asked(approval())], arguments=["ACME supply agreement", {"strict": True}]))


def finished_run() -> list[Telling]:
    decided = approval(
        status="approved",
        by="legal@company.com",
        comment="Fine with the cap.",
        decided_at=at(8_954),
        form={"accept_risk": True, "cap_eur": 250_000, "level": "medium"},
        edits=[schema.Edit(path="/cap_eur", before=None, after=250_000)],
    )
    steps = [*review_steps(), asked(decided), step("update_register-1", 8_954.1, 0.1, 1.4)]
    result = {"status": "approved", "risk_score": 0.82, "cap_eur": 250_000}
    return told(
        snapshot(steps, arguments=["ACME supply agreement"], status="completed", closed_at=at(8_956), result=result)
    )


def failed_run() -> list[Telling]:
    failure = schema.Failure(
        type="ValueError",
        message="page 3 has no text layer: 'scan-0003.png'",
        step="read_terms-2",
        attempts=3,
        location=CELL,
        traceback="Cell [4], line 12, in read_terms\n    terms = await read_terms(page)\nValueError: no text layer",
    )
    attempts = [overloaded(1, 3.1, 3.6), overloaded(2, 4.6, 5.2), overloaded(3, 7.2, 9.4)]
    broken = step("read_terms-2", 2, 1.1, 6.3, attempts=attempts, status="failed", failure=failure, output=None)
    steps = [*review_steps()[:2], broken, review_steps()[3]]
    return told(snapshot(steps, arguments=["ACME"], status="failed", closed_at=at(9.6), failure=failure))


def undone_by(name: str, id: str, begin: float, ran: float | None, **changes: Any) -> schema.Step:
    """The step that undoes another one."""
    made = step(f"undo:{id}", begin, 0.1, ran, name=name, undoes=id, input=[{"receipt": "R-70"}], output=None)
    return made.model_copy(update=changes)


def rolling_back_run() -> list[Telling]:
    """A run that failed and undoes what it did; one undo waits for a person."""
    why = "no courier goes to **Longyearbyen** in winter"
    failure = schema.Failure(type="OSError", message="the payment desk is closed until 8:00", location=CELL)
    question = approval(
        id="human_approval-1",
        message="`refund` could not undo `charge_card-1`. Approve to try it again; reject to leave the effect as it is."
        "\n\n    OSError: the payment desk is closed until 8:00",
        assignee=None, due_at=None, form_schema=None, editable=None, has_editable=False,
        workflow_id="order_7-2c1d", workflow="order",
    )  # fmt: skip
    steps = [
        step("reserve_seat-1", 0.3, 0.1, 1.1, undo="release_seat"),
        step("charge_card-1", 1.6, 0.1, 2.0, undo="refund"),
        step("post_letter-1", 3.9, 0.1, 0.9, irreversible=True),
        step("book_room-1", 5.1, 0.1, 1.2, undo="free_room"),
        step("call_courier-1", 6.5, 0.1, 0.8, status="failed", output=None, failure=failure, undo="call_off"),
        undone_by("free_room", "book_room-1", 7.6, 0.9),
        undone_by("refund", "charge_card-1", 8.7, 2.2, status="failed", failure=failure),
        asked(question).model_copy(update={"scheduled_at": at(11.1)}),
    ]
    rollback = schema.Rollback(cause="failed", reason=why, started_at=at(7.5))
    effects = effects_of(steps, rollback)
    return told(snapshot(steps, id="order_7-2c1d", workflow="order", rollback=rollback, effects=effects))


def undoable_run() -> list[Telling]:
    """A run that has ended well and may be undone."""
    steps = [
        step("reserve_seat-1", 0.3, 0.1, 1.1, undo="release_seat"),
        step("charge_card-1", 1.6, 0.1, 2.0, undo="refund"),
        step("post_letter-1", 3.9, 0.1, 0.9, irreversible=True),
        step("pack-1", 5.0, 0.1, 1.4),
    ]
    ended: dict[str, Any] = {"status": "completed", "closed_at": at(6.6), "result": {"seat": "14C"}}
    return told(snapshot(steps, id="order_8-71fe", workflow="order", effects=effects_of(steps), **ended))


def writing_run() -> list[Telling]:
    writes = step("draft_answer-1", 8_988, 0.1, None)
    reads = step("read_annexes-1", 8_987, 0.1, None, heartbeat={"done": 3, "total": 10})
    closed = step("fetch_contract-1", 8_984, 0.1, 1.6), step("read_terms-1", 8_985.8, 0.1, 2.1)
    tellings = told(snapshot([*closed, reads, writes], arguments=["ACME"], started_at=at(8_983.8)))
    text = "## Draft\n\nThe clause on **liability** is unusual:\n\n1. it has no limit,\n2. it survives.\n\nWe suggest "
    piece = schema.Token(step="draft_answer-1", attempt=1, number=40, offset=0, text=text)
    message = Tokens(topic=TOPIC, number=1, pieces=[piece])
    return [*tellings, Telling(message)]


def large_run(count: int) -> list[Telling]:
    """So many steps by forty functions, some of them failed, retried or still at work."""
    start = NOW - timedelta(seconds=count / 20)
    steps: list[schema.Step] = []
    for number in range(count):
        begin = start + timedelta(seconds=number / 25)
        status = "failed" if number % 997 == 0 else "running" if number > count - 20 else "completed"
        steps.append(
            schema.Step.model_construct(
                id=f"task_{number % 40}-{number // 40 + 1}",
                name=f"task_{number % 40}",
                kind="activity",
                status=status,
                attempts=[schema.Attempt.model_construct(number=1)],
                scheduled_at=begin,
                started_at=begin + timedelta(seconds=0.05),
                finished_at=None if status == "running" else begin + timedelta(seconds=0.6 + number % 7 / 4),
            )
        )
    return told(snapshot(steps, started_at=start, arguments=[count]))


def details_of(steps: Sequence[schema.Step], id: str) -> Any:
    found = next(each for each in steps if each.id == id)
    return step_details(found).model_dump(mode="json")


def panel() -> list[Telling]:
    """An inbox with an approval that several people decide, of whom one asks the author."""
    early, late = at(20), at(30)
    shown = approval(
        message="Pay **1,000 EUR** to ACME GmbH?",
        assignee=None,
        assignees=["ada", "cyd@company.com", "dan@company.com"],
        quorum=2,
        version=2,
        four_eyes=True,
        starter="ada",
        form_schema=None,
        editable={"amount_eur": 1000},
        escalations=[schema.PlannedEscalation(to=["boss@company.com"], at=NOW + timedelta(hours=4))],
        votes=[
            schema.Vote(by="cyd@company.com", verdict="approve", at=early),
            schema.Vote(by="dan@company.com", verdict="approve", at=late, version=2, comment="1,000, as agreed"),
        ],
        delegations=[schema.Handover(by="bob@company.com", to="dan@company.com", at=early, comment="on leave")],
        questions=[
            schema.Question(
                number=1, by="cyd@company.com", at=early, text="Is that with VAT?",
                answer="Yes, with VAT.", answered_by="ada", answered_at=late,
            ),
            schema.Question(number=2, by="dan@company.com", at=late, text="Until when?", version=2),
        ],
        reminded_at=[late],
    )  # fmt: skip
    return [Telling(InboxState(number=0, approvals=[shown_approval(shown)], reviewer="ada"))]


def runs() -> list[schema.Run]:
    def run(number: int, status: schema.RunStatus, minutes: float, seconds: float | None, **more: Any) -> schema.Run:
        started = NOW - timedelta(minutes=minutes)
        closed = None if seconds is None else started + timedelta(seconds=seconds)
        name = "contract_review" if number % 3 else "licence_review"
        return schema.Run(
            id=f"{name}-{number:04x}",
            run_id=f"r{number}",
            workflow=name,
            status=status,
            started_at=started,
            closed_at=closed,
            **more,
        )

    return [
        run(4_001, "running", 0.4, None),
        run(4_002, "running", 150, None, open_approvals=1),
        run(4_003, "completed", 190, 64),
        run(4_004, "failed", 260, 9.6),
        run(4_005, "completed", 1_500, 8_956),
        run(4_006, "cancelled", 2_900, 310),
        run(4_007, "timed_out", 4_400, 86_400),
    ]


def runs_list() -> list[Telling]:
    return [Telling(RunsState(number=0, runs=runs()))]


def inbox() -> list[Telling]:
    other = approval(
        id="human_approval-1",
        message="Delete **1,204** expired documents?",
        assignee=None,
        due_at=NOW + timedelta(minutes=34),
        on_timeout="approve",
        form_schema=None,
        has_editable=False,
        editable=None,
        workflow_id="tidy_archive-11",
        run_id="t",
        workflow="tidy_archive",
        content_hash="h2",
    )
    shown = [shown_approval(approval()), shown_approval(other)]
    return [Telling(InboxState(number=0, approvals=shown, reviewer="ada"))]


def workflow_card() -> list[Telling]:
    def activity(name: str, cell: int) -> schema.BundledActivity:
        return schema.BundledActivity(
            name=name,
            function=name,
            signature="(page: Page) -> Terms",
            is_async=True,
            cell_id=f"c{cell}",
            cell_number=cell,
            line=1,
        )

    names = [
        "fetch_contract",
        "read_terms",
        "compare_with_house_rules",
        "score_risk",
        "human_approval",
        "update_register",
    ]
    workflow = schema.BundledWorkflow(
        name="contract_review",
        function="contract_review",
        signature="(contract: str, strict: bool = False) -> Review",
        description="Reads a contract, scores its risk and asks legal about the risky ones.",
        parameters_schema={
            "type": "object",
            "required": ["contract"],
            "properties": {
                "contract": {"type": "string", "title": "Contract"},
                "strict": {"type": "boolean", "title": "Strict", "default": False},
            },
        },
        activities=names,
        cell_id="c5",
        cell_number=5,
        line=2,
    )
    warning = schema.Diagnostic(
        code="JW310",
        severity="warning",
        message="'LIMITS' is captured as it is now",
        remedy="Pass it as an argument if it changes between runs",
        location=CELL,
    )
    activities = [activity(name, 3 + at) for at, name in enumerate(names) if name != "human_approval"]
    card = WorkflowState(
        topic="workflow:contract_review",
        number=0,
        workflow=workflow,
        activities=activities,
        diagnostics=[warning],
        digest="a43e75ea1e3f",
    )
    return [Telling(card)]
