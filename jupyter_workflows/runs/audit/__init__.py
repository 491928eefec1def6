"""The audit file of a run: what happened, chained by hashes and signed, to be checked without a server."""
