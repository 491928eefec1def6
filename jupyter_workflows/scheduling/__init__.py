"""Workflows that start by the clock, on Temporal's schedules."""
