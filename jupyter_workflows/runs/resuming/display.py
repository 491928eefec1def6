"""A plan of resuming as text and as static HTML: what is kept, what runs again, what happens twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schema.resumes import PlannedStep, ResumePlan
from ..elements import card, icon, line, note, pill
from ..text import count_words, status_words, usage_words
from ..untrusted import human_seconds, one_line

SHOWN = 20


def headline(plan: ResumePlan) -> str:
    """What is going to happen, in a sentence."""
    name = one_line(plan.id, 80)
    code = "the same code" if plan.bundle == plan.bundle_before else f"the code jw_{plan.bundle[:8]}"
    if plan.mode == "fork":
        start = f", from step {one_line(plan.from_step, 80)}" if plan.from_step else ""
        return f"Run {name} is forked{start}: another run beside it, with {code}"
    if plan.mode == "live":
        return f"Run {name} goes on as it is, with {code} from its next step or attempt on"
    start = f"from step {one_line(plan.from_step, 80)}" if plan.from_step else "from where it broke off"
    return f"Run {name} goes on {start} with {code}, as a new execution beside the old one"


def kept_words(plan: ResumePlan) -> str:
    """How much is kept: steps, time, tokens and money."""
    if not plan.kept:
        return "nothing is kept"
    spent = usage_words(plan.usage_kept)
    parts = [count_words(len(plan.kept), "step"), human_seconds(plan.seconds_kept), *([spent] if spent else [])]
    return ", ".join(parts)


def warnings(plan: ResumePlan) -> Iterator[str]:
    """What a person should know before."""
    if plan.twice:
        names = ", ".join(one_line(step.id, 60) for step in plan.twice[:SHOWN])
        yield f"These ran to their end, and what they do outside happens twice: {names}"
    if plan.dropped_signals:
        yield f"Signals that came later are dropped: {', '.join(one_line(name, 60) for name in plan.dropped_signals)}"
    for act in plan.acts[:SHOWN]:
        of = f"The {act.kind} of {one_line(act.by, 60)} on {one_line(act.approval, 60)}"
        yield f"{of} counts if the same is asked again"
    if more := len(plan.acts[SHOWN:]):
        yield f"So {'does' if more == 1 else 'do'} {more} more"
    if plan.replaced:
        yield f"Recorded results are replaced: {', '.join(one_line(step, 60) for step in plan.replaced)}"
    if plan.changes:
        yield f"Changed: {', '.join(one_line(name, 60) for name in plan.changes)}"
    if plan.input_of:
        yield f"The input of {one_line(plan.input_of, 60)} is replaced"
    if plan.status == "running" and plan.mode == "reset":
        yield "The run is still going: its present execution is ended"


def step_words(step: PlannedStep) -> str:
    """A step of the plan, in a few words."""
    took = human_seconds(step.seconds) if step.seconds is not None else ""
    spent = usage_words(step.usage) if step.usage else ""
    return ", ".join(part for part in (status_words(step.status), took, spent, step.why) if part)


def plan_text(plan: ResumePlan) -> str:
    """The plan for a terminal."""
    lines = [headline(plan), f"  kept: {kept_words(plan)}"]
    lines += [f"    ✓ {one_line(step.id, 60)}  {step_words(step)}" for step in plan.kept[-SHOWN:]]
    lines += [f"  runs again: {count_words(len(plan.again), 'step')} so far, and what follows"]
    lines += [f"    ↻ {one_line(step.id, 60)}  {step_words(step)}" for step in plan.again[:SHOWN]]
    lines += [f"  ! {warning}" for warning in warnings(plan)]
    return "\n".join(lines)


def plan_html(plan: ResumePlan) -> str:
    """The plan for a notebook."""
    title = f'<span class="jw-title jw-any">{line(headline(plan), 300)}</span>'
    parts = [f'<div class="jw-head">{pill(plan.status)}{title}</div>']
    parts += [note("wait", line(warning, 400)) for warning in warnings(plan)]
    parts.append(rows(f"Kept: {kept_words(plan)}", "completed", plan.kept[-SHOWN:]))
    parts.append(
        rows(
            f"Runs again: {count_words(len(plan.again), 'step')} so far, and what follows",
            "retrying",
            plan.again[:SHOWN],
        )
    )
    return card(*parts)


def rows(title: str, status: str, steps: Sequence[PlannedStep]) -> str:
    """One half of the plan."""
    body = "".join(
        f'<tr><td>{icon(status)}</td><td class="jw-mono jw-any">{line(step.id, 80)}</td>'
        f'<td class="jw-any">{line(step_words(step), 300)}</td></tr>'
        for step in steps
    )
    return f'<div class="jw-foot"><b>{line(title, 200)}</b><table class="jw-table">{body}</table></div>'
