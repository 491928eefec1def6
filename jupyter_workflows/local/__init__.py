"""The embedded runtime: one Temporal server per user, the worker hosts of his notebooks, and their supervision."""
