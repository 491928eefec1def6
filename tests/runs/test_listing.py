"""Lists of runs: filters, hostile filter values, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_workflows.errors import JupyterWorkflowsError
from jupyter_workflows.runs.client import count, list_runs
from jupyter_workflows.runs.listing import Filter, clause

from .conftest import Engine, eventually


def ids(engine: Engine, **filters: Any) -> set[str]:
    return {run.id for run in list_runs(engine.client, home=engine.home, **filters)}


def test_runs_are_found_by_every_filter(scenes: Engine) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=1)
    done = scenes.start("breaks", 0, notebook='/work/it\'s a "notebook".ipynb', starter="ada")
    failed = scenes.start("breaks", 9, notebook="/other.ipynb")
    done.result(timeout=20)
    failed.wait_for("failed", timeout=20)
    eventually(lambda: {done.id, failed.id} <= ids(scenes, workflow="breaks", status=["completed", "failed"]))
    assert done.id not in ids(scenes, workflow="breaks", status="failed")
    assert ids(scenes, notebook='/work/it\'s a "notebook".ipynb') == {done.id}
    assert {done.id, failed.id} <= ids(scenes, since=begun)
    assert {done.id, failed.id} <= ids(scenes, since=timedelta(hours=1))
    assert {done.id, failed.id} <= ids(scenes, since=begun.isoformat())
    assert ids(scenes, workflow="breaks", since=datetime.now(UTC) + timedelta(days=1)) == set()
    record = next(run for run in list_runs(scenes.client, workflow="breaks").records if run.id == done.id)
    assert (record.starter, record.bundle, record.workflow) == ("ada", scenes.digest[:16], "breaks")
    assert record.status == "completed"
    assert record.closed_at is not None
    assert count(scenes.client, bundle=scenes.digest) >= 2


def test_a_list_is_of_handles(scenes: Engine) -> None:
    run = scenes.start("breaks", 1)
    assert run.result(timeout=20) == 2
    (listed, *_) = eventually(
        lambda: [found for found in list_runs(scenes.client, workflow="breaks", limit=5) if found.id == run.id]
    )
    assert listed.result(timeout=20) == 2
    shown = list_runs(scenes.client, workflow="breaks", limit=5)
    assert len(shown) <= 5
    bundle = shown._repr_mimebundle_()
    assert run.id in bundle["text/plain"]
    assert run.id in bundle["text/html"]
    assert list(shown.to_pandas()["id"]) == [record.id for record in shown.records]


@pytest.mark.parametrize("hostile", ["x' OR '1' = '1", "\\", "\\' OR 1=1 --", "x`", '"', "%", "\u202e", "a\nb", "é"])
def test_a_hostile_filter_is_only_a_text(scenes: Engine, hostile: str) -> None:
    run = scenes.start("nothing", notebook=hostile)
    run.result(timeout=20)
    eventually(lambda: ids(scenes, notebook=hostile) == {run.id})
    assert ids(scenes, workflow=hostile) == set()


def test_a_word_that_is_no_status_is_refused() -> None:
    with pytest.raises(JupyterWorkflowsError, match="'done' is no status of a run: use one of running, completed,"):
        _ = Filter(status="done").query


def test_a_since_that_is_no_time_is_refused(scenes: Engine) -> None:
    with pytest.raises(JupyterWorkflowsError, match="since='yesterday' is no time"):
        list_runs(scenes.client, since="yesterday")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("review", "X = 'review'"),
        ("it's", "X STARTS_WITH 'it'"),
        ("C:\\x", "X STARTS_WITH 'C:'"),
        ("a\nb", "X STARTS_WITH 'a'"),
        ("'", ""),
        ("", ""),
    ],
)
def test_a_query_says_only_what_needs_no_escape(text: str, said: str) -> None:
    assert clause("X", text) == said


def test_no_filter_is_no_query() -> None:
    assert Filter().query == ""
