"""Which distributions, at which versions, the imports of a bundle come from."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Iterable


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Distribution name to version, for the top-level modules that are not Python's own."""
    found: dict[str, str] = {}
    for module in sorted({module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)):
        for name in distributions_of(module):
            found[name] = importlib.metadata.version(name)
    return dict(sorted(found.items()))


@functools.cache
def distributions_of(module: str) -> tuple[str, ...]:
    """The distributions a top-level module comes from; empty for one that none installed."""
    try:
        # Most modules are called like their distribution; asking for it by name takes well under a millisecond.
        return (importlib.metadata.distribution(module).metadata["Name"],)
    except importlib.metadata.PackageNotFoundError:
        return tuple(dict.fromkeys(_all_distributions().get(module, ())))


@functools.cache
def _all_distributions() -> dict[str, list[str]]:
    """Every installed module's distributions; reads all metadata, which takes some 100 ms, so it is kept."""
    return {module: list(names) for module, names in importlib.metadata.packages_distributions().items()}
