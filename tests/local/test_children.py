from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jupyter_workflows.local import children
from jupyter_workflows.local.children import Child

from ..conftest import eventually

SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
PARENT = """
import os, sys, time
from pathlib import Path
from jupyter_workflows.local import children
if {guarded}:
    children._libc = None
child = children.Child({command!r}, environment=dict(os.environ), log=Path({log!r}), guarded=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(params=[False, True], ids=["by the kernel", "by the guard"])
def guarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways of ending with the parent; the second is that of macOS."""
    if request.param:
        monkeypatch.setattr(children, "_libc", None)
    elif sys.platform != "linux":
        pytest.skip("only Linux knows PR_SET_PDEATHSIG")
    return request.param


def start(command: list[str], log: Path) -> Child:
    return Child(command, environment=dict(os.environ), log=log, guarded=True)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def ended(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def test_a_child_ends_with_its_killed_parent(guarded: bool, tmp_path: Path):
    code = PARENT.format(guarded=guarded, command=SLEEPER, log=str(tmp_path / "log"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert eventually(lambda: len(family(pid)) == 1 + guarded)
        left = family(pid)
        parent.kill()
        assert eventually(lambda: ended(left))


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_a_child_is_ended_with_all_that_is_its(guarded: bool, tmp_path: Path, way: str):
    child = start(SLEEPER, tmp_path / "log")
    assert eventually(lambda: len(family(child.pid)) == 1 + guarded)
    left = family(child.pid)
    # A guard takes a moment until it passes signals on.
    assert eventually(lambda: (getattr(child, way)(), child.ended)[1])
    assert eventually(lambda: ended(left))


def test_how_a_child_ended_is_told(guarded: bool, tmp_path: Path):
    gate = tmp_path / "gate"
    waiting = f"import os\nwhile not os.path.exists({str(gate)!r}): pass\nprint('said')\nraise SystemExit(7)"
    child = start([sys.executable, "-I", "-S", "-c", waiting], tmp_path / "log")
    assert child.exit_text == "is running"
    gate.touch()
    assert child.wait(30)
    assert child.exit_text == "ended with exit code 7"
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        start(["/nowhere/program"], tmp_path / "log")
