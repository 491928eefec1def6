"""A dashboard in a real notebook, fed by the kernel through anywidget: it is there, and it goes on looking."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .lab import Notebook

pytestmark = pytest.mark.timeout(300)

LOAD = "%load_ext jupyter_workflows\nfrom jupyter_workflows import dashboard, workflow"
STEP = "async def halve(number: int) -> float:\n    return 10 / number"
WORKFLOW = "%%workflow\nasync def halves(number: int) -> float:\n    return await halve(number)"
RUN = "halves.start(2).result(timeout=120)"
SHOW = "dashboard('halves')"


def test_a_dashboard_is_shown_and_takes_in_new_runs(bare_notebook: Callable[..., Notebook]):
    opened = bare_notebook(LOAD, STEP, WORKFLOW, RUN, SHOW, RUN)
    for index in range(5):
        opened.run(index)
    view = opened.view(4)
    view.get_by_text("None of 1 closed run failed.").wait_for(timeout=60_000)
    opened.run(5)
    view.get_by_text("None of 2 closed runs failed.").wait_for(timeout=60_000)
    view.get_by_label("Status").select_option("failed")
    view.get_by_text("No run has ended yet.").wait_for(timeout=60_000)
