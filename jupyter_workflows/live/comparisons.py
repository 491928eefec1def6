"""Two runs side by side as a page shows them: in words, and bounded."""

from __future__ import annotations

from collections.abc import Sequence

from ..runs.comparing.display import (
    SHOWN_EDITS,
    SHOWN_LINES,
    SHOWN_STEPS,
    changes,
    errors,
    facts,
    side_words,
    verdict_words,
)
from ..runs.untrusted import one_line
from ..schema import Edit
from ..schema.comparisons import ComparedStep, Comparison
from .messages import ShownComparison, ShownDifference, ShownFact, ShownPair


def shown_comparison(comparison: Comparison) -> ShownComparison:
    """A comparison in words."""
    return ShownComparison(
        a=comparison.a.run,
        b=comparison.b.run,
        facts=[ShownFact(name=name, a=a, b=b) for name, a, b in facts(comparison)],
        arguments=shown_differences(comparison.arguments),
        result=shown_differences(comparison.result),
        steps=[shown_pair(step) for step in comparison.steps[:SHOWN_STEPS]],
        more=max(0, len(comparison.steps) - SHOWN_STEPS),
    )


def shown_pair(step: ComparedStep) -> ShownPair:
    """A step of both runs."""
    side = step.b or step.a
    differences = shown_differences(step.differences)
    if failed := [(sign, one_line(error, 300)) for sign, error in errors(step)]:
        differences.append(ShownDifference(place="", lines=failed))
    return ShownPair(
        name=one_line(side.id if side else step.name, 100),
        verdict=verdict_words(step),
        differs=step.differs,
        a=side_words(step.a),
        b=side_words(step.b),
        differences=differences,
    )


def shown_differences(edits: Sequence[Edit]) -> list[ShownDifference]:
    """What differs, place by place."""
    found = [
        ShownDifference(place=one_line(edit.path, 200), lines=changes(edit)[:SHOWN_LINES])
        for edit in edits[:SHOWN_EDITS]
    ]
    if len(edits) > SHOWN_EDITS:
        found.append(ShownDifference(place="", lines=[("…", f"{len(edits) - SHOWN_EDITS} more differences")]))
    return found
