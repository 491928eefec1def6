"""Values stored in a bundle on purpose: pickles, named by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import pickle
import pickletools
from collections.abc import Iterator

from ..schema import CellLocation
from . import diagnostics as rules
from .diagnostics import Findings
from .items import CapturedValue


def capture(name: str, value: object, location: CellLocation | None, findings: Findings) -> CapturedValue | None:
    """Pickles a value; None, and a finding, if a worker could not read it back."""
    try:
        content = pickle.dumps(value, protocol=5)
    except Exception as error:  # noqa: BLE001 - pickling runs the value's own code, which may raise anything
        findings.add(rules.NOT_CAPTURABLE, location, name=name, reason=f"{type(error).__name__}: {error}")
        return None
    here = next(notebook_classes(content), None)
    if here:
        findings.add(rules.CAPTURED_HERE, location, name=name, type=here)
        return None
    findings.add(rules.CAPTURED, location, name=name, size=size_text(len(content)))
    return CapturedValue(name, hashlib.sha256(content).hexdigest(), content)


def notebook_classes(content: bytes) -> Iterator[str]:
    """The classes of the notebook that a pickle names: no worker has a `__main__` with them."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "STACK_GLOBAL" and strings[-2:-1] == ["__main__"]:
            yield strings[-1]
        elif opcode.name == "GLOBAL" and str(argument).startswith("__main__ "):
            yield str(argument).partition(" ")[2]
        elif isinstance(argument, str):
            strings.append(argument)


def size_text(size_bytes: int) -> str:
    """A size as a person reads it."""
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1_000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


LOADER = '''"""Values captured on purpose: pickles, named by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any


def load(digest: str) -> Any:
    """Reads a captured value back, if its content is what was captured."""
    content = (Path(__file__).parent / f"{digest}.pickle").read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"captured value {digest} was changed after it was captured")
    return pickle.loads(content)
'''
