"""A week of runs as a dashboard shows it: built by the code that builds real ones, from made-up runs and facts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from jupyter_workflows import schema
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import DashboardState
from jupyter_workflows.runs.listing import Filter
from jupyter_workflows.runs.statistics.facts import CauseFacts, RunFacts, StepFacts
from jupyter_workflows.runs.statistics.figures import Collected, build
from jupyter_workflows.runs.statistics.listed import Listed, Listing, closed_runs
from jupyter_workflows.runs.statistics.periods import periods_of
from jupyter_workflows.runs.statistics.sampling import strata
from jupyter_workflows.schema import dashboards

from .stories import NOW, approval

TOPIC = "dashboard?since=604800"
WEEK = timedelta(days=7)
# Name, share of runs, seconds of a run, its main step.
WORKFLOWS = (
    ("contract_review", 0.5, 48.0, "read_terms"),
    ("licence_review", 0.3, 9.0, "classify_licence"),
    ("nightly_index", 0.15, 260.0, "embed_pages"),
    ("tidy_archive", 0.05, 2.5, "delete_expired"),
)
ERRORS = ("ConnectionError", "RateLimited", "TimeoutError (worker died or hung)")


def chosen(chance: random.Random) -> tuple[str, float, float, str]:
    return chance.choices(WORKFLOWS, [each[1] for each in WORKFLOWS])[0]


def facts(chance: random.Random, name: str, seconds: float, step: str, status: schema.RunStatus) -> RunFacts:
    retried = chance.random() < 0.06
    asked = name == "contract_review" and chance.random() < 0.2
    causes: list[CauseFacts] = []
    if retried:
        causes.append(CauseFacts(step, chance.choices(ERRORS, (6, 3, 1))[0], chance.randint(1, 2), 0))
    if status == "failed":
        causes.append(CauseFacts(step, chance.choices(("ValueError", "ConnectionError"), (4, 1))[0], 2, 1))
    spent: dict[dashboards.Place, float] = {"run": seconds * 0.7, "queue": seconds * 0.08, "other": seconds * 0.02}
    spent |= {"retry": seconds * 0.3} if causes else {}
    spent |= {"people": 3_600 * chance.expovariate(4)} if asked else {}
    steps = [
        StepFacts("fetch_document", "activity", 1, 0, 0, [0.02], [seconds * 0.1]),
        StepFacts(step, "activity", 3, int(status == "failed"), len(causes), [seconds * 0.05], [seconds * 0.2]),
    ]
    if asked:
        steps.append(StepFacts("human_approval", "approval", 1, 0, 0, [], [spent["people"]]))
    return RunFacts(status, spent, steps, causes)


def listed(chance: random.Random, number: int) -> tuple[Listed, RunFacts]:
    name, _, typical, step = chosen(chance)
    age = 604_000 * chance.random()
    seconds = typical * chance.lognormvariate(0, 0.5)
    # A bad Thursday: more failures half-way through the week.
    bad = 0.16 if 250_000 < age < 300_000 else 0.015
    roll = chance.random()
    status: schema.RunStatus = "failed" if roll < bad else "cancelled" if roll < bad + 0.01 else "completed"
    started = NOW - timedelta(seconds=age + 900)
    run = schema.Run(
        id=f"{name}-{number:04x}",
        run_id=f"r{number}",
        workflow=name,
        status=status,
        started_at=started,
        closed_at=started + timedelta(seconds=seconds),
    )
    decided: list[schema.Approval] = []
    if name == "contract_review" and chance.random() < 0.2:
        opened = started + timedelta(seconds=5)
        answer = opened + timedelta(seconds=3_600 * chance.expovariate(3))
        who = chance.choice(("legal@company.com", "legal@company.com", "ada@company.com"))
        decided.append(asked(opened, who, status="approved", by=who, decided_at=answer))
    return Listed(run, decided), facts(chance, name, seconds, step, status)


def asked(opened: Any, assignee: str | None, **changes: Any) -> schema.Approval:
    message = changes.pop("message", "Contract with unlimited liability: accept?")
    return approval(message=message, assignee=assignee, opened_at=opened, due_at=None, **changes)


def waiting(number: int, hours: float, assignee: str | None, message: str) -> Listed:
    opened = NOW - timedelta(hours=hours)
    run = schema.Run(
        id=f"contract_review-w{number}",
        run_id=f"w{number}",
        workflow="contract_review",
        status="running",
        started_at=opened - timedelta(seconds=20),
        open_approvals=1,
    )
    return Listed(run, [asked(opened, assignee, message=message)])


def dashboard(runs: int = 1_400, histories: int = 10_000) -> dashboards.Dashboard:
    chance = random.Random(11)
    made = [listed(chance, number) for number in range(runs)]
    open_runs = [
        waiting(1, 52, "legal@company.com", "ACME supply agreement scores 0.82: accept the risk?"),
        waiting(2, 7.5, "ada@company.com", "Delete 1,204 expired documents?"),
        waiting(3, 0.4, None, "Publish the licence report?"),
    ]
    all_runs = [*(each for each, _ in made), *open_runs]
    collected = Collected(
        at=NOW,
        question=Filter(since=WEEK),
        target=0.95,
        listing=Listing(all_runs, len(all_runs)),
        strata=strata(closed_runs(all_runs), histories),
        facts={each.run.run_id: known for each, known in made},
        periods=periods_of([each.run for each in all_runs], WEEK, NOW),
    )
    found = build(collected)
    words = {
        "ValueError": "page 3 has no text layer: 'scan-0003.png'",
        "ConnectionError": "the model server is overloaded (429)",
        "RateLimited": "too many requests: try again in 20 s",
    }
    causes = [each.model_copy(update={"example": words.get(each.error, "")}) for each in found.causes]
    return found.model_copy(update={"causes": causes})


def told(made: dashboards.Dashboard | None = None) -> list[Telling]:
    return [Telling(DashboardState(topic=TOPIC, number=1, dashboard=made or dashboard()))]


def nothing() -> dashboards.Dashboard:
    """A namespace in which nothing has run."""
    return build(
        Collected(
            at=NOW,
            question=Filter(since=WEEK),
            target=0.95,
            listing=Listing([], 0),
            strata=[],
            facts={},
            periods=periods_of([], WEEK, NOW),
        )
    )


def hostile(say: Callable[[str], str]) -> dashboards.Dashboard:
    """A dashboard with a text of somebody else's at each place that takes one."""
    made = dashboard(runs=40)
    cause = {"workflow": "cause workflow", "step": "cause step", "error": "cause error", "example": "cause example"}
    waits = {"workflow": "waiting workflow", "message": "waiting message", "assignee": "waiting assignee"}

    def changed(model: Any, sinks: dict[str, str]) -> Any:
        return model.model_copy(update={field: say(sink) for field, sink in sinks.items()})

    approvals = made.approvals.model_copy(
        update={
            "waiting": [changed(made.approvals.waiting[0], waits | {"workflow_id": "waiting run"})],
            "reviewers": [changed(made.approvals.reviewers[0], {"assignee": "asked reviewer"})],
        }
    )
    steps = [changed(made.steps[0], {"name": "figures step", "workflow": "figures step workflow"})]
    return made.model_copy(
        update={
            "headlines": [changed(each, {"text": f"headline {each.about}"}) for each in made.headlines],
            "workflows": [changed(made.workflows[0], {"name": "figures workflow"})],
            "steps": steps,
            "spent": [changed(made.spent[0], {"workflow": "time workflow"})],
            "causes": [changed(made.causes[0], cause | {"workflow_id": "cause run"})],
            "approvals": approvals,
            "known_workflows": [say("known workflow")],
        }
    )
