"""Everything we add to Temporal, as one plugin: `Client.connect(plugins=[EnginePlugin(...)])` is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import EnginePlugin

__all__ = ["EnginePlugin"]


def __getattr__(name: str) -> Any:
    # Temporal's worker comes with it: 40 ms for whoever connects, nothing for whoever imports.
    if name != "EnginePlugin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .engine import EnginePlugin

    return EnginePlugin
