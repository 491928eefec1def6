"""Two runs side by side as text and as static HTML."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from ...schema import Edit, Usage
from ...schema.comparisons import ComparedStep, Comparison, RunSide, StepSide
from ..elements import card, icon, line, note, pill, text
from ..static_html import grid
from ..text import count_words, status_words, usage_words
from ..untrusted import human_seconds, one_line, preview

SHOWN_STEPS = 200
SHOWN_EDITS = 12
SHOWN_LINES = 40
LONGEST_LINE = 300
LONGEST_TEXT = 20_000


def changes(edit: Edit) -> list[tuple[str, str]]:
    """A difference as lines: what is gone (`-`), what is new (`+`), and of texts of several lines what stays."""
    before, after = edit.before, edit.after
    several = isinstance(before, str) and isinstance(after, str) and "\n" in before + after
    if not several or not isinstance(before, str) or not isinstance(after, str):
        pairs = [("-", before), ("+", after)]
        return [(sign, preview_of(value)) for sign, value in pairs if value is not None]
    lines = difflib.unified_diff(before[:LONGEST_TEXT].split("\n"), after[:LONGEST_TEXT].split("\n"), lineterm="", n=1)
    # The first two lines name files, of which there are none.
    shown = list(lines)[2:]
    return [("…", "") if each.startswith("@@") else (each[:1], one_line(each[1:], LONGEST_LINE)) for each in shown][1:]


def preview_of(value: object) -> str:
    """A look at a value; a text without quotes."""
    return one_line(value, LONGEST_LINE) if isinstance(value, str) else preview(value, LONGEST_LINE)


def side_words(side: StepSide | None) -> str:
    """A step of one run, in a few words."""
    if side is None:
        return "not in this run"
    took = human_seconds(side.seconds) if side.seconds is not None else ""
    again = f"{side.attempts} attempts" if side.attempts > 1 else ""
    kept = "kept" if side.kept else ""
    return ", ".join(part for part in (status_words(side.status), took, usage_words(side.usage), again, kept) if part)


def verdict_words(step: ComparedStep) -> str:
    """Whether what a step gave is the same."""
    if step.a is None or step.b is None:
        return f"only in {'B' if step.a is None else 'A'}"
    if step.differs:
        return "ended otherwise" if step.a.status != step.b.status else "another output"
    if step.same_output is None:
        return "can't be compared"
    return "same" if step.same_input is not False else "same, from another input"


def facts(comparison: Comparison) -> list[tuple[str, str, str]]:
    """What the runs took and came to, a line each: its name, A, B."""
    a, b = comparison.a, comparison.b
    took = [human_seconds(side.seconds) if side.seconds is not None else "still open" for side in (a, b)]
    rows = [
        ("outcome", outcome(a), outcome(b)),
        ("took", took[0], took[1]),
        ("steps", steps_words(a), steps_words(b)),
        ("model calls", usage_words(a.usage) or "none", usage_words(b.usage) or "none"),
    ]
    if a.usage_kept.calls or b.usage_kept.calls:
        rows.append(("of kept steps", usage_words(a.usage_kept) or "none", usage_words(b.usage_kept) or "none"))
    money = cost_words(a.usage, b.usage)
    return [*rows, ("cost, B less A", "", money)] if money else rows


def outcome(side: RunSide) -> str:
    """How a run ended."""
    return (
        f"{status_words(side.run.status)}: {one_line(side.failure, 200)}"
        if side.failure
        else status_words(side.run.status)
    )


def steps_words(side: RunSide) -> str:
    """How many steps, and how many of them were kept."""
    return count_words(side.steps, "step") + (f", {side.kept} of them kept" if side.kept else "")


def cost_words(a: Usage, b: Usage) -> str:
    """How much more or less the second one cost."""
    if a.cost is None or b.cost is None or not a.cost:
        return ""
    share = (b.cost - a.cost) / a.cost
    return f"{b.cost - a.cost:+.4g} ({share:+.0%})"


def comparison_text(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    lines = [f"A {one_line(comparison.a.run.id, 100)}", f"B {one_line(comparison.b.run.id, 100)}"]
    lines += [f"  {name:<15} A {a}\n{'':<18}B {b}" if a else f"  {name:<15} {b}" for name, a, b in facts(comparison)]
    for title, edits in (("arguments", comparison.arguments), ("result", comparison.result)):
        lines += ([f"  {title}"] if edits else []) + [f"    {each}" for each in edit_lines(edits)]
    for step in comparison.steps[:SHOWN_STEPS]:
        mark = "≠" if step.differs else "="
        name = one_line((step.a or step.b or StepSide(id="", status="running")).id, 60)
        lines.append(f"  {mark} {name}  {verdict_words(step)}")
        if step.differs:
            lines += [f"      A {side_words(step.a)}", f"      B {side_words(step.b)}"]
            lines += [f"      {each}" for each in edit_lines(step.differences)]
            lines += [f"      {sign} {one_line(error, 300)}" for sign, error in errors(step)]
    return "\n".join([*lines, *more(comparison)])


def more(comparison: Comparison) -> Iterator[str]:
    """Says how many steps are not shown."""
    if len(comparison.steps) > SHOWN_STEPS:
        yield f"{count_words(len(comparison.steps) - SHOWN_STEPS, 'more step')} not shown; to_pandas() has all"


def errors(step: ComparedStep) -> Iterator[tuple[str, str]]:
    """The failures of a step, where they differ."""
    a, b = (side.error if side else "" for side in (step.a, step.b))
    if a != b:
        yield from ((sign, error) for sign, error in (("-", a), ("+", b)) if error)


def edit_lines(edits: Sequence[Edit]) -> Iterator[str]:
    """Differences as lines of text."""
    for edit in edits[:SHOWN_EDITS]:
        shown = changes(edit)
        if edit.path:
            yield one_line(edit.path, 200)
        indent = "  " if edit.path else ""
        yield from (f"{indent}{sign} {words}" for sign, words in shown[:SHOWN_LINES])
        if len(shown) > SHOWN_LINES:
            yield f"{indent}… {count_words(len(shown) - SHOWN_LINES, 'more line')}"
    if len(edits) > SHOWN_EDITS:
        yield f"… {count_words(len(edits) - SHOWN_EDITS, 'more difference')}"


def comparison_html(comparison: Comparison) -> str:
    """The comparison for a notebook."""
    a, b = comparison.a, comparison.b
    head = side_head("A", a) + side_head("B", b)
    table = grid(
        [("", "26%"), ("A", ""), ("B", "")], [tuple(line(cell, 240) for cell in row) for row in facts(comparison)]
    )
    parts = [head, table]
    for title, edits in (("Arguments", comparison.arguments), ("Result", comparison.result)):
        if edits:
            parts.append(f'<div class="jw-foot"><b>{title}</b>{edits_html(edits)}</div>')
    parts += [step_html(step) for step in comparison.steps[:SHOWN_STEPS]]
    parts += [note("off", line(words)) for words in more(comparison)]
    return card(*parts)


def side_head(letter: str, side: RunSide) -> str:
    """How one of the runs ended, and which it is."""
    return (
        f'<div class="jw-head">{pill(side.run.status, f"{letter} {status_words(side.run.status)}")}'
        f'<span class="jw-mono jw-any">{line(side.run.id, 160)}</span>'
        f'<span class="jw-right">{line(side.run.workflow, 80)}</span></div>'
    )


def step_html(step: ComparedStep) -> str:
    """A step of both runs; open where they differ."""
    side = step.b or step.a
    name = line(side.id if side else step.name, 100)
    tone = "wait" if step.differs else "off"
    head = (
        f'<span class="jw-any jw-mono">{name}</span> <span class="jw-tag jw-{tone}">{line(verdict_words(step))}</span>'
    )
    rows = "".join(
        f"<div>{icon(found.status) if found else ''} <b>{letter}</b> "
        f'<span class="jw-any">{line(side_words(found), 300)}</span></div>'
        for letter, found in (("A", step.a), ("B", step.b))
    )
    failed = "".join(changed_line(sign, error) for sign, error in errors(step))
    body = rows + edits_html(step.differences) + (f'<code class="jw-code jw-mono">{failed}</code>' if failed else "")
    return f"<details{' open' if step.differs else ''}><summary>{head}</summary>{body}</details>"


def edits_html(edits: Sequence[Edit]) -> str:
    """Differences as a block for each place."""
    return "".join(edit_html(edit) for edit in edits[:SHOWN_EDITS]) + (
        f'<div class="jw-muted">{count_words(len(edits) - SHOWN_EDITS, "more difference")}</div>'
        if len(edits) > SHOWN_EDITS
        else ""
    )


def edit_html(edit: Edit) -> str:
    """One difference."""
    shown = changes(edit)
    lines = "".join(changed_line(sign, words) for sign, words in shown[:SHOWN_LINES])
    left = f"<div>… {count_words(len(shown) - SHOWN_LINES, 'more line')}</div>" if len(shown) > SHOWN_LINES else ""
    place = f'<div class="jw-mono jw-muted jw-any">{line(edit.path, 200)}</div>' if edit.path else ""
    return f'{place}<code class="jw-code jw-mono">{lines}{left}</code>'


def changed_line(sign: str, words: str) -> str:
    """A line of a difference; the sign stands beside the colour."""
    tone = {"-": "jw-gone", "+": "jw-new"}.get(sign, "jw-muted")
    return f'<div class="jw-any {tone}">{text(sign)} {line(words, LONGEST_LINE)}</div>'
