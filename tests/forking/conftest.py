"""The notebook of `tests/resuming`: what forks needs no other."""

from tests.resuming.conftest import notebook, own_notebook

__all__ = ["notebook", "own_notebook"]
