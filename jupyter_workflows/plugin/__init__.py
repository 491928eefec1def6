"""Everything we add to Temporal, as one plugin: `Client.connect(plugins=[EnginePlugin(...)])` is enough."""

from __future__ import annotations

from .engine import EnginePlugin

__all__ = ["EnginePlugin"]
