"""Runs in notebooks of a JupyterLab with our extension: live from the Jupyter server, whatever the kernel does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .lab import Notebook
from .test_notebook import begin

pytestmark = pytest.mark.timeout(600)


def test_a_run_is_live(notebook: Callable[..., Notebook]):
    opened = begin(notebook)
    view = opened.view(3)
    view.get_by_role("button", name="Approve").click(timeout=120_000)
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
