"""The texts that steps write while they run: kept by the worker, read by whoever looks, never part of history.

`texts` holds a text and a reader's place in it; `writing` is the side of the activity, `broker` hands the texts of a
worker to this machine's viewers over a Unix socket, `following` is such a viewer. `checkpoint` is what travels with an
activity's heartbeat, for viewers elsewhere and for the next attempt.
"""

from __future__ import annotations

from .texts import Tail, Text, Texts
from .writing import Exchange, Writer, emit, exchange, last_text, writing

__all__ = ["Exchange", "Tail", "Text", "Texts", "Writer", "emit", "exchange", "last_text", "writing"]
