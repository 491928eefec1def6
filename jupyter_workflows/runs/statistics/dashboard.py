"""What `dashboard()` gives: how runs do, to look at, to compute with and to take along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...connection import loop_thread
from ...schema import dashboards
from ..access import RunAccess
from ..viewing import Viewable
from .collecting import Question, Statistics

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

HTML_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>How runs do</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "</head><body>"
)


class RunDashboard(Viewable):
    """How runs do, as they were looked at; displayed, it is live where the host can show that.

    Args:
        statistics: What was asked, and what answers it again.
        data: The figures.
    """

    def __init__(self, statistics: Statistics, data: dashboards.Dashboard) -> None:
        self.statistics = statistics
        self.data = data

    @property
    def access(self) -> RunAccess:
        """What it was read with."""
        return self.statistics.access

    def refresh(self) -> RunDashboard:
        """Looks again; only what is new is asked for.

        Raises:
            ConnectionFailed: The server is out of reach.
        """
        self.data = loop_thread().run(self.statistics.look())
        return self

    @property
    def recovery_rate(self) -> float | None:
        """Runs that met a failure and completed, of those that met one: 0 to 1, None where none did."""
        return self.data.recovery.rate

    @property
    def figures(self) -> dict[str, go.Figure]:
        """Plotly figures: `runs`, `recovery`, `causes`, `time`, `durations`, `reviewers`.

        Raises:
            JupyterWorkflowsError: plotly is not installed.
        """
        from .plots import figures

        return figures(self.data)

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Tables: `periods`, `workflows`, `steps`, `time`, `causes`, `reviewers`, `waiting`.

        Raises:
            JupyterWorkflowsError: pandas is not installed.
        """
        from .plots import frames

        return frames(self.data)

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Writes each table as a CSV file into a folder, and gives the files; no library is needed.

        Raises:
            OSError: The folder can't be written.
        """
        from .tables import write_csv

        return write_csv(self.data, Path(folder))

    def png(self, path: str | Path, *, scale: float = 2.0) -> Path:
        """Writes the picture as a PNG file of 1,000 pixels width times `scale`; needs neither browser nor network.

        Raises:
            JupyterWorkflowsError: resvg is not installed; says what installs it.
            OSError: The file can't be written.
        """
        from .pictures import write_png

        return write_png(self.data, Path(path), scale=scale)

    def svg(self, path: str | Path) -> Path:
        """Writes the picture as an SVG file.

        Raises:
            OSError: The file can't be written.
        """
        from .pictures import svg_of

        target = Path(path)
        target.write_text(svg_of(self.data), encoding="utf-8")
        return target

    def html(self, path: str | Path) -> Path:
        """Writes the dashboard as one HTML file without script or links.

        Raises:
            OSError: The file can't be written.
        """
        from .pictures import html_of

        target = Path(path)
        target.write_text(f"{HTML_HEAD}{html_of(self.data)}</body></html>", encoding="utf-8")
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        from .pictures import html_of, text_of

        return {"text/plain": text_of(self.data), "text/html": html_of(self.data)}

    def __repr__(self) -> str:
        from .pictures import text_of

        return text_of(self.data)


def dashboard(access: RunAccess, question: Question) -> RunDashboard:
    """Looks once.

    Raises:
        JupyterWorkflowsError: A filter makes no sense.
        ConnectionFailed: The server is out of reach.
    """
    statistics = Statistics(access, question)
    return RunDashboard(statistics, loop_thread().run(statistics.look()))
