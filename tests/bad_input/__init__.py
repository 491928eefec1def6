"""Mistakes that notebook users make, with the exact message each one gets."""
