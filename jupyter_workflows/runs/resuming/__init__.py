"""Runs that go on with corrected code: what would be kept, and doing it."""
