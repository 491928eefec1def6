"""A notebook with durable cells, run again by a kernel that was started anew."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..conftest import temporary_home
from .lab import Notebook, jupyter_lab, write_notebook

CELLS = (
    "%load_ext jupyter_workflows",
    """%%durable
import time
orders = {"ada": 10.0, "grace": 25.5, "alan": 4.0}
time.sleep(3)  # a long query
print(len(orders), "orders")""",
    """%%durable totals
rate = 1.5
totals = {name: amount * rate for name, amount in orders.items()}
totals""",
)


def durable_cells(browser: Any) -> bytes:
    """The notebook after the kernel was restarted and all cells were run again."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "notebooks"
        folder.mkdir()
        path = write_notebook(folder / "orders.ipynb", CELLS)
        with temporary_home(Path(place) / "home") as home, jupyter_lab(home.data, folder) as address:
            context = browser.new_context(viewport={"width": 1000, "height": 700})
            notebook = Notebook(context.new_page(), address, path)
            for restarted in (False, True):
                if restarted:
                    notebook.restart_kernel()
                for index in range(len(CELLS)):
                    notebook.run(index)
            notebook.page.get_by_text("restored").nth(1).wait_for()
            notebook.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
            notebook.page.wait_for_timeout(1_000)
            picture = notebook.page.locator(".jp-Notebook .jp-WindowedPanel-viewport").first.screenshot()
            notebook.shut_down()
            context.close()
    return picture
