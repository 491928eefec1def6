"""Canonical JSON: one text for one value, which hashes and signatures cover.

Sorted keys, no spaces, everything beyond ASCII escaped in lower case, numbers as Python writes them (the shortest that
reads back the same). NaN and the infinities have no such text.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value of plain JSON.

    Raises:
        ValueError: It holds NaN or an infinity.
        TypeError: It holds something else than JSON can.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
