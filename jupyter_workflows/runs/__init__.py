"""Runs: start, follow, decide and show them; every part is a view of Temporal's history."""
