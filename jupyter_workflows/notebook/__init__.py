"""From executed cells to a bundle: source text in, a package out; knows neither Temporal's server nor IPython."""

from __future__ import annotations

from .bundle import BundleFiles, read_bundle, write_bundle
from .cell_log import CellLog
from .closure import lint, resolve
from .items import Closure
from .source import Cell

__all__ = ["BundleFiles", "Cell", "CellLog", "Closure", "lint", "read_bundle", "resolve", "write_bundle"]
