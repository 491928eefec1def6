"""Lists of runs and of approvals, as tables that can be shown, live where a viewer is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .. import schema
from .access import RunAccess
from .handle import Run
from .listing import Filter
from .text import inbox_text, runs_text
from .viewing import Viewable

if TYPE_CHECKING:
    import pandas as pd

# What a page with our extension looks up itself, see `labextension/src/lab/topics.ts`.
RUNS_MIME = "application/vnd.jupyter-workflows.runs+json"
INBOX_MIME = "application/vnd.jupyter-workflows.inbox+json"
LARGEST_LIVE_LIST = 1_000


@dataclass(frozen=True)
class ListSource:
    """Where a list came from, so that a view can look again.

    Args:
        access: What it was read with.
        limit: At most so many.
        wanted: What a list of runs is filtered by.
        assignee: The reviewer of an inbox.
    """

    access: RunAccess
    limit: int
    wanted: Filter = field(default_factory=Filter)
    assignee: str | None = None

    def where(self) -> dict[str, str]:
        """The server it was read from, by which a page tells whether it can look there itself."""
        return {"address": self.access.address, "namespace": self.access.client.namespace}

    def query(self) -> str | None:
        """A list's filters as the topic `runs?<query>` of a Jupyter server has them; None where it has no word."""
        wanted = self.wanted
        if wanted.bundle is not None or isinstance(wanted.since, timedelta) or self.limit > LARGEST_LIVE_LIST:
            return None
        statuses = [wanted.status] if isinstance(wanted.status, str) else list(wanted.status or ())
        given = [
            ("workflow", wanted.workflow),
            *(("status", status) for status in statuses),
            ("notebook", wanted.notebook),
            ("since", wanted.since.isoformat() if wanted.since else None),
            ("limit", str(self.limit)),
        ]
        return urlencode([(name, value) for name, value in given if value])


class RunList(Viewable, list[Run[Any]]):
    """Runs as a table; `records` holds them as the server listed them."""

    def __init__(
        self, runs: Iterable[Run[Any]], records: Sequence[schema.Run], source: ListSource | None = None
    ) -> None:
        super().__init__(runs)
        self.records = list(records)
        self.source = source

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        from .static_html import render_runs

        bundle: dict[str, Any] = {"text/plain": runs_text(self.records), "text/html": render_runs(self.records)}
        if self.source and (query := self.source.query()) is not None:
            bundle[RUNS_MIME] = {"query": query} | self.source.where()
        return bundle

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython prints a subclass of list as a list, whatever the bundle above says.
        del cycle
        printer.text(runs_text(self.records))

    def to_pandas(self) -> pd.DataFrame:
        """The runs as a table, one row each; needs pandas."""
        from .views import runs_frame

        return runs_frame(self.records)


class Inbox(Viewable, list[schema.Approval]):
    """Approvals that wait, as a table; decide one by `get_run(approval.workflow_id).approve(approval)`."""

    def __init__(self, approvals: Iterable[schema.Approval], source: ListSource | None = None) -> None:
        super().__init__(approvals)
        self.source = source

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        from .static_html import render_inbox

        bundle: dict[str, Any] = {"text/plain": inbox_text(self), "text/html": render_inbox(self)}
        if self.source and self.source.assignee is None:
            bundle[INBOX_MIME] = self.source.where()
        return bundle

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        del cycle
        printer.text(inbox_text(self))
