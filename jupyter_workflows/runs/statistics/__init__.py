"""How runs do: counts, durations, where time goes, failures, recovery, approvals; from visibility and few histories."""

from __future__ import annotations

# A dashboard lists at most so many runs, reads the histories of about so many, and aims at this recovery rate.
RUNS = 10_000
HISTORIES = 1_000
TARGET = 0.95
