"""Made-up runs for the tests of what is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_workflows import schema
from jupyter_workflows.runs.reading import Snapshot

START = datetime(2026, 11, 22, 10, 20, 31, tzinfo=UTC)

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "<style>*{display:none}</style>",
    "</table></div><h1>owned</h1>",
    "<a href='javascript:alert(1)'>x</a>",
    '" onmouseover="alert(1)" x="',
    "' autofocus onfocus=alert(1) '",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<details open ontoggle=alert(1)>",
    "<input onfocus=alert(1) autofocus>",
    "<object data='data:text/html,<script>alert(1)</script>'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "]]><script>alert(1)</script>",
    "<!--<script>alert(1)</script>-->",
    "--><script>alert(1)</script>",
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u202e<script>alert(1)</script>",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x1b[2J\x1b[31mred",
    "\ud800\udfff<script>",
    "Z" + "\u0300" * 5000,
    "\u2028\u2029\ufeff",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "x" * 100_000,
    "\n" * 5000,
    "<" * 50_000,
    "<svg><script href=data:,alert(1) />",
    "<form><button formaction=javascript:alert(1)>x",
]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(
    id: str,
    scheduled: float,
    started: float | None = None,
    finished: float | None = None,
    *,
    status: schema.StepStatus = "completed",
    kind: schema.StepKind = "activity",
    attempts: int = 1,
    **more: Any,
) -> schema.Step:
    return schema.Step(
        id=id,
        name=id.rpartition("-")[0],
        kind=kind,
        status=status,
        scheduled_at=at(scheduled),
        started_at=at(started) if started is not None else None,
        finished_at=at(finished) if finished is not None else None,
        attempts=[schema.Attempt(number=number, status=status) for number in range(1, attempts + 1)],
        **more,
    )


def approval(**more: Any) -> schema.Approval:
    known: dict[str, Any] = {
        "id": "human_approval-1",
        "message": "High-risk contract C-7 needs legal review",
        "assignee": "legal@company.com",
        "opened_at": at(8),
        "due_at": at(259_200),
        "content_hash": "h",
    }
    return schema.Approval(**{**known, **more})


def run(**more: Any) -> schema.Run:
    known: dict[str, Any] = {
        "id": "review-1a2b",
        "run_id": "r",
        "workflow": "review",
        "status": "running",
        "started_at": START,
    }
    return schema.Run(**{**known, **more})


def snapshot(steps: list[schema.Step], *, seen: float = 600, **more: Any) -> Snapshot:
    known: dict[str, Any] = {"run": run(), "steps": steps, "taken_at": at(seen)}
    return Snapshot(**{**known, **more})


def failure(**more: Any) -> schema.Failure:
    location = schema.CellLocation(cell_id="c", cell_number=4, line=7, source_line="    raise ValueError(text)")
    known: dict[str, Any] = {
        "type": "ValueError",
        "message": "bad contract 'C-7'",
        "step": "extract-1",
        "attempts": 3,
        "location": location,
    }
    return schema.Failure(**{**known, **more})


def hostile_snapshot(text: str) -> Snapshot:
    """A run in which every text that a workflow can choose is the given one."""
    place = schema.CellLocation(cell_id=text, line=1, source_line=text)
    bad = failure(type=text, message=text, step=text, location=place, traceback=text)
    asked = approval(id=text, message=text, assignee=text, editable={text: [text]}, has_editable=True)
    form = {"properties": {text: {"type": text}}}
    decided = {"status": "approved", "by": text, "comment": text, "decided_at": at(9), "form": {text: text}}
    steps = [
        step(text, 0, 0.1, 1, input=[text, {text: text}], output={text: text}, summary=text),
        step(text, 1, 1.2, 2, status="failed", attempts=3, failure=bad),
        step(text, 2, 2.1, status="running", heartbeat={text: text}),
        step(text, 2, status="retrying", attempts=2, failure=bad, due_at=at(700)),
        step(text, 3, 3, status="waiting", kind="approval", approval=asked.model_copy(update={"form_schema": form})),
        step(text, 3, 3, 9, kind="approval", approval=asked.model_copy(update=decided)),
        step(text, 3, 3, status="waiting", kind="timer", due_at=at(900), summary=text),
        step(text, 4, 4, 4, kind="signal", input=[text]),
        step(text, 5, 5, 6, kind="child", child_run=text),
    ]
    return snapshot(
        steps,
        run=run(id=text, workflow=text, notebook=text, starter=text, status="failed", closed_at=at(100)),
        arguments=[text, {text: text}],
        result=text,
        failure=bad,
        reason=text,
        stuck=bad,
    )
