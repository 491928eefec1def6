from __future__ import annotations

import pytest

from jupyter_workflows.local.handback import Predecessors, query

ME = Predecessors("jw-aaaaaaaaaaaa-5f3.7", frozenset({"jw-bbbbbbbbbbbb-5f3.2"}))


@pytest.mark.parametrize(
    ("identity", "dead"),
    [
        ("jw-aaaaaaaaaaaa-5f3.7", False),  # itself
        ("jw-aaaaaaaaaaaa-5f3.6", True),  # the one before it
        ("jw-aaaaaaaaaaaa-5f2.7", True),  # the same notebook's, under a supervisor that is dead
        ("jw-bbbbbbbbbbbb-5f2.1", True),  # another notebook's, under that supervisor
        ("jw-bbbbbbbbbbbb-5f3.2", True),  # another notebook's, known to be dead
        ("jw-bbbbbbbbbbbb-5f3.3", False),  # another notebook's that lives
        ("1234@host", False),  # workers that are none of ours
        ("jw-production", False),
        ("jw-aaaaaaaaaaaa-5f3.6-eu", False),
        ("", False),
    ],
)
def test_only_workers_that_are_certainly_dead_lose_their_steps(identity: str, dead: bool):
    assert ME.include(identity) is dead


def test_the_query_names_each_queue_once():
    assert query(["jw-b", "jw-a"]) == "ExecutionStatus = 'Running' AND TaskQueue IN ('jw-a', 'jw-b')"
