"""The names of topics, which any page may follow without having been given them.

    run:<workflow id>/<run id>     a run; with an empty run id the newest one under this workflow id
    inbox                          the approvals that wait
    runs  runs?<filters>           the runs that fit: workflow, status (repeated), notebook, since, limit, in this order
    dashboard?<filter>             how runs do, see `live.dashboards`
    workflow:<digest>/<name>       a workflow of a bundle on disk; with an empty digest of the newest that has it
    status                         the Temporal server and the worker hosts

A page names a topic always in the same way: pages that do share one look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from ..errors import BadRequest
from ..live.dashboards import PREFIX as DASHBOARD
from ..live.dashboards import question_of
from ..runs.listing import QUERY_STATUS, Filter
from ..runs.untrusted import one_line

MAX_NAME = 4_000
MAX_RUNS = 1_000
RUNS = 100
FILTERS = ("workflow", "status", "notebook", "since", "limit")


class UnknownTopic(BadRequest):
    """There is no such topic."""


@dataclass(frozen=True)
class RunName:
    """`run:<workflow id>/<run id>`."""

    workflow_id: str
    run_id: str


@dataclass(frozen=True)
class WorkflowName:
    """`workflow:<digest>/<name>`."""

    digest: str
    name: str


@dataclass(frozen=True)
class RunsName:
    """`runs?<filters>`."""

    wanted: Filter
    limit: int


@dataclass(frozen=True)
class DashboardName:
    """`dashboard?<filter>`."""

    topic: str


@dataclass(frozen=True)
class PlainName:
    """`inbox` or `status`."""

    name: str


TopicName = RunName | WorkflowName | RunsName | DashboardName | PlainName


def read_topic(topic: str) -> TopicName:
    """What a topic's name means.

    Raises:
        JupyterWorkflowsError: Nothing.
    """
    if len(topic) > MAX_NAME or not is_text(topic):
        raise UnknownTopic(f"a topic's name is text of at most {MAX_NAME} characters, not {one_line(topic, 80)!r}")
    if topic in ("inbox", "status"):
        return PlainName(topic)
    if topic.startswith(DASHBOARD):
        question_of(topic)
        return DashboardName(topic)
    kind, colon, rest = topic.partition(":")
    first, slash, second = rest.partition("/") if kind == "workflow" else rest.rpartition("/")
    if kind == "run" and colon and slash and first:
        return RunName(first, second)
    if kind == "workflow" and colon and slash and second and (not first or first.isalnum()):
        return WorkflowName(first, second)
    kind, mark, query = topic.partition("?")
    if kind == "runs":
        return read_filters(query if mark else "")
    raise UnknownTopic(
        f"there is no topic {one_line(topic, 80)!r}: follow `run:<workflow id>/<run id>`, `inbox`, `runs`, "
        "`dashboard?<filter>`, `workflow:<digest>/<name>` or `status`"
    )


def is_text(value: str) -> bool:
    """Whether a text can be sent: no lone surrogates, no NUL."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def read_filters(query: str) -> RunsName:
    """The filters of a list of runs.

    Raises:
        UnknownTopic: One is unknown, or has a value that makes no sense.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError:
        raise UnknownTopic(f"{one_line(query, 80)!r} is no query string of filters") from None
    given: dict[str, str] = {}
    statuses: list[str] = []
    for name, value in pairs:
        if name not in FILTERS or (name in given and name != "status"):
            raise UnknownTopic(f"runs can't be filtered by {one_line(name, 40)!r} here: use {', '.join(FILTERS)}, once")
        given[name] = value
        if name == "status":
            statuses.append(value)
    return filters_of(given, statuses)


def filters_of(given: dict[str, str], statuses: list[str]) -> RunsName:
    """The filters that were given.

    Raises:
        UnknownTopic: One has a value that makes no sense.
    """
    for status in statuses:
        if status not in QUERY_STATUS:
            raise UnknownTopic(f"{one_line(status, 40)!r} is no status of a run: use one of {', '.join(QUERY_STATUS)}")
    limit = given.get("limit", str(RUNS))
    if not (limit.isascii() and limit.isdigit() and 0 < int(limit) <= MAX_RUNS):
        raise UnknownTopic(f"limit={one_line(limit, 40)} is no number from 1 to {MAX_RUNS}")
    wanted = Filter(
        workflow=given.get("workflow"),
        status=tuple(statuses) or None,
        since=since_of(given["since"]) if "since" in given else None,
        notebook=given.get("notebook"),
    )
    return RunsName(wanted, int(limit))


def since_of(text: str) -> datetime:
    """The time that `since` names; UTC where it names no zone.

    Raises:
        UnknownTopic: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UnknownTopic(
            f"since={one_line(text, 40)!r} is no time: write it as 2026-11-22T10:00:00Z (a + as %2B)"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
