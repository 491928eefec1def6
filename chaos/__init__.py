"""Faults thrown at real runs: real kernels, worker hosts and servers die, and histories tell what became of the runs.

`python -m chaos` runs the rows and writes `docs/reliability.md`; one seed is one schedule of faults.
"""
