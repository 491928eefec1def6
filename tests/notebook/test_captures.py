"""Values captured on purpose."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_workflows.errors import ClosureError


def test_captured_value_is_in_the_bundle_by_its_content(notebook):
    notebook.run("import numpy as np\nmodel = np.array([1, 2, 3])")
    notebook.run(
        "async def score(n: int) -> int:\n    return int(model.sum()) + n\n"
        "@workflow\nasync def flow(n: int) -> int:\n    return await score(n)\n"
    )
    bundle = notebook.bundle(capture=("model",))
    assert asyncio.run(notebook.load(capture=("model",)).flow.fn(3)) == 9
    assert [warning.code for warning in bundle.manifest.warnings] == ["JW604"]
    digest = bundle.manifest.captured["model"]
    assert (bundle.path / "captured" / f"{digest}.pickle").exists()
    notebook.run("model = np.array([1, 2, 4])")
    assert notebook.bundle(capture=("model",)).digest != bundle.digest


def test_changed_pickle_is_not_loaded(notebook):
    notebook.run("model = [1]\nmodel.append(2)\n@workflow\nasync def flow(n: int) -> int:\n    return len(model)\n")
    bundle = notebook.bundle(capture=("model",))
    next((bundle.path / "captured").glob("*.pickle")).write_bytes(b"\x80\x05]\x94.")
    with pytest.raises(ValueError, match="was changed after it was captured"):
        notebook.load(capture=("model",))


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ("model = (n for n in range(3))", "JW602"),
        ("class Model:\n    pass\nmodel = Model()", "JW603"),
        ("class Model:\n    pass\nmodel = [{'a': Model()}]", "JW603"),
        ("import threading\nmodel = threading.Lock()", "JW602"),
    ],
)
def test_value_that_no_worker_could_read_back_is_refused(notebook, definition: str, code: str):
    # Pickling asks the module a class says it is from; in a kernel that is `__main__`.
    import sys

    notebook.run(definition)
    notebook.run("@workflow\nasync def flow(n: int) -> bool:\n    return model is None\n")
    main = sys.modules["__main__"]
    kept = getattr(main, "Model", None)
    main.Model = notebook.namespace.get("Model")
    try:
        with pytest.raises(ClosureError) as caught:
            notebook.resolve(capture=("model",))
    finally:
        main.Model = kept
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]


def test_capture_of_what_is_not_there_or_not_needed_is_said(notebook):
    notebook.run("other = 3\n@workflow\nasync def flow(n: int) -> int:\n    return n\n")
    assert [found.code for found in notebook.lint(capture=("other", "nothing"))] == ["JW605", "JW606"]
