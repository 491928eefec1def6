"""Notebooks of durable cells, each in a folder of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_workflows.local.runtime import Runtime

from .notebooks import Notebook

Open = Callable[..., Notebook]


@pytest.fixture
def open_notebook(runtime: Runtime, tmp_path: Path) -> Iterator[Open]:
    """Opens the test's notebook in a new kernel; all kernels are ended with the test."""
    with contextlib.ExitStack() as kernels:

        def opened(path: str = "notebook.ipynb", folder: Path = tmp_path) -> Notebook:
            notebook = Notebook(runtime.home.data, folder, path)
            kernels.callback(notebook.close)
            return notebook

        yield opened
