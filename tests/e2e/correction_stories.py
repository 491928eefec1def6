"""What is done about runs in screenshots: a plan of resuming, and a fork beside the run it was forked from."""

from __future__ import annotations

from typing import Any

from jupyter_workflows import schema
from jupyter_workflows.live.comparisons import shown_comparison
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.runs.comparing.comparison import compared
from jupyter_workflows.runs.reading import Snapshot
from jupyter_workflows.runs.resuming.display import plan_text
from jupyter_workflows.schema.resumes import PlannedStep, ResumePlan

from .stories import at, failed_run, review_steps, snapshot, step, told

SUMMARY = "The licence permits use, change and resale.\nIt grants patents.\nNotices have to be kept."
SHORT = "The licence permits use, change and resale.\nIt is silent on patents.\nNotices have to be kept."


def failed() -> list[Telling]:
    """A run that is resumed."""
    return failed_run()


def plan() -> str:
    """What resuming it would do."""
    steps = [review_steps()[0], review_steps()[1], review_steps()[3]]
    usage = schema.Usage(calls=2, input_tokens=4_210, output_tokens=388, cost=0.0121)
    kept = [
        PlannedStep(
            id=each.id, name=each.name, kind="activity", status="completed", seconds=seconds,
            usage=usage if each.name == "read_terms" else None,
        )
        for each, seconds in zip(steps, (1.6, 2.4, 3.2), strict=True)
    ]  # fmt: skip
    again = PlannedStep(id="read_terms-2", name="read_terms", kind="activity", status="failed", seconds=7.4)
    made = ResumePlan(
        id="contract_review-7f3a", run_id="r", workflow="contract_review", status="failed", from_step="read_terms-2",
        mode="reset", bundle="5b1e77c2", bundle_before="a43e75ea", kept=kept, again=[again],
        queue="q", last_event=30,
    )  # fmt: skip
    return plan_text(made)


def branches() -> tuple[Snapshot, Snapshot]:
    """A run, and the fork of it with another model."""

    def usage(tokens: int, cost: float) -> schema.Usage:
        return schema.Usage(calls=1, input_tokens=tokens, output_tokens=tokens // 6, cost=cost)

    def side(model: str, text: str, seconds: float, cost: float, **changes: Any) -> Snapshot:
        kept = schema.Kept(run_id="a") if "forked" in changes else None
        name = {"id": "licence-51c0", "run_id": "a", "workflow": "licence", "started_at": at(0)} | changes
        return snapshot(
            [
                step("load-1", 0.2, 0.1, 0.8, input=["numpy"], output="BSD-3-Clause ...", kept=kept),
                step("summarise-1", 1.2, 0.1, seconds, input=[model], output={"text": text}, usage=usage(2_400, cost)),
                step("classify-1", 1.5 + seconds, 0.1, 0.7, output="permissive", usage=usage(310, cost / 8)),
            ],
            arguments=["numpy", model], status="completed", closed_at=at(2.4 + seconds), result=text, **name,
        )  # fmt: skip

    forked = schema.Forked(id="licence-51c0", run_id="a", by="ada", changes=["model"])
    fork = {"id": "licence-51c0/fork:9e2f1a44", "run_id": "b", "started_at": at(0.01), "forked": forked}
    return side("large", SUMMARY, 6.3, 0.0184), side("small", SHORT, 1.9, 0.0021, **fork)


def fork() -> list[Telling]:
    """The fork."""
    return told(branches()[1])


def comparison() -> dict[str, Any]:
    """Both side by side."""
    return shown_comparison(compared(*branches())).model_dump(mode="json")
