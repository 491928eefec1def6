"""Dashboards that are looked at: the topic `dashboard?<filter>`, looked up again while somebody looks.

The filter is a URL's query: `workflow`, `notebook`, `status` (may be given more than once), `since` (seconds back from
now) and `target` (the recovery rate that is aimed at, 0 to 1).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from urllib.parse import parse_qs, urlencode

from ..errors import JupyterWorkflowsError
from ..runs.access import RunAccess
from ..runs.listing import Filter
from ..runs.statistics import TARGET
from ..runs.statistics.collecting import Question, Statistics
from ..schema import RunStatus
from ..schema.dashboards import Dashboard
from .messages import DashboardState
from .topics import PolledTopic, Tell

PREFIX = "dashboard?"
LONGEST_TOPIC = 2_000
KNOWN = ("workflow", "notebook", "status", "since", "target")
# A first look shows what is known within this time; the next ones add what is missing.
PATIENCE = timedelta(seconds=2)
LOOK_SECONDS = 5.0


def topic_of(question: Question) -> str:
    """The topic of a question; a fixed moment becomes the time since then."""
    wanted = question.wanted
    status = [wanted.status] if isinstance(wanted.status, str) else list(wanted.status or ())
    since = datetime.now(UTC) - wanted.since if isinstance(wanted.since, datetime) else wanted.since
    pairs = [("workflow", wanted.workflow), ("notebook", wanted.notebook), *(("status", word) for word in status)]
    pairs.append(("since", f"{max(0.0, since.total_seconds()):.15g}" if since is not None else None))
    pairs.append(("target", f"{question.target:g}" if question.target != TARGET else None))
    return PREFIX + urlencode([(name, value) for name, value in pairs if value is not None])


def question_of(topic: str) -> Question:
    """What a topic asks.

    Raises:
        JupyterWorkflowsError: It is no dashboard, or its filter makes no sense.
    """
    if not topic.startswith(PREFIX) or len(topic) > LONGEST_TOPIC:
        raise JupyterWorkflowsError(f"{topic[:80]!r} is no dashboard")
    try:
        given = parse_qs(topic.removeprefix(PREFIX), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise JupyterWorkflowsError(f"{topic[:80]!r} is no dashboard: {error}") from None
    unknown = [name for name in given if name not in KNOWN]
    if unknown:
        raise JupyterWorkflowsError(f"a dashboard has no filter {unknown[0][:80]!r}: there are {', '.join(KNOWN)}")
    since, target = number_of(given, "since"), number_of(given, "target")
    if target is not None and not 0 <= target <= 1:
        raise JupyterWorkflowsError(f"a recovery rate lies between 0 and 1, and target={target:g} does not")
    wanted = Filter(
        workflow=given.get("workflow", [None])[0],
        notebook=given.get("notebook", [None])[0],
        status=statuses(given.get("status")),
        since=timedelta(seconds=since) if since is not None else None,
    )
    return Question(wanted=wanted, target=TARGET if target is None else target, patience=PATIENCE)


def number_of(given: dict[str, list[str]], name: str) -> float | None:
    """A number of the filter.

    Raises:
        JupyterWorkflowsError: It is none, or none that makes sense.
    """
    if name not in given:
        return None
    text = given[name][0]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e10:
        raise JupyterWorkflowsError(f"{name}={text[:40]!r} of a dashboard is no number that makes sense")
    return number


def statuses(words: list[str] | None) -> list[str] | None:
    """The states of the filter.

    Raises:
        JupyterWorkflowsError: One is unknown.
    """
    known = get_args(RunStatus)
    for word in words or ():
        if word not in known:
            raise JupyterWorkflowsError(f"{word[:40]!r} is no status of a run: use one of {', '.join(known)}")
    return words


class DashboardTopic(PolledTopic):
    """How runs do.

    Args:
        access: What is asked.
        tell: Sends a message to the views.
        topic: `dashboard?<filter>`.

    Raises:
        JupyterWorkflowsError: The filter makes no sense.
    """

    poll_seconds = LOOK_SECONDS

    def __init__(self, access: RunAccess, tell: Tell, topic: str, *, began: int = 0) -> None:
        super().__init__(topic, tell, began=began)
        self.statistics = Statistics(access, question_of(topic))

    async def look(self) -> Dashboard:
        """How they do now."""
        return await self.statistics.look()

    def is_news(self, found: Dashboard) -> bool:
        """Whether anything but the moment of looking has changed."""
        known: Dashboard | None = self.known
        return known is None or still(found) != still(known)

    def state(self) -> DashboardState:
        """All of it."""
        return DashboardState(topic=self.topic, number=self.number, dashboard=self.known)


def still(dashboard: Dashboard) -> Dashboard:
    """A dashboard without what changes with every look."""
    basis = dashboard.basis.model_copy(update={"seconds": 0.0, "read": 0})
    return dashboard.model_copy(update={"at": None, "basis": basis})
