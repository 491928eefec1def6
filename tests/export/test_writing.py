"""Exporting again: renews what is ours, keeps what somebody changed, says what it could not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_workflows.errors import ExportFailed
from jupyter_workflows.export.project import Project
from jupyter_workflows.export.proof import drop_stale

from .small import project, write

README = "README.md"


@pytest.fixture
def made(tmp_path: Path) -> Project:
    (tmp_path / "cells").mkdir()
    return project(tmp_path / "cells")


@pytest.fixture
def root(tmp_path: Path, made: Project) -> Path:
    write(tmp_path / "package", made)
    return tmp_path / "package"


def test_the_same_again_changes_nothing(root: Path, made: Project):
    before = {
        path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != ".export.json"
    }
    changes = write(root, made)
    assert changes == type(changes)()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_new_text_renews_what_nobody_changed(root: Path, made: Project):
    changes = write(root, made, {README: "new\n"})
    assert changes.renewed == [README]
    assert (root / README).read_text() == "new\n"


def test_a_changed_file_is_kept(root: Path, made: Project):
    (root / README).write_text("mine\n")
    changes = write(root, made)
    assert (changes.kept, changes.conflicts) == ([README], [])
    assert (root / README).read_text() == "mine\n"


def test_a_file_that_both_changed_is_kept_and_told_until_it_is_settled(root: Path, made: Project):
    (root / README).write_text("mine\n")
    for _ in range(2):
        changes = write(root, made, {README: "new\n"})
        assert changes.conflicts == [README]
        assert (root / README).read_text() == "mine\n"
        assert (root / "README.md.new").read_text() == "new\n"
    (root / README).write_text("both\n")
    (root / "README.md.new").unlink()
    changes = write(root, made, {README: "new\n"})
    assert (changes.kept, changes.conflicts) == ([README], [])
    (root / README).write_text("new\n")
    assert write(root, made, {README: "new\n"}).kept == []


def test_a_deleted_file_stays_deleted_until_there_is_something_new(root: Path, made: Project):
    (root / "Dockerfile").unlink()
    assert write(root, made).kept == ["Dockerfile"]
    assert not (root / "Dockerfile").exists()
    assert write(root, made, {"Dockerfile": "FROM x\n"}).conflicts == ["Dockerfile"]


def test_what_is_generated_no_more_goes_unless_it_was_changed(root: Path, made: Project):
    (root / "chart" / "values.yaml").write_text("mine: 1\n")
    less = {path.relative_to(root).as_posix(): None for path in (root / "chart").rglob("*") if path.is_file()}
    changes = write(root, made, less)
    assert changes.kept == ["chart/values.yaml"]
    assert [path.name for path in (root / "chart").iterdir()] == ["values.yaml"]


def test_own_files_are_left_alone(root: Path, made: Project):
    (root / "notes.txt").write_text("mine")
    write(root, made)
    assert (root / "notes.txt").read_text() == "mine"


def test_a_file_of_one_s_own_where_a_new_one_goes_is_a_conflict(root: Path, made: Project):
    (root / "CHANGES.md").write_text("mine\n")
    changes = write(root, made, {"CHANGES.md": "theirs\n"})
    assert changes.conflicts == ["CHANGES.md"]
    assert (root / "CHANGES.md").read_text() == "mine\n"


def test_a_directory_with_other_files_is_refused(tmp_path: Path, made: Project):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ExportFailed, match="holds other files"):
        write(tmp_path, made)


def test_another_package_is_refused(root: Path, made: Project):
    with pytest.raises(ExportFailed, match="is the package 'page-fetcher', not other"):
        write(root, Project("other", made.bundle))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": 1}', '{"name": "page-fetcher", "files": {"../x": "0"}}'])
def test_a_damaged_lock_file_is_refused(root: Path, made: Project, content: str):
    (root / ".export.json").write_text(content)
    with pytest.raises(ExportFailed):
        write(root, made)


@pytest.mark.parametrize("link", ["README.md", "chart", "tests/test_replay.py", "README.md.new"])
def test_a_link_on_the_way_is_refused_and_nothing_written_through_it(
    root: Path, made: Project, tmp_path: Path, link: str
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    at = root / link
    if at.is_dir():
        at.rename(tmp_path / "moved")
    else:
        at.unlink(missing_ok=True)
    at.symlink_to(outside if link == "chart" else outside / "file")
    with pytest.raises(ExportFailed, match="of its own"):
        write(root, made, {README: "new\n"})
    assert (outside / "file").read_text() == "theirs"
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_a_linked_directory_is_refused(tmp_path: Path, made: Project):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ExportFailed, match="no directory"):
        write(tmp_path / "link", made)


def test_the_same_cells_give_the_same_bytes(made: Project):
    assert made.files() == made.files()


def test_the_proof_of_other_code_goes(root: Path, made: Project):
    for digest, stays in ((made.bundle.digest, True), ("0" * 64, False)):
        (root / "proof.json").write_text(f'{{"digest": "{digest}"}}')
        (root / "PROOF.md").write_text("It holds.")
        drop_stale(root, made.bundle.digest)
        assert ((root / "proof.json").exists(), (root / "PROOF.md").exists()) == (stays, stays)
