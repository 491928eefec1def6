"""Displays runs, lists and workflows in a notebook, live; static HTML stays in the file for everyone else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakValueDictionary

from ..connection import loop_thread
from ..errors import JupyterWorkflowsError
from ..live.dashboards import DashboardTopic, topic_of
from ..live.feed import run_topic
from ..live.messages import WorkflowState
from ..live.topics import InboxTopic, RunsTopic, RunTopic, WorkflowTopic
from ..runs.access import RunAccess
from ..runs.handle import LOOK_SECONDS, RUN_MIME, Run
from ..runs.lists import Inbox, ListSource, RunList
from ..runs.reading import RunReader, Snapshot
from ..runs.static_html import render_run
from ..runs.statistics.dashboard import RunDashboard
from ..runs.text import run_text
from ..security.identity import local_user
from .host import LiveView, is_built

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

# A run that is shown twice is followed once: each widget is a model that a page may show often.
_views: WeakValueDictionary[tuple[str, str, str], LiveView] = WeakValueDictionary()


def view(shown: object) -> bool:
    """Displays a run, a list of runs, the inbox or a dashboard live; whether it could."""
    if not is_built():
        return False
    try:
        if isinstance(shown, Run):
            show_run(cast("Run[Any]", shown))
        elif isinstance(shown, RunList):
            show_list(shown, runs_view(shown))
        elif isinstance(shown, Inbox):
            show_list(shown, inbox_view(shown))
        elif isinstance(shown, RunDashboard):
            show_list(shown, dashboard_view(shown))
        else:
            return False
    except (JupyterWorkflowsError, TimeoutError):
        # The static display says what is wrong.
        return False
    return True


def show_run(run: Run[Any]) -> None:
    """Displays a run; when it has ended, the static picture in the notebook's file becomes the final one."""
    snapshot = loop_thread().run(run.reader.snapshot(), timeout=LOOK_SECONDS)
    widget = run_view(run.access, snapshot)
    display_id = f"jupyter-workflows-{secrets.token_hex(8)}"
    publish(run_bundle(run.access, snapshot, widget), display_id)
    if snapshot.run.closed_at is None:
        loop_thread().submit(refresh_at_end(run, widget, display_id))


def run_view(access: RunAccess, snapshot: Snapshot) -> LiveView:
    """The widget of a run."""
    run = snapshot.run
    key = (access.address, run.id, run.run_id)
    found = _views.get(key)
    if found is None or found.comm is None:
        found = LiveView("run", run_topic(run.id, run.run_id), access)
        found.desk.add_run(run.id, run.run_id)
        _views[key] = found
        loop_thread().submit(begin(found, snapshot))
    return found


async def begin(widget: LiveView, snapshot: Snapshot) -> None:
    """Gives the views what is known already, so that they need not wait for a first look."""
    topic = widget.desk.topics[widget.topic]
    if isinstance(topic, RunTopic) and topic.feed.snapshot is None:
        topic.take(snapshot)
        await topic.followed(topic.feed.number)


def run_bundle(access: RunAccess, snapshot: Snapshot, widget: LiveView) -> dict[str, Any]:
    """A run in every form a notebook may show: ids for our own extension, the widget, static HTML, text."""
    run = snapshot.run
    return {
        "text/plain": run_text(snapshot),
        "text/html": render_run(snapshot),
        RUN_MIME: {"id": run.id, "run_id": run.run_id, "namespace": access.client.namespace},
        WIDGET_MIME: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
    }


async def refresh_at_end(run: Run[Any], widget: LiveView, display_id: str) -> None:
    """Waits for the run's end, and updates the display once: each update draws the view anew."""
    try:
        reader = RunReader(run.access, run.id, run.reader.run_id, pinned=run.reader.pinned)
        await reader.ending()
        snapshot = await reader.snapshot()
    except JupyterWorkflowsError:
        return
    publish(run_bundle(run.access, snapshot, widget), display_id, update=True)


def publish(bundle: dict[str, Any], display_id: str, *, update: bool = False) -> None:
    """Displays a bundle, or replaces one that was displayed; from any thread it lands where it was displayed."""
    from IPython.display import publish_display_data  # pyright: ignore[reportUnknownVariableType]

    publish_display_data(bundle, transient={"display_id": display_id}, update=update)


def show_list(shown: RunList | Inbox | RunDashboard, widget: LiveView) -> None:
    """Displays a list with its static picture."""
    bundle = shown._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    bundle[WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    publish(bundle, f"jupyter-workflows-{secrets.token_hex(8)}")


def inbox_view(inbox: Inbox) -> LiveView:
    """The widget of the inbox.

    Raises:
        JupyterWorkflowsError: The list does not know where it came from.
    """
    source = source_of(inbox)
    widget = LiveView("inbox", "inbox", source.access)
    widget.desk.add(
        InboxTopic(source.access, widget.tell, reviewer=local_user(), assignee=source.assignee, limit=source.limit)
    )
    return kept(widget)


def runs_view(runs: RunList) -> LiveView:
    """The widget of a list of runs.

    Raises:
        JupyterWorkflowsError: The list does not know where it came from.
    """
    source = source_of(runs)
    widget = LiveView("runs", "runs", source.access)
    widget.desk.add(RunsTopic(source.access, widget.tell, wanted=source.wanted, limit=source.limit))
    return kept(widget)


def dashboard_view(dashboard: RunDashboard) -> LiveView:
    """The widget of a dashboard; it goes on from what is known."""
    question = dashboard.statistics.question
    widget = LiveView("dashboard", topic_of(question), dashboard.access)
    topic = DashboardTopic(dashboard.access, widget.tell, widget.topic)
    topic.statistics, topic.known, topic.number = dashboard.statistics, dashboard.data, topic.number + 1
    widget.desk.add(topic)
    return kept(widget)


def source_of(shown: RunList | Inbox) -> ListSource:
    """Where a list came from.

    Raises:
        JupyterWorkflowsError: It was made by hand.
    """
    if shown.source is None:
        raise JupyterWorkflowsError("this list was not read from a server")
    return shown.source


def workflow_view(access: RunAccess, card: WorkflowState, start: Callable[[dict[str, Any]], Run[Any]]) -> LiveView:
    """The widget of a workflow's card; it starts runs with arguments by name."""
    widget = LiveView("workflow", card.topic, access, lambda asked: start(asked.arguments))
    widget.desk.add(WorkflowTopic(widget.tell, card))
    return kept(widget)


_kept: list[LiveView] = []
KEPT = 40


def kept(widget: LiveView) -> LiveView:
    """The widget, which lives while it may be looked at; of very many the oldest end."""
    _kept.append(widget)
    while len(_kept) > KEPT:
        _kept.pop(0).close()
    return widget
