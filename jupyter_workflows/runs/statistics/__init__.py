"""How runs do: counts, durations, where time goes, failures, recovery, approvals; from visibility and few histories."""

from __future__ import annotations
