"""The kernel "Python (Workflows)": ipykernel with the extension loaded and the runtime warm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from .conftest import eventually
from .kernels import kernel_environment

KERNELS = Path(__file__).parents[1] / "kernels"
NAME = "python-workflows"
# Each of them takes seconds or much memory to import, and is not needed before something is shown, asked or replayed.
HEAVY = {"anywidget", "jupyter_server", "mistralai", "pandas", "plotly", "temporalio.worker"}
LOADED = (
    "'jupyter_workflows' in get_ipython().extension_manager.loaded, "
    "'workflow' in get_ipython().magics_manager.magics['cell']"
)
WARM = (
    "any(t.name == 'jupyter-workflows-warm' for t in __import__('threading').enumerate()) "
    "or 'jupyter_workflows.session' in __import__('sys').modules"
)


class Kernel:
    """A running kernel and its answers."""

    def __init__(self, manager: KernelManager, environment: dict[str, str]) -> None:
        manager.start_kernel(env=environment)
        self.manager = manager
        self.client: Any = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=90)

    def value(self, expression: str) -> str:
        """What an expression gives, as text."""
        reply = self.client.execute("", user_expressions={"it": expression}, reply=True, timeout=60)
        return reply["content"]["user_expressions"]["it"]["data"]["text/plain"]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def started(runtime_home: Path, tmp_path: Path) -> Iterator[Any]:
    kernels: list[Kernel] = []

    def start(name: str) -> Kernel:
        specs = KernelSpecManager(kernel_dirs=[str(KERNELS)]) if name == NAME else KernelSpecManager()
        manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
        kernels.append(Kernel(manager, kernel_environment(runtime_home, tmp_path)))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


def test_the_kernel_has_the_extension_loaded_and_warms_the_runtime(started: Any):
    kernel = started(NAME)
    assert kernel.value(LOADED) == "(True, True)"
    assert kernel.value(WARM) == "True"
    assert kernel.value("__import__('sys').executable") == repr(sys.executable)


def test_the_kernel_imports_nothing_heavy_to_start_and_to_warm_the_runtime(started: Any):
    kernel = started(NAME)
    warming = "any(t.name == 'jupyter-workflows-warm' for t in __import__('threading').enumerate())"
    assert eventually(lambda: kernel.value(f"{WARM} and not {warming}") == "True", 90)
    assert kernel.value(f"sorted({HEAVY!r} & set(__import__('sys').modules))") == "[]"
