"""A workflow is exported by REST, among the server's files, without a kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.server.exports import place

from .pages import Server


def export(server: Server, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
    reply = server.post("api/workflows/many/export", {"path": path, "runs": 0, **more})
    assert reply.status == status, reply.body
    return reply.json


def test_a_workflow_is_exported_again_and_again(server: Server):
    done = export(server, "packages/many", package="counting")
    root = server.folder / "packages" / "many"
    assert (done["name"], done["path"], done["holds"], done["proof"]) == ("counting", "packages/many", True, None)
    assert "src/counting/bundle/workflows.py" in done["written"]
    assert all((root / file).is_file() for file in done["written"])
    again = export(server, "packages/many", package="counting")
    assert [again[name] for name in ("written", "renewed", "removed", "kept", "conflicts")] == [[], [], [], [], []]

    readme = root / "README.md"
    lock = json.loads((root / ".export.json").read_text())
    lock["files"]["README.md"] = "0" * 64
    (root / ".export.json").write_text(json.dumps(lock))
    readme.write_text("mine")
    changed = export(server, "packages/many", package="counting")
    assert (changed["conflicts"], changed["holds"]) == (["README.md"], False)
    assert (readme.read_text(), (root / "README.md.new").exists()) == ("mine", True)
    assert export(server, "packages/many", 409, package="another")["error"]["code"] == "export-failed"


def test_tests_of_the_notebook_stay_where_its_cells_are_not_known(server: Server):
    export(server, "kept", package="counting")
    root = server.folder / "kept"
    test = root / "tests" / "test_notebook.py"
    test.write_text("def test_nothing(): ...\n")
    lock = json.loads((root / ".export.json").read_text())
    lock["files"]["tests/test_notebook.py"] = "0" * 64
    (root / ".export.json").write_text(json.dumps(lock))
    assert export(server, "kept", package="counting")["removed"] == []
    assert test.exists()
    assert json.loads((root / ".export.json").read_text()) == lock


def test_another_target_says_what_it_can_t_give(server: Server):
    assert export(server, "plain", target="temporal-plain")["holds"]
    reply = server.post("api/workflows/review/export", {"path": "plain-review", "target": "temporal-plain"})
    assert (reply.status, reply.json["error"]["code"]) == (409, "export-failed")
    assert "uses human_approval" in reply.json["error"]["message"]
    assert not (server.folder / "plain-review").exists()
    assert export(server, "plain", 400, target="elsewhere")["error"]["code"] == "bad-request"


LEADING_OUT = (
    "../x", "a/../../x", "/etc", "//x", "a//b", "a/", ".", "..", ".hidden", "a/.git", "a\\..\\b", "C:\\x", "C:x", "~",
    "a\x00b", "a\nb", " a", "link/x", "file/x",
)  # fmt: skip


@pytest.mark.parametrize("path", LEADING_OUT)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str):
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    (root / "file").touch()
    if path == "~":
        # A name like any other here: nothing is expanded.
        assert place(root, path) == root / "~"
        return
    with pytest.raises(ExportFailed):
        place(root, path)
    assert place(root, "inner/new") == root / "inner" / "new"


def test_a_path_that_leads_out_is_refused_by_rest(server: Server):
    for path in LEADING_OUT[:4]:
        assert export(server, path, 409)["error"]["code"] == "export-failed"
    assert export(server, "", 400)["error"]["code"] == "bad-request"
    assert not (server.folder.parent / "x").exists()
