"""What a dashboard says in four sentences: what failed and why, did it recover, what was slow, who waits for whom."""

from __future__ import annotations

import math

from ...schema.dashboards import CauseFigures, Dashboard, Headline, Place
from ..text import count_words
from ..untrusted import coarse_seconds, human_seconds, one_line

NAME_LENGTH = 60
PLACE_WORDS: dict[Place, str] = {
    "run": "running steps",
    "child": "child runs",
    "retry": "failed attempts and the waits after them",
    "queue": "waiting for a worker",
    "people": "waiting for people",
    "timer": "sleeping",
    "other": "between steps",
}


def headlines(dashboard: Dashboard) -> list[Headline]:
    """The four sentences."""
    return [failed(dashboard), recovery(dashboard), slow(dashboard), waiting(dashboard)]


def percent(share: float) -> str:
    """`97.3 %`; all and none are said only where it is all or none."""
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{min(99.9, max(0.1, math.floor(share * 1000 + 0.5) / 10)):g} %"


def name(text: str) -> str:
    """A name of a workflow, step or exception, bounded."""
    return one_line(text, NAME_LENGTH)


def failed(dashboard: Dashboard) -> Headline:
    """How many runs failed, and what most of them met."""
    lost = dashboard.counts.get("failed", 0) + dashboard.counts.get("timed_out", 0)
    ended = sum(dashboard.counts.values()) - dashboard.counts.get("running", 0)
    if not lost:
        words = f"None of {count_words(ended, 'closed run')} failed." if ended else "No run has ended yet."
        return Headline(about="failed", tone="good" if ended else "plain", text=words)
    words = f"{lost:,} of {count_words(ended, 'closed run')} failed"
    cause = next((each for each in dashboard.causes if each.failures), None)
    why = f", most by {cause_words(cause)}." if cause else "."
    return Headline(about="failed", tone="bad", text=words + why)


def cause_words(cause: CauseFigures) -> str:
    """A cause in words."""
    where = f"{name(cause.step)} of {name(cause.workflow)}" if cause.step else f"the code of {name(cause.workflow)}"
    return f"{name(cause.error)} in {where} ({round(cause.runs - cause.recovered):,})"


def recovery(dashboard: Dashboard) -> Headline:
    """The recovery rate and its target."""
    found = dashboard.recovery
    if found.rate is None:
        return Headline(about="recovery", tone="good", text="No closed run met a failure.")
    met = count_words(round(found.met_failure), "run")
    reached = found.rate >= found.target
    compared = f"{'reaches' if reached else 'misses'} the target of {percent(found.target)}"
    text = f"{percent(found.rate)} of {met} that met a failure completed: that {compared}."
    return Headline(about="recovery", tone="good" if reached else "bad", text=text)


def slow(dashboard: Dashboard) -> Headline:
    """Where most of the time went, and the step that took most of it."""
    totals: dict[Place, float] = {}
    for each in dashboard.spent:
        for place, seconds in each.seconds.items():
            totals[place] = totals.get(place, 0) + seconds
    whole = sum(totals.values())
    if not whole:
        return Headline(about="slow", tone="plain", text="No closed run has taken any time.")
    place = max(totals, key=lambda each: totals[each])
    text = f"{percent(totals[place] / whole)} of the time went into {PLACE_WORDS[place]}"
    step = next((each for each in dashboard.steps if each.kind == "activity" and each.duration.p90 is not None), None)
    if step is not None:
        took = human_seconds(step.duration.p90)
        text += f"; of the steps, most into {name(step.name)} of {name(step.workflow)} (p90 {took})"
    return Headline(about="slow", tone="plain", text=f"{text}.")


def waiting(dashboard: Dashboard) -> Headline:
    """How many approvals wait, and for whom the oldest does."""
    found = dashboard.approvals
    if not found.waiting:
        return Headline(about="waiting", tone="good", text="No approval waits.")
    oldest = found.waiting[0]
    age = coarse_seconds(max(0.0, (dashboard.at - oldest.opened_at).total_seconds()))
    whom = name(oldest.assignee) if oldest.assignee else "anybody"
    one = found.waiting_count == 1
    counted = "1 approval waits" if one else f"{found.waiting_count:,} approvals wait"
    text = f"{counted}, {'' if one else 'the oldest '}for {whom} since {age}."
    return Headline(about="waiting", tone="waiting", text=text)
