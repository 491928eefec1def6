"""The bundle on disk: a package named by what it does, written whole or not at all."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..schema import Manifest, Segment
from .items import Closure
from .local_modules import LocalModules
from .rendering import render
from .syntax import behaviour

# Hashed with the content: a change in what the files mean must give other names.
FORMAT = "jupyter-workflows bundle 1"
PREFIX = "jw_"
NAME_DIGITS = 16
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """A bundle that is on disk.

    Attributes:
        digest: SHA-256 over its content.
        path: Its directory.
        package: The name it is imported by.
        is_new: Whether it was not there before.
    """

    digest: str
    path: Path
    package: str
    manifest: Manifest
    is_new: bool = True

    @property
    def behaviour_digest(self) -> str:
        """SHA-256 over what it does: comments, docstrings and layout do not count."""
        return self.manifest.behaviour_digest


def write_bundle(closure: Closure, root: Path) -> BundleFiles:
    """Writes a closure below `root` and returns where; the same content is written once.

    The directory appears under its name when it is complete. Of a bundle that is there already, only the
    manifest is brought up to date: it says which cells the lines come from now.
    """
    sources, segments = render(closure, LocalModules(closure.directory or Path()))
    content = {path: text.encode() for path, text in sources.items()}
    content |= {f"captured/{value.digest}.pickle": value.content for value in closure.captured}
    digest = content_digest(content)
    package = f"{PREFIX}{digest[:NAME_DIGITS]}"
    manifest = manifest_of(closure, digest, package, sources, segments)
    path = root / package
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1).encode() + b"\n"
    is_new = not (path / MANIFEST).exists()
    if is_new:
        write_directory(path, {**content, MANIFEST: text})
    elif (path / MANIFEST).read_bytes() != text:
        replace_file(path / MANIFEST, text)
    else:
        # Whoever wants the code as it is now takes the bundle that was made last.
        with contextlib.suppress(OSError):
            os.utime(path / MANIFEST)
    return BundleFiles(digest, path, package, manifest, is_new)


def read_bundle(path: Path) -> BundleFiles:
    """Reads a bundle back.

    Raises:
        OSError: A file is missing or can't be read.
        ValueError: The content is not what the manifest says.
    """
    manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    digest = digest_of(path)
    if digest != manifest.digest:
        raise ValueError(
            f"bundle {path.name} was changed after it was written: its digest is now {digest[:NAME_DIGITS]}"
        )
    return BundleFiles(digest, path, manifest.package, manifest, is_new=False)


def content_files(path: Path) -> dict[str, Path]:
    """The files of a bundle that its digest covers, by their names in it."""
    files = [file for file in path.rglob("*") if file.is_file() and file.suffix in (".py", ".pickle")]
    return {file.relative_to(path).as_posix(): file for file in files}


def digest_of(path: Path) -> str:
    """The digest of a bundle's files as they are."""
    return content_digest({name: file.read_bytes() for name, file in content_files(path).items()})


def content_digest(content: Mapping[str, bytes]) -> str:
    """SHA-256 over paths and content, in the order of the paths."""
    total = hashlib.sha256(FORMAT.encode())
    for path in sorted(content):
        total.update(f"\n{path}\n{len(content[path])}\n".encode())
        total.update(content[path])
    return total.hexdigest()


def behaviour_digest(closure: Closure, sources: Mapping[str, str]) -> str:
    """SHA-256 over the syntax trees: comments, docstrings and layout do not count."""
    total = hashlib.sha256(FORMAT.encode())
    for item in closure.items:
        tree = behaviour(item.node) if item.verbatim and item.node else item.source
        total.update(f"\n{item.module} {item.above} {tree} {item.below}".encode())
    for name in sorted(closure.imports):
        total.update(f"\n{name} {closure.imports[name].dotted}".encode())
    for path in sorted(sources):
        if path.count("/"):
            total.update(f"\n{path}\n{parsed_behaviour(sources[path])}".encode())
    for value in sorted(closure.captured, key=lambda value: value.name):
        total.update(f"\n{value.name} {value.digest}".encode())
    return total.hexdigest()


@functools.lru_cache(maxsize=256)
def parsed_behaviour(source: str) -> str:
    """What a module does, as text."""
    return behaviour(ast.parse(source))


def manifest_of(
    closure: Closure, digest: str, package: str, sources: Mapping[str, str], segments: list[Segment]
) -> Manifest:
    """The manifest of a closure."""
    return Manifest(
        digest=digest,
        behaviour_digest=behaviour_digest(closure, sources),
        package=package,
        python=platform.python_version(),
        workflows=list(closure.workflows),
        activities=list(closure.activities),
        segments=segments,
        distributions=dict(closure.distributions),
        local_modules={
            module.name: hashlib.sha256(module.source.encode()).hexdigest() for module in closure.local_modules
        },
        captured={value.name: value.digest for value in closure.captured},
        warnings=list(closure.warnings),
    )


def write_directory(path: Path, content: Mapping[str, bytes]) -> None:
    """Writes files into a new directory that appears at `path` when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    try:
        for name, data in content.items():
            file = temporary / name
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:  # noqa: PTH123 - a descriptor
                stream.write(data)
        settle(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def settle(temporary: Path, path: Path) -> None:
    """Gives a complete directory its name; what somebody else put there in the meantime is the same."""
    with contextlib.suppress(OSError):
        temporary.rename(path)
    if (path / MANIFEST).exists():
        return
    # Half a bundle of an earlier version or a crash: it goes away as a whole.
    broken = path.with_name(f".old-{path.name}-{os.getpid()}")
    with contextlib.suppress(OSError):
        path.rename(broken)
    temporary.rename(path)
    shutil.rmtree(broken, ignore_errors=True)


def replace_file(path: Path, data: bytes) -> None:
    """Replaces a file's content at once."""
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor
        stream.write(data)
    Path(name).replace(path)
