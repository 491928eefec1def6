"""The engine of the tests of authoring, for recording runs to replay."""

from __future__ import annotations

from ..authoring.conftest import engine, server

__all__ = ["engine", "server"]
