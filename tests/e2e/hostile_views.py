"""Every view with a text of somebody else's at each place that takes one.

`say(sink)` gives the text of a place: one hostile text everywhere, or, to see that a place is really shown, its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_workflows import schema
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import InboxState, RunsState, Tokens, Trouble, WorkflowState
from jupyter_workflows.live.shown import shown_approval, step_details
from jupyter_workflows.runs import static_html
from jupyter_workflows.runs.statistics.pictures import html_of

from . import dashboard_story, stories

Say = Callable[[str], str]


@dataclass(frozen=True)
class View:
    """A component with what it is told; `details` answers the question after its first step."""

    slot: str
    kind: str
    topic: str
    tellings: list[Telling]
    details: dict[str, Any] | None = None


def views(say: Say) -> list[View]:
    """All components."""
    return [open_run(say), ended_run(say), runs(say), inbox(say), workflow(say), dashboard(say)]


def place(say: Say, sink: str) -> schema.CellLocation:
    return schema.CellLocation(cell_id=say(f"{sink} cell"), line=1, source_line=say(f"{sink} source"))


def failure(say: Say, sink: str) -> schema.Failure:
    return schema.Failure(
        type=say(f"{sink} type"),
        message=say(f"{sink} message"),
        step=say(f"{sink} step"),
        traceback=say(f"{sink} traceback"),
        location=place(say, sink),
        cause=schema.Failure(type=say(f"{sink} cause type"), message=say(f"{sink} cause message")),
    )


def form(say: Say, sink: str) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"type": "string", "default": say(f"{sink} default"), "description": say(f"{sink} help"), "title": say(sink)},
        {"enum": [say(f"{sink} choice"), 1], "title": say(f"{sink} choice title")},
        {"type": "array", "items": {"type": "string"}, "default": [say(f"{sink} item")]},
        {
            "type": "object",
            "title": say(f"{sink} group"),
            "properties": {say(f"{sink} inner field"): {"type": "string"}},
        },
        {"$ref": say(f"{sink} reference")},
    ]
    fields = {f"{say(f'{sink} field')}{number}": kind for number, kind in enumerate(kinds)}
    return {"type": "object", "required": [say(f"{sink} required")], "properties": fields}


def question(say: Say, **changes: Any) -> schema.Approval:
    known: dict[str, Any] = {
        "id": say("approval id") or "a",
        "message": say("approval message"),
        "assignee": say("approval assignee"),
        "editable": {say("editable key"): say("editable value")},
        "form_schema": form(say, "approval form"),
        "workflow": say("approval workflow"),
    }
    return stories.approval(**known | changes)


def decided(say: Say) -> schema.Approval:
    return question(
        say,
        id=f"{say('approval id')}2",
        status="approved",
        by=say("reviewer"),
        comment=say("comment"),
        decided_at=stories.at(1),
        form={say("form key"): say("form value")},
        edits=[schema.Edit(path=say("edit path"), before=say("edit before"), after=say("edit after"))],
    )


def broken_step(say: Say, **changes: Any) -> schema.Step:
    known: dict[str, Any] = {
        "name": say("step name"),
        "status": "failed",
        "failure": failure(say, "step failure"),
        "summary": say("step summary"),
        "location": place(say, "step"),
        "heartbeat": {say("heartbeat key"): say("heartbeat value")},
        "input": [say("input"), {say("input key"): say("input value")}],
        "output": {say("output key"): [say("output value")]},
    }
    return stories.step(f"{say('step name')}-1", 0, 0.1, 1, **known | changes)


def open_run(say: Say) -> View:
    """A run that waits: steps, an open question, a decided one, tokens, trouble."""
    broken = broken_step(say)
    child = stories.step(f"{say('child name')}-1", 1, 0.1, 1, name=say("child name"), kind="child")
    steps = [broken, child, stories.asked(question(say)), stories.asked(decided(say))]
    made = stories.snapshot(
        steps,
        id=say("run id") or "r",
        workflow=say("workflow name") or "w",
        arguments=[say("argument"), {say("argument key"): [say("argument value")]}],
        stuck=failure(say, "stuck"),
    )
    # A text is shown up to the last sign that may belong to what comes next.
    text = say("tokens") + "\n\n"
    piece = schema.Token(step=f"{say('token step')}-9", attempt=1, number=1, offset=0, text=text)
    tokens = Tokens(topic=stories.TOPIC, number=1, pieces=[piece])
    trouble = Trouble(topic=stories.TOPIC, number=1, message=say("trouble"))
    details = step_details(broken).model_dump(mode="json")
    tellings = [*stories.told(made, reviewer=say("own name")), Telling(tokens), Telling(trouble)]
    return View("open", "run", stories.TOPIC, tellings, details)


def ended_run(say: Say) -> View:
    """A run that failed, with a reason, decisions and a result that does not count."""
    made = stories.snapshot(
        [broken_step(say), stories.asked(decided(say))],
        id=say("run id") or "r",
        workflow=say("workflow name") or "w",
        status="failed",
        closed_at=stories.at(9),
        failure=failure(say, "run failure"),
        reason=say("reason"),
    )
    return View("ended", "run", stories.TOPIC, stories.told(made))


def runs(say: Say) -> View:
    run = schema.Run(
        id=say("listed run id"),
        run_id="r",
        workflow=say("listed workflow"),
        status="running",
        started_at=stories.NOW,
        starter=say("starter"),
        notebook=say("notebook"),
    )
    return View("runs", "runs", "runs", [Telling(RunsState(number=0, runs=[run]))])


def inbox(say: Say) -> View:
    state = InboxState(number=0, approvals=[shown_approval(question(say))], reviewer=say("own name"))
    return View("inbox", "inbox", "inbox", [Telling(state)])


def workflow(say: Say) -> View:
    warning = schema.Diagnostic(
        code=say("code"),
        severity="warning",
        message=say("diagnostic message"),
        remedy=say("remedy"),
        location=place(say, "diagnostic"),
    )
    card = WorkflowState(
        topic="workflow:x",
        number=0,
        workflow=bundled(say),
        activities=[
            schema.BundledActivity(
                name=say("activity"),
                function=say("activity"),
                signature=say("activity signature"),
                is_async=True,
                cell_id=say("activity cell"),
                line=1,
            )
        ],
        diagnostics=[warning],
    )
    return View("workflow", "workflow", "workflow:x", [Telling(card)])


def bundled(say: Say) -> schema.BundledWorkflow:
    return schema.BundledWorkflow(
        name=say("card name"),
        function=say("card function"),
        signature=say("signature"),
        description=say("description"),
        parameters_schema=form(say, "start form"),
        activities=[say("activity")],
        cell_id=say("card cell"),
        line=1,
    )


def dashboard(say: Say) -> View:
    return View("dashboard", "dashboard", dashboard_story.TOPIC, dashboard_story.told(dashboard_story.hostile(say)))


def static_pages(say: Say) -> list[str]:
    """The pictures that stay in a saved notebook."""
    steps = [broken_step(say), stories.asked(question(say)), stories.asked(decided(say))]
    known: dict[str, Any] = {"id": say("run id"), "workflow": say("workflow name"), "arguments": [say("argument")]}
    waits = stories.snapshot(steps, **known, stuck=failure(say, "stuck"))
    failed = stories.snapshot(
        steps, **known, status="failed", closed_at=stories.at(9), failure=failure(say, "run failure")
    )
    ended = stories.snapshot([], **known, status="terminated", closed_at=stories.at(9), reason=say("reason"))
    done = stories.snapshot(
        [], **known, status="completed", closed_at=stories.at(9), result={say("key"): say("result")}
    )
    diagnostic = schema.Diagnostic(code=say("code"), message=say("diagnostic message"), remedy=say("remedy"))
    return [
        *(static_html.render_run(each) for each in (waits, failed, ended, done)),
        html_of(dashboard_story.hostile(say)),
        static_html.render_runs([waits.run]),
        static_html.render_inbox([question(say)]),
        static_html.render_diagnostics([diagnostic], workflow=say("workflow name")),
        static_html.render_workflow(bundled(say), digest=say("digest"), warnings=[diagnostic], remark=say("remark")),
    ]
