"""Recorded runs: the histories that a package's replay tests run over."""

from __future__ import annotations

import gzip
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import JupyterWorkflowsError
from ..replay import replay
from ..replay.files import write_history
from ..runs.handle import Run
from ..worker import load_bundle

READABLE_BYTES = 256 * 1024
UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass
class Recorded:
    """The runs that go with a package.

    Attributes:
        files: File name to content.
        runs: File name to the run.
        left_out: Run to why it does not go with it.
    """

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    runs: dict[str, Run[Any]] = field(default_factory=dict[str, Run[Any]])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


async def record(runs: Sequence[Run[Any]], bundle: Path) -> Recorded:
    """The histories of runs, without names of machines and processes.

    A run that the code does not agree with is left out, and so is one whose values can't be read any more.

    Args:
        runs: Runs that have ended.
        bundle: The directory of the code.
    """
    found = Recorded()
    loaded = load_bundle(bundle)
    for number, run in enumerate(runs, 1):
        converter = run.access.client.data_converter
        try:
            history = await run.fetch_history()
            replayed = await replay(history, loaded, converter)
            if replayed.divergence is not None:
                found.left_out[run.id] = f"it ran on other code: {replayed.divergence.message}"
                continue
            name = f"{number:02}-{UNFIT.sub('-', run.id).strip('-.')[:60] or 'run'}"
            with tempfile.TemporaryDirectory() as folder:
                written = await write_history(history, Path(folder) / "run.json", converter, impersonal=True)
                if written.left_out:
                    found.left_out[run.id] = f"values of it can't be read: {written.left_out[0]}"
                    continue
                if written.encrypted:
                    found.left_out[run.id] = "its values are encrypted, and their key does not belong into a package"
                    continue
                suffix = ".json" if written.size_bytes <= READABLE_BYTES else ".json.gz"
                text = (Path(folder) / "run.json").read_bytes()
                found.files[name + suffix] = gzip.compress(text, mtime=0) if suffix.endswith(".gz") else text
                found.runs[name + suffix] = run
        except JupyterWorkflowsError as error:
            found.left_out[run.id] = str(error)
    return found
