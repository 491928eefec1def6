"""Durable cells: the kernel runs a cell, the notebook's run in Temporal remembers what came of it.

The kernel is a client of that run. What it knows of finished cells it reads from history, and what it restores are the
values that history refers to.
"""

from __future__ import annotations
