"""Which distributions, at which versions, the imports of a bundle come from."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


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
        return {found.metadata["Name"]: found.version for found in distributions_with(module)}


def distributions_with(module: str) -> Iterator[importlib.metadata.Distribution]:
    """The distributions whose list of files has a module; looks where the module is, not at all that is installed.

    `importlib.metadata.packages_distributions` parses all metadata and takes some 100 ms; this takes a few.
    """
    origin = getattr(sys.modules.get(module), "__file__", None)
    if origin is None:
        return
    file = Path(origin)
    is_package = file.stem == "__init__"
    folder = file.parents[1] if is_package else file.parent
    wanted = f"{module}/__init__." if is_package else file.name
    for record in folder.glob("*.dist-info/RECORD"):
        with contextlib.suppress(OSError):
            if f"\n{wanted}".encode() in b"\n" + record.read_bytes():
                yield importlib.metadata.PathDistribution(record.parent)
