"""What steps write, in a terminal that follows the run."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_workflows.schema import Token

from .conftest import Writers, joined

COMMAND = [sys.executable, "-m", "jupyter_workflows.cli"]


def test_scripts_are_told_each_piece(writers: Writers, until: Path):
    run = writers.start("writer", ["one ", "two "], 0.0, str(until))
    command = [*COMMAND, "show", run.id, "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        seen: list[Token] = []
        told: dict[str, Any] = {}
        for line in follower.stdout:
            told = json.loads(line)
            seen += [Token.model_validate(token) for token in told.get("tokens", ())]
            if joined(seen) == "one two ":
                until.touch()
        assert told["run"]["status"] == "completed"
        assert joined(seen) == "one two "
        assert seen[-1].done
    assert follower.returncode == 0


def test_people_see_the_text_grow_below_the_steps(writers: Writers, until: Path):
    run = writers.start("writer", ["one ", "\x1b[31m two "], 0.0, str(until))
    ours, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([*COMMAND, "show", run.id, "--follow"], stdout=its, env=environment) as follower:
        os.close(its)
        screen = b""
        while b"one \\x1b[31m two" not in screen:
            screen += os.read(ours, 65_536)
        assert "write-1 writes:" in screen.decode()
        until.touch()
        try:
            while piece := os.read(ours, 65_536):
                screen += piece
        except OSError:
            pass  # Linux says by this error that the other end was closed.
        last = screen.decode().rpartition("\x1b[J")[2]
        assert "completed" in last
        assert "writes:" not in last
    os.close(ours)
    assert follower.returncode == 0
