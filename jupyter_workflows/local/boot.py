"""Starts the runtime's own processes by path: `python boot.py supervisor|host|cleanup ...`.

The supervisor is the first process of a cold start and needs nothing but the standard library. Run as a module it
would import the whole package with Temporal's SDK first (0.5 s); here it gets an empty package in its stead.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
import types
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def _import_package_without_content() -> None:
    package = types.ModuleType(PACKAGE.name)
    package.__path__ = [str(PACKAGE)]
    sys.modules[PACKAGE.name] = package


def _make_package_importable() -> None:
    """The environment may know the package only through a `sys.path` entry of the process that asked."""
    if importlib.util.find_spec(PACKAGE.name) is None:
        sys.path.append(str(PACKAGE.parent))


if __name__ == "__main__":
    role = sys.argv.pop(1)
    if role == "supervisor":
        _import_package_without_content()
    else:
        _make_package_importable()
    # Hundreds of modules make much garbage-collected memory and no garbage: a tenth of the start.
    gc.disable()
    module = importlib.import_module(f"{PACKAGE.name}.local.{role}")
    gc.freeze()
    gc.enable()
    sys.exit(module.main(sys.argv[1:]))
