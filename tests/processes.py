"""Python processes for tests, each with a clean exit or a failed test."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def in_process(code: str) -> str:
    """What a Python process of its own prints; it must leave without a word on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.strip()
