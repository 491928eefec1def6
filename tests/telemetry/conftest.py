"""Kernels whose telemetry goes to a receiver."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from chaos.kernels import Kernel
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home


@contextlib.contextmanager
def kernel(home: Home, folder: Path, variables: Mapping[str, str]) -> Iterator[Kernel]:
    """A kernel in a home; at the end the home's runtime is down."""
    found = Kernel(home.data, folder, variables)
    try:
        found.run("%load_ext jupyter_workflows\nfrom jupyter_workflows import *")
        yield found
    finally:
        found.close()
        local_runtime.down(home)
