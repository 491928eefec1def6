"""An environment of a package's own: what whoever installs it gets, and nothing of ours besides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ExportFailed

INSTALL_SECONDS = 600.0
ANSWER_SECONDS = 300.0


class Environment:
    """A virtual environment with a package in it.

    Args:
        root: The package's directory.
        folder: Where the environment is.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    @property
    def programs(self) -> Path:
        """Where its programs are."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def install(self) -> None:
        """Makes it, as the package's README says.

        Raises:
            ExportFailed: The package can't be installed; says what pip says.
        """
        venv.create(self.folder, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", str(self.programs / "python"), "install", "--quiet"]
        options = [
            "--disable-pip-version-check",
            "--find-links",
            "wheels",
            "--constraint",
            "constraints.txt",
            ".[test]",
        ]
        done = self.call([*pip, *options, ".[test]"], INSTALL_SECONDS)
        if done.returncode:
            last = [line for line in done.stderr.splitlines() if line.strip()][-5:]
            raise ExportFailed("the package can't be installed in a clean environment: " + " ".join(last))

    def call(self, words: Sequence[str | Path], seconds: float = ANSWER_SECONDS) -> subprocess.CompletedProcess[str]:
        """Runs a program in the package's directory.

        Raises:
            ExportFailed: It does not end in time.
        """
        try:
            return subprocess.run(
                list(words), cwd=self.root, capture_output=True, text=True, timeout=seconds, check=False, env=clean()
            )
        except subprocess.TimeoutExpired:
            raise ExportFailed(
                f"{Path(words[0]).name} did not end within {seconds:g} s in the clean environment"
            ) from None

    def python(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs its Python."""
        return self.call([self.programs / "python", *words])

    def tell(self, name: str, package: str, histories: Sequence[Path]) -> dict[str, Any]:
        """What the installed package tells about itself and recorded runs.

        Raises:
            ExportFailed: It can't; says why.
        """
        done = self.python("-m", "jupyter_workflows.deployment.proving", name, package, *histories)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ExportFailed(f"the installed package can't be looked at: {last}")
        return json.loads(done.stdout)


def clean() -> dict[str, str]:
    """The environment of a process that is to see nothing of this one's packages, homes and servers."""
    left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {name: value for name, value in kept.items() if not name.startswith(("TEMPORAL_", "JUPYTER_", "JPY_"))}
