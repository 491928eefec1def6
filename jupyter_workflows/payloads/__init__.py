"""How values travel: between notebook, workflow, activity and reviewer, through Temporal's history.

Small values travel as JSON, tables and arrays as Arrow, and whatever is larger than 32 KiB waits in external
storage while history keeps a reference. Nothing is ever pickled.
"""

from __future__ import annotations

from .conversion import data_converter
from .storage import FileStorage, collect_garbage

__all__ = ["FileStorage", "collect_garbage", "data_converter"]
