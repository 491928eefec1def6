"""Steps and runs for analysis."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from jupyter_workflows.runs.views import runs_frame, steps_frame, timeline

from . import snapshots as made


def test_a_table_of_steps() -> None:
    failed = made.step("b-1", 1, 1.5, 3, status="failed", attempts=2, failure=made.failure())
    frame = steps_frame([made.step("a-1", 0, 0.5, 1, input=["x"], output={"n": 1}), failed, made.step("c-1", 3)])
    assert list(frame["id"]) == ["a-1", "b-1", "c-1"]
    assert list(frame["attempts"]) == [1, 2, 1]
    assert frame["seconds"].tolist()[:2] == [1.0, 2.0]
    assert frame["waited_seconds"].tolist()[:2] == [0.5, 0.5]
    assert frame["output"][0] == {"n": 1}
    assert frame["error"][1].startswith("ValueError: bad contract 'C-7' (cell [4] line 7")
    for column in ("scheduled_at", "started_at", "finished_at"):
        assert isinstance(frame[column].dtype, pd.DatetimeTZDtype)
    assert pd.isna(frame["finished_at"][2])


@pytest.mark.parametrize("frame", [steps_frame([]), runs_frame([])])
def test_empty_tables_have_their_columns(frame: pd.DataFrame) -> None:
    assert len(frame) == 0
    assert "id" in frame.columns


def test_a_table_of_runs() -> None:
    frame = runs_frame([made.run(), made.run(status="completed", closed_at=made.at(90))])
    assert list(frame["status"]) == ["running", "completed"]
    assert frame["seconds"].tolist()[1] == 90.0


def test_a_timeline_has_a_bar_for_each_step() -> None:
    steps = [made.step("a-1", 0, 0, 1), made.step("b-1", 1, 1, 3), made.step("c-1", 1, 1, status="running")]
    figure: Any = timeline(made.snapshot(steps, seen=4))
    bars = {trace.name: (list(trace.y), [round(x) for x in trace.x]) for trace in figure.data}
    assert bars == {"completed": (["a-1", "b-1"], [1000, 2000]), "running": (["c-1"], [3000])}
    assert list(figure.layout.yaxis.categoryarray) == ["a-1", "b-1", "c-1"]


@pytest.mark.parametrize("text", made.HOSTILE, ids=range(len(made.HOSTILE)))
def test_a_timeline_obeys_no_text(text: str) -> None:
    figure: Any = timeline(made.hostile_snapshot(text))
    content = json.loads(figure.to_json())
    ours = ("<b>", "</b>", "<br>", "<extra></extra>")
    for shown in texts(content["data"]) + texts(content["layout"]["title"]):
        for tag in ours:
            shown = shown.replace(tag, "")  # noqa: PLW2901
        assert "<" not in shown


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in texts(item)]
