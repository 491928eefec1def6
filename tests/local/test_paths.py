from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jupyter_workflows.errors import RuntimeFailed
from jupyter_workflows.local import paths
from jupyter_workflows.local.paths import Home

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
AS_USER = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_variable_moves_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "x"))
    home = Home.locate()
    below = [home.bundles, home.blobs, home.keys, home.limits, home.logs, home.server, home.hosts, home.runtime]
    assert all((tmp_path / "x") in path.parents for path in [*below, home.database, home.lock, home.runtime_file])


def test_without_a_variable_jupyters_directories_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv(paths.HOME_VARIABLE)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    assert Home.locate() == Home(tmp_path / "data" / "workflows", tmp_path / "runtime" / "workflows")


@pytest.mark.parametrize(
    "environment",
    [{}, {"JUPYTER_DATA_DIR": "/d"}, {"XDG_DATA_HOME": "/x"}, {"JUPYTER_RUNTIME_DIR": "/r"}],
    ids=str,
)
def test_the_rule_without_jupyter_core_is_jupyters(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]):
    for name in (paths.HOME_VARIABLE, "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with_jupyter = Home.locate()
    monkeypatch.setitem(__import__("sys").modules, "jupyter_core.paths", None)
    assert Home.locate() == with_jupyter


def test_relative_and_tilde_homes_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Home.locate("~/here").data == Home.locate("here").data == tmp_path / "here"


def test_directories_are_private_whatever_they_were_before(tmp_path: Path):
    root = tmp_path / "home"
    (root / "logs").mkdir(parents=True, mode=0o777)
    root.chmod(0o755)
    home = Home.locate(root).create()
    assert {mode(path) for path in [root, *root.iterdir()]} == {0o700}
    assert home.create() == home


def test_a_long_home_has_its_socket_elsewhere_and_private(tmp_path: Path):
    home = Home.locate(tmp_path / ("long" * 40)).create()
    assert len(os.fsencode(home.socket)) < paths.SOCKET_PATH_BYTES
    assert mode(home.socket.parent) == 0o700
    assert home.socket != Home.locate(tmp_path / ("long" * 41)).socket


def test_the_socket_limit_counts_bytes_not_characters(tmp_path: Path):
    assert Home.locate(Path("/") / ("ü" * 40)).socket.parent != Path("/") / ("ü" * 40) / "runtime"


def test_a_home_may_be_a_link_to_a_directory_of_ones_own(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    home = Home.locate(tmp_path / "link").create()
    assert home.data == tmp_path / "link"
    assert mode(tmp_path / "real") == 0o700


def test_a_home_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "home").write_text("")
    with pytest.raises(RuntimeFailed, match=r"home can't be used: File exists. Set JUPYTER_WORKFLOWS_HOME to"):
        Home.locate(tmp_path / "home").create()


@AS_ROOT
def test_another_users_home_is_refused(tmp_path: Path):
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(RuntimeFailed, match=r"belongs to another user \(uid 12345\). Set JUPYTER_WORKFLOWS_HOME to"):
        Home.locate(tmp_path).create()


@AS_USER
def test_an_unwritable_parent_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(RuntimeFailed, match=r"can't be used: Permission denied. Set JUPYTER_WORKFLOWS_HOME to"):
        Home.locate(tmp_path / "home").create()


@pytest.mark.parametrize("content", ["", "{", '{"address": "127.0.0.1:1', "[]", "null", "\x00\x00"])
def test_half_written_json_reads_as_nothing(tmp_path: Path, content: str):
    (tmp_path / "runtime.json").write_text(content)
    assert paths.read_json(tmp_path / "runtime.json") == {}


def test_written_json_is_private_and_leaves_no_temporary_file(tmp_path: Path):
    paths.write_private(tmp_path / "x.json", {"a": 1})
    paths.write_private(tmp_path / "x.json", {"a": 2})
    assert paths.read_json(tmp_path / "x.json") == {"a": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert mode(tmp_path / "x.json") == 0o600
