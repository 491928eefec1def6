"""How values travel: between notebook, workflow, activity and reviewer, through Temporal's history.

Small values travel as JSON, tables and arrays as Arrow, and whatever has 32 KiB or more waits in external storage
while history keeps a reference. Nothing is ever pickled.
"""

from __future__ import annotations

from .converter import bare, data_converter
from .selection import select_storage
from .storage import FileStorage, Garbage, collect_garbage
from .values import check

__all__ = ["FileStorage", "Garbage", "bare", "check", "collect_garbage", "data_converter", "select_storage"]
