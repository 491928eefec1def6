"""Dashboards as topics: what a filter may say, and that one is made when it is asked for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows.errors import JupyterWorkflowsError
from jupyter_workflows.live.dashboards import DashboardTopic, question_of, topic_of
from jupyter_workflows.live.desk import MAX_DASHBOARDS, Desk
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import Follow, Trouble
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.listing import Filter
from jupyter_workflows.runs.statistics.collecting import Question
from jupyter_workflows.schema import RunStatus

TEXTS = st.none() | st.text(min_size=1, max_size=40)
STATUSES = st.none() | st.lists(st.sampled_from(RunStatus.__args__), min_size=1, max_size=3)


@given(
    st.builds(
        Filter,
        workflow=TEXTS,
        notebook=TEXTS,
        status=STATUSES,
        since=st.none() | st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    ),
    st.integers(0, 100).map(lambda percent: percent / 100),
)
def test_a_topic_says_its_filter(wanted: Filter, target: float):
    asked = question_of(topic_of(Question(wanted=wanted, target=target)))
    assert (asked.wanted, asked.target) == (wanted, target)


def test_a_moment_becomes_the_time_since_then():
    wanted = Filter(since=datetime.now(UTC) - timedelta(hours=1))
    since = question_of(topic_of(Question(wanted=wanted))).wanted.since
    assert isinstance(since, timedelta)
    assert timedelta(hours=1) <= since < timedelta(hours=2)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("inbox", "no dashboard"),
        ("dashboard?colour=red", "no filter 'colour': there are workflow, notebook"),
        ("dashboard?status=paused", "'paused' is no status of a run: use one of running"),
        ("dashboard?since=yesterday", "since='yesterday'"),
        ("dashboard?since=-1", "since='-1'"),
        ("dashboard?since=nan", "since='nan'"),
        ("dashboard?target=2", "between 0 and 1"),
        (f"dashboard?workflow={'x' * 3_000}", "no dashboard"),
        ("dashboard?" + "status=failed&" * 50, "no dashboard"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(topic: str, words: str):
    with pytest.raises(JupyterWorkflowsError, match=words):
        question_of(topic)


class Client:
    """Stands for a client that nobody asks: what a desk does with topics needs no server."""


async def test_a_desk_makes_dashboards_as_they_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DashboardTopic, "followed", lambda self, have: asyncio.sleep(0))
    told: list[Telling] = []
    desk = Desk(RunAccess(cast("Any", Client())), told.append)
    for number in range(MAX_DASHBOARDS + 3):
        await desk.receive(Follow(topic=f"dashboard?workflow=w{number}"))
    assert len(desk.topics) == MAX_DASHBOARDS
    assert f"dashboard?workflow=w{MAX_DASHBOARDS + 2}" in desk.topics
    await desk.receive(Follow(topic="dashboard?colour=red"))
    assert len(desk.topics) == MAX_DASHBOARDS
    message = told[-1].message
    assert isinstance(message, Trouble)
    assert message.final
    assert "colour" in message.message
