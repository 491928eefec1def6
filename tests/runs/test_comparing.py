"""Two runs side by side: which steps correspond, what differs, and that both forms of it say so."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows.runs.comparing.comparison import compared
from jupyter_workflows.runs.comparing.display import comparison_html, comparison_text
from jupyter_workflows.runs.comparing.run_comparison import RunComparison
from jupyter_workflows.runs.values import Stored, Unreadable

from . import snapshots as made


def steps(*asked: str) -> list[schema.Step]:
    """Steps as `rate a`: the name, and what it was given; numbered as a run numbers them."""
    counts: dict[str, int] = {}
    found: list[schema.Step] = []
    for place, each in enumerate(asked):
        name, _, given = each.partition(" ")
        counts[name] = counts.get(name, 0) + 1
        found.append(
            made.step(f"{name}-{counts[name]}", place, place, place + 1, input=[given], output=f"{name} {given}")
        )
    return found


def side_by_side(a: list[schema.Step], b: list[schema.Step], **more: Any) -> schema.comparisons.Comparison:
    first = made.run(run_id="a", status="completed", closed_at=made.at(20))
    second = made.run(id="review-1a2b/fork:77", run_id="b", status="completed", closed_at=made.at(10))
    return compared(made.snapshot(a, run=first), made.snapshot(b, run=second, **more))


ALIGNED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "the same": (["load x", "rate x"], ["load x", "rate x"], ["load-1 load-1", "rate-1 rate-1"]),
    "one more at the end": (["load x"], ["load x", "rate x"], ["load-1 load-1", "- rate-1"]),
    "one more in between": (
        ["load x", "send x"], ["load x", "rate x", "send x"], ["load-1 load-1", "- rate-1", "send-1 send-1"],
    ),
    "one more of a name before": (
        ["rate b", "rate c"], ["rate a", "rate b", "rate c"], ["- rate-1", "rate-1 rate-2", "rate-2 rate-3"],
    ),
    "one less": (["load x", "rate x", "send x"], ["load x", "send x"], ["load-1 load-1", "rate-1 -", "send-1 send-1"]),
    "another order": (["load x", "rate x"], ["rate x", "load x"], ["load-1 load-1", "rate-1 rate-1"]),
    "nothing alike": (["load x"], ["rate x"], ["load-1 -", "- rate-1"]),
    "none": ([], ["rate x"], ["- rate-1"]),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIGNED)
def test_steps_correspond_by_name_order_and_input(case):
    a, b, pairs = ALIGNED[case]
    found = side_by_side(steps(*a), steps(*b)).steps
    assert [f"{step.a.id if step.a else '-'} {step.b.id if step.b else '-'}" for step in found] == pairs


def test_outputs_are_compared_place_by_place_and_texts_line_by_line():
    one = made.step("rate-1", 0, 0, 2, output={"score": 0.4, "why": "old\nsame\nline", "tags": ["a"]})
    other = made.step("rate-1", 0, 0, 1, output={"score": 0.9, "why": "new\nsame\nline", "tags": ["a"]})
    comparison = side_by_side([one], [other], result={"status": "approved"})
    (step,) = comparison.steps
    assert [edit.path for edit in step.differences] == ["/score", "/why"]
    assert [(edit.path, edit.after) for edit in comparison.result] == [("", {"status": "approved"})]
    words = comparison_text(comparison)
    for line in ("≠ rate-1  another output", "- 0.4", "+ 0.9", "- old", "+ new", "took            A 20 s", "B 10 s"):
        assert line in words, words
    assert "jw-new" in comparison_html(comparison)
    assert not RunComparison(comparison)


def test_what_an_earlier_run_had_paid_is_not_counted_as_a_forks_own():
    usage = schema.Usage(calls=1, input_tokens=100, output_tokens=20, cost=0.02)
    paid = made.step("ask-1", 0, 0, 1, output="yes", usage=usage)
    kept = paid.model_copy(update={"kept": schema.Kept(run_id="a", id="review-1a2b")})
    comparison = side_by_side([paid], [kept])
    assert (comparison.a.usage.calls, comparison.b.usage.calls, comparison.b.usage_kept.calls) == (1, 0, 1)
    assert "kept" in comparison_text(comparison)
    assert RunComparison(comparison)


@pytest.mark.parametrize("value", [Stored(5), Unreadable("no key"), object()])
def test_values_that_can_not_be_read_are_never_called_the_same(value):
    step = made.step("load-1", 0, 0, 1).model_copy(update={"output": value})
    (found,) = side_by_side([step], [step]).steps
    assert found.same_output is None
    assert "can't be compared" in comparison_text(side_by_side([step], [step]))


def test_table_has_a_row_for_each_pair():
    failed = made.step("send-1", 2, 2, 3, status="failed", failure=made.failure())
    table = RunComparison(side_by_side(steps("load x", "rate x"), [*steps("load x"), failed])).to_pandas()
    assert list(table["id_a"].fillna("-")) == ["load-1", "rate-1", "-"]
    assert table["error_b"].iloc[2].startswith("ValueError: bad contract")
    assert list(table["seconds_a"][:2]) == [1.0, 1.0]
