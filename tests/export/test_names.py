"""Hostile names and paths: refused, or harmless wherever they stand."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.export.names import distribution_name, safe_path, slug
from jupyter_workflows.export.project import bundle_content
from jupyter_workflows.export.writing import write_package

from .small import CELLS, project, write

REFUSED_NAMES = [
    "", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~root", "a b", "a\tb", "a\nb", "a\0b",
    "-rf", "--help", "Upper", "a_b", "a--b", "a-", "1a", "a.b", "$(id)", "`id`", "a;id", "a|b", "a&b", "a>b", "{{x}}",
    "{%x%}", "@{name}", "${HOME}", "%s", "<script>", "a'b", 'a"b', "#a", "a:b", "é", "раура1", "ａｂｃ", "a\u200bb",
    "a\u202eb", "𝐚", "con", "nul", "com1", "lpt9", "import", "class", "match", "json", "asyncio", "test", "tests",
    "temporalio", "pydantic", "jupyter-workflows", "jupyter", "a" * 41,
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_package_name_is_refused(name: str):
    with pytest.raises(ExportFailed, match=r"a package can't be called .*--package") as caught:
        distribution_name(name, frozenset({"pydantic"}))
    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["contract-review", "a", "x1-2-3", "a" * 40])
def test_package_name_is_taken(name: str):
    assert distribution_name(name) == name


REFUSED_PATHS = [
    "", ".", "..", "../x", "a/../../x", "/etc/passwd", "//x", "a//b", "./a", "a/./b", "a/", "C:/x", "a\\..\\b", "~/x",
    "a\0b", "a\nb", "nul", "a/CON.py", "aux.txt", "com1", "a.", "a /b", "-x", "é.py", "a\u202ey.p", "ａ.py",
    "$(id)", "`id`", "{{x}}", "/".join("a" * 13), "a" * 129,
]  # fmt: skip


@pytest.mark.parametrize("path", REFUSED_PATHS, ids=ascii)
def test_path_in_a_package_is_refused_and_nothing_written(path: str, tmp_path: Path):
    with pytest.raises(ExportFailed, match="can't be a file of a package"):
        safe_path(path)
    with pytest.raises(ExportFailed, match="can't be a file of a package"):
        write_package(tmp_path / "inner" / "package", "page-fetcher", {"fine.txt": b"", path: b"x"}, {})
    assert list(tmp_path.iterdir()) == []


HOSTILE_TEXTS = [
    "../../etc/passwd", "/etc/cron.d/x", "$(touch owned)", "`touch owned`", "; touch owned #", "| touch owned",
    "a\nb: c\n- d",
    '"]\n[project.scripts]\nx = "os:system"', "'''", '"""', "\\", "{{ fail }}", "{%- raise %}", "@{name}", "${HOME}",
    "<script>alert(1)</script>", "[a](javascript:alert(1))", "![x](http://x/)", "| a | b |", "# x",
    "\u202egnp.exe", "раура1",
    "\x7f\x85\u2028", "\ufeffx", "-rf", "--help", "con", "%s %(x)s", "a\0b", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: ascii(text)[:40])
def test_workflow_may_have_any_name_and_description(text: str, tmp_path: Path):
    cells = CELLS.replace("@workflow", f"@workflow(name={text!a}, description={text!a})")
    (tmp_path / "cells").mkdir()
    made = project(tmp_path / "cells", cells)
    root = tmp_path / "package"
    write(root, made)
    written = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    plain = project_paths(tmp_path)
    assert written == plain
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert list(settings["project"]["scripts"].items()) == [("page-fetcher", "page_fetcher.__main__:run")]
    assert "\n" not in settings["project"]["description"]
    chart = yaml.safe_load((root / "chart" / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["name"] == "page-fetcher"
    for path in root.glob("src/page_fetcher/*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
    readme = (root / "README.md").read_text(encoding="utf-8")
    (start,) = [line for line in readme.splitlines() if line.startswith("page-fetcher start ")]
    assert len(shlex.split(start)) == 4
    assert json.loads(shlex.split(start)[3]) == {"page": "..."}
    words = re.sub(r"^```sh\n.*?^```$", "", readme, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in words
    assert "](javascript" not in words
    assert "](http://x/)" not in words


def project_paths(tmp_path: Path) -> set[str]:
    plain = tmp_path / "plain"
    (plain / "cells").mkdir(parents=True)
    write(plain / "package", project(plain / "cells"))
    return {path.relative_to(plain / "package").as_posix() for path in (plain / "package").rglob("*") if path.is_file()}


def test_function_with_another_alphabet_needs_a_name():
    assert slug("Review_Licences") == "review-licences"
    with pytest.raises(ExportFailed, match="--package"):
        distribution_name(slug("prüfe"))


def test_a_link_in_a_bundle_is_refused(tmp_path: Path):
    made = project(tmp_path)
    secret = tmp_path / "secret.py"
    secret.write_text("KEY = 1\n")
    (made.bundle.path / "models.py").unlink()
    (made.bundle.path / "models.py").symlink_to(secret)
    with pytest.raises(ExportFailed, match="is a link"):
        bundle_content(made.bundle)


def test_captured_pickles_are_copied_and_never_opened(tmp_path: Path):
    made = project(tmp_path)
    folder = made.bundle.path / "captured"
    folder.mkdir()
    bomb = b"cos\nsystem\n(S'touch owned'\ntR."
    (folder / "x.pickle").write_bytes(bomb)
    files = made.files()
    assert files["src/page_fetcher/bundle/captured/x.pickle"] == bomb
    assert not Path("owned").exists()
