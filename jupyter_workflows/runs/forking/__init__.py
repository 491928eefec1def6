"""Runs beside those there were: what they keep of them, and starting them."""
