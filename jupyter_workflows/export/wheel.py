"""Our own package as a wheel, made from what is installed here.

An exported package depends on the engine that ran its code. Where no index has it, or only another state of it, the
wheel beside the package is what `pip install --find-links wheels` takes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from pathlib import Path

from .requirements import BASE

PACKAGE = Path(__file__).parents[1]
# Jupyter's side: an exported package has no use for it, and it is most of the size.
LEFT_OUT = ("labextension", "widgets/static")
SUFFIXES = frozenset({".py", ".tmpl", ".yaml", ".typed"})
# The oldest time a zip file can hold: the same content gives the same bytes.
TIME = (1980, 1, 1, 0, 0, 0)


def wheel_name() -> str:
    """What the wheel's file is called."""
    return f"{BASE.replace('-', '_')}-{importlib.metadata.version(BASE)}-py3-none-any.whl"


def build_wheel() -> bytes:
    """The wheel of the deployed side of this package, the same for the same files."""
    info = f"{BASE.replace('-', '_')}-{importlib.metadata.version(BASE)}.dist-info"
    metadata = importlib.metadata.distribution(BASE).read_text("METADATA") or ""
    files = {f"{PACKAGE.name}/{name}": (PACKAGE / name).read_bytes() for name in module_files()}
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: jupyter-workflows\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def module_files() -> list[str]:
    """The files of the package that the wheel holds."""
    names = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts
    ]
    return sorted(name for name in names if not name.startswith(LEFT_OUT))


def digest(data: bytes) -> str:
    """A hash as the list of files of a wheel has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
