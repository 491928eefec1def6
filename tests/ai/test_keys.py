"""A key is nowhere but in the environment: not in notebook, bundle, history, logs, errors or an exported package."""

from __future__ import annotations

from pathlib import Path

import nbformat

from chaos.rows.secrets import ASKED, CELLS, RAISES, files_with, script, spellings
from jupyter_workflows.local.paths import Home
from jupyter_workflows.testing import ModelServer
from tests.kernels import errors, printed, run_cells


def test_a_key_is_in_none_of_the_artefacts(own_home: Home, models: ModelServer, tmp_path: Path) -> None:
    script(models)
    cells = [*CELLS[:4], f"{CELLS[4]}\n%workflow export talk package --no-prove", *CELLS[5:]]
    notebook = run_cells(cells, home=own_home.data, folder=tmp_path, may_raise=[RAISES])
    assert errors(notebook) == {RAISES: "ModelCallFailed"}
    said = printed(notebook.cells[3])
    assert "['Paris', 'FRANCE'," in said
    assert "Incorrect API key: [redacted]" in said
    assert "the key is [redacted]" in said
    assert f"('ai.parse-1', '{ASKED}')" in printed(notebook.cells[4])
    assert models.count == 4
    (tmp_path / "notebook.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    assert files_with(own_home.data, ASKED) != [], "the search would find what is there"
    assert files_with(tmp_path / "package" / "tests" / "histories", ASKED) != [], "the run was recorded"
    assert files_with(own_home.data, models.key) == []
    assert files_with(tmp_path, models.key) == []


def test_a_key_is_found_however_it_is_written(tmp_path: Path) -> None:
    for number, spelling in enumerate(spellings("key-+/=ÿ-0123456789")):
        (tmp_path / str(number)).write_bytes(b"before" + spelling + b"after")
    assert len(files_with(tmp_path, "key-+/=ÿ-0123456789")) == 5
    assert files_with(tmp_path, "key-of-another") == []
