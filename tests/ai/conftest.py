"""A scripted model server that the environment names, and bundles served in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import engine, server

__all__ = ["engine", "server"]

SETTINGS = (
    "MISTRAL_API_KEY", "MISTRAL_SERVER_URL", "JUPYTER_WORKFLOWS_MODEL_SERVER", "JUPYTER_WORKFLOWS_MODEL",
    "JUPYTER_WORKFLOWS_MODEL_PRICES", "JUPYTER_WORKFLOWS_ALLOWED_HOSTS",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may ask a model that the user's environment names."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, _no_settings: None) -> Iterator[ModelServer]:
    """A scripted model server, the one that calls reach."""
    with ModelServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
