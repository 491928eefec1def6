"""Cells run in a real kernel, with a runtime home, folders and settings of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient

CELL_SECONDS = 120
FOLDERS = {
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTER_CONFIG_DIR": "config",
    "IPYTHONDIR": "ipython",
}


def kernel_environment(home: Path, folder: Path) -> dict[str, str]:
    """The environment of a kernel that touches nothing outside of `home` and `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    for name, place in FOLDERS.items():
        path = folder / ".jupyter" / place
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment[name] = str(path)
    return environment | {
        "JUPYTER_WORKFLOWS_HOME": str(home),
        "JUPYTER_WORKFLOWS_HEADLESS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def run_cells(
    cells: Sequence[str], *, home: Path, folder: Path, may_raise: Sequence[int] = ()
) -> nbformat.NotebookNode:
    """Runs the cells one after the other and gives the executed notebook.

    Args:
        cells: Their sources.
        home: The home of the embedded runtime.
        folder: The working directory.
        may_raise: Indexes of cells whose exception is part of the outcome.

    Raises:
        CellExecutionError: Another cell raised.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    for index in may_raise:
        notebook.cells[index].metadata["tags"] = ["raises-exception"]
    environment = kernel_environment(home, folder)
    for attempts_left in (2, 1, 0):
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,
        )
        try:
            client.execute(env=environment)
        except RuntimeError as error:
            # Two kernels that start at once may be given one port; the second to bind it dies.
            if not attempts_left or "Kernel died before replying" not in str(error):
                raise
        else:
            break
    return notebook


def errors(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """Index of each cell that raised, and the exception's name."""
    return {
        index: output.ename
        for index, cell in enumerate(notebook.cells)
        for output in cell.outputs
        if output.output_type == "error"
    }


def printed(cell: nbformat.NotebookNode) -> str:
    """What a cell wrote to its standard output."""
    return "".join(item.text for item in cell.outputs if item.output_type == "stream" and item.name == "stdout")
