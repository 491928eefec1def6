"""Which distributions, at which versions, the imports of a bundle come from."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Iterable


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Distribution name to version, for the top-level modules that are not Python's own."""
    found: dict[str, str] = {}
    for module in {module.partition(".")[0] for module in modules} - sys.stdlib_module_names:
        found.update(distributions_of(module))
    return dict(sorted(found.items()))


@functools.cache
def distributions_of(module: str) -> dict[str, str]:
    """Name and version of the distributions a top-level module comes from; kept, as a loaded module is."""
    try:
        # Most modules are called like their distribution; asking for it by name takes a few milliseconds.
        found = importlib.metadata.distribution(module)
        return {found.metadata["Name"]: found.version}
    except importlib.metadata.PackageNotFoundError:
        return {name: importlib.metadata.version(name) for name in _all_distributions().get(module, ())}


@functools.cache
def _all_distributions() -> dict[str, list[str]]:
    """Every installed module's distributions; reads all metadata, which takes some 100 ms, so it is kept."""
    return {module: list(names) for module, names in importlib.metadata.packages_distributions().items()}
