"""A package made from a few cells, without a server: what is written can be looked at at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jupyter_workflows.export.project import Project
from jupyter_workflows.export.writing import Changes, write_package

from ..notebook.conftest import PRELUDE, Notebook

CELLS = """
@activity
def fetch(page: int) -> str:
    return f"page {page}"
# ---
@workflow
async def flow(page: int) -> str:
    "Fetches a page."
    return await fetch(page)
"""


def project(folder: Path, cells: str = CELLS, *, name: str = "page-fetcher", **parts: Mapping[str, str]) -> Project:
    notebook = Notebook(folder)
    notebook.run(PRELUDE)
    notebook.run_all(cells)
    return Project(name, notebook.bundle("flow"), tests=parts.get("tests", {}))


def write(root: Path, made: Project, changed: Mapping[str, str | None] | None = None) -> Changes:
    """Writes a package; `changed` are texts that the generator would write otherwise, None for a file less."""
    files = made.files()
    for path, text in (changed or {}).items():
        files.pop(path, None)
        if text is not None:
            files[path] = text.encode()
    return write_package(root, made.name, files, {"build": made.build})
