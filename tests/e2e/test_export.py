"""A workflow is exported by hand in JupyterLab: from its card, the toolbar and the palette, without the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Notebook, execute
from .test_output import SLOW
from .test_toolbars import LOAD, STEP, WORKFLOW

pytestmark = pytest.mark.timeout(600)

DIALOG = ".jp-Dialog"


def export(page: Any, path: str, **choices: str) -> None:
    """Fills the dialog in."""
    dialog = page.locator(DIALOG)
    dialog.locator("input[name=path]").fill(path)
    dialog.locator("input[name=runs]").uncheck()
    for name, value in choices.items():
        dialog.locator(f"select[name={name}]").select_option(label=value)
    dialog.get_by_role("button", name="Export").click()
    dialog.wait_for(state="detached")


def test_a_workflow_is_exported_by_hand(notebook: Callable[..., Notebook]):
    opened = notebook(LOAD, STEP, WORKFLOW)
    page, folder = opened.page, opened.path.parent
    for index in range(3):
        opened.run(index)
    opened.save()
    opened.shut_down()
    package = folder / "halving-package"

    card = opened.view(2)
    card.get_by_role("button", name="Export…").click()
    assert page.locator(DIALOG).locator("input[name=path]").input_value().endswith("halving")
    export(page, "halving-package")
    told(page, "halving is in halving-package. Files: ")
    assert (package / "src" / "halving" / "bundle" / "workflows.py").is_file()

    (package / "README.md").write_text("mine")
    page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='jupyter-workflows-export']").click()
    page.locator(DIALOG).locator("select[name=name]").select_option(label="halving")
    export(page, "halving-package")
    told(page, "1 kept as you changed them")
    assert (package / "README.md").read_text() == "mine"

    execute(page, "jupyter-workflows:export", name="halving")
    export(page, "../elsewhere")
    told(page, "halving was not exported: '../elsewhere' is no directory here")
    assert not (folder.parent / "elsewhere").exists()

    execute(page, "jupyter-workflows:export", name="halving")
    export(page, "halving-mistral", target="Mistral's workflow SDK")
    told(page, "halving is in halving-mistral. Files: ")
    assert "mistralai-workflows" in Path(folder, "halving-mistral", "pyproject.toml").read_text()


def told(page: Any, text: str) -> None:
    """What was told, in the centre of notifications."""
    execute(page, "apputils:display-notifications")
    page.locator(".jp-Notification-Center").get_by_text(text).wait_for(timeout=SLOW)
    page.keyboard.press("Escape")
