"""What captured values need, read from their pickles."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.export.captures import needed_distributions, roots
from jupyter_workflows.export.project import Project

from ..notebook.conftest import PRELUDE, Notebook


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_modules_are_read_without_opening_the_pickle(protocol: int):
    value = [np.array([1.5]), np.float64(2), OrderedDict(numpy="pandas"), "pandas.core"]
    found = set(roots(pickle.dumps(value, protocol=protocol)))
    assert found - {"_codecs"} == {"numpy", "collections"}
    assert list(needed_distributions({"model": pickle.dumps(value)})) == ["numpy"]


def test_a_class_of_a_module_that_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "beside_it.py").write_text("class Model:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import beside_it  # pyright: ignore[reportMissingImports]

    with pytest.raises(ExportFailed, match="model needs the module beside_it"):
        needed_distributions({"model": pickle.dumps(beside_it.Model())})


def test_a_damaged_pickle_is_refused():
    with pytest.raises(ExportFailed, match="can't be read"):
        needed_distributions({"model": b"\x80\x05nothing"})


def test_the_package_depends_on_what_captured_values_come_from(tmp_path: Path):
    notebook = Notebook(tmp_path)
    notebook.run(PRELUDE)
    notebook.run("import numpy as np\nmodel = np.array([1, 2, 3])")
    notebook.run("@workflow\nasync def flow(n: int) -> int:\n    return len(model) + n")
    made = Project("counting", notebook.bundle("flow", capture=("model",)))
    assert "numpy" not in made.bundle.manifest.distributions
    assert '"numpy>=' in made.pyproject()
