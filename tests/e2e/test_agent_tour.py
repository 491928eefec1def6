"""The tour of agents in JupyterLab: real tokens of the model on this machine, while it writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from jupyter_workflows.ai.servers import LOCAL_PACKAGES, local_is_installed

from ..conftest import temporary_home
from .lab import Notebook, jupyter_lab

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not local_is_installed(), reason=f"needs {' and '.join(LOCAL_PACKAGES)}"),
]

TOUR = Path(__file__).parents[2] / "notebooks" / "02_agents.ipynb"
ALL = 'PACKAGES = ["fqdn", "numpy", "certifi"]'
# The lengths that the text of a step had in the page, one after the other.
WATCH = """() => {
    window.lengths = [];
    const look = () => {
        const length = document.querySelector(".jwl-tokens .jwl-markdown")?.textContent.length ?? 0;
        if (length && length !== window.lengths.at(-1)) window.lengths.push(length);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
}"""
GREW = "many => window.lengths.filter((each, at) => at && each > window.lengths[at - 1]).length >= many"


@pytest.fixture
def tour(browser: object, page: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """The tour about one package, in a JupyterLab and a runtime of its own that know no key."""
    for name in [name for name in os.environ if name.startswith(("MISTRAL_", "JUPYTER_WORKFLOWS_MODEL"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    written = nbformat.read(TOUR, as_version=4)
    written.cells = [cell for cell in written.cells if cell.cell_type == "code"]
    (parameters,) = [cell for cell in written.cells if ALL in cell.source]
    parameters.source = parameters.source.replace(ALL, 'PACKAGES = ["fqdn"]')
    nbformat.write(written, folder / TOUR.name)
    with temporary_home(tmp_path / "home") as home, jupyter_lab(home.data, folder) as address:
        opened = Notebook(page, address, folder / TOUR.name)
        yield opened
        opened.shut_down()


def test_the_tokens_of_the_model_on_this_machine_are_seen_growing(tour: Notebook):
    sources = [cell.source for cell in nbformat.read(tour.path, as_version=4).cells]
    start = next(index for index, source in enumerate(sources) if "obligations.start(" in source)
    tour.page.evaluate(WATCH)
    for index in range(start + 1):
        tour.run(index, seconds=180)
    tour.page.wait_for_function(GREW, arg=5, timeout=180_000)
    tour.view(start).locator(".jwl-tokens pre", has_text="find_clauses").first.wait_for()
