"""Writes a package in place and never over what somebody changed by hand.

`.export.json` in the package says what was generated: each file with the SHA-256 of the text that was written. A file
that still is that text is ours to renew. One that was changed is kept: where the new text is the same as the last one
there is nothing to say, otherwise the new text is laid beside it as `NAME.new` and the conflict is told, until somebody
has taken over what he wants of it and deleted it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..errors import ExportFailed
from .names import safe_path, shown

LOCK = ".export.json"
NEW = ".new"
MOST_BYTES = 512 * 1024 * 1024


@dataclass
class Changes:
    """What an export did to the files of a package, by their paths in it.

    Attributes:
        written: New ones.
        renewed: Generated ones whose text is another now.
        removed: Generated ones that are generated no more.
        kept: Changed by hand, and nothing new to say.
        conflicts: Changed by hand, and the new text is another too; it lies beside, as `NAME.new`.
    """

    written: list[str] = field(default_factory=list[str])
    renewed: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    conflicts: list[str] = field(default_factory=list[str])


def write_package(
    root: Path, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any], kept: AbstractSet[str] = frozenset()
) -> Changes:
    """Writes the files of a package.

    Args:
        root: Its directory: a new one, an empty one, or one that this name was exported to before.
        name: The package's name.
        files: Path in the package to content.
        facts: What the lock file says besides.
        kept: Paths of files that stay where they are not generated this time.

    Raises:
        ExportFailed: The directory holds something else, or a path would lead out of it.
    """
    for path in files:
        safe_path(path)
    if sum(map(len, files.values())) > MOST_BYTES:
        raise ExportFailed(f"the package would have more than {MOST_BYTES // 1024 // 1024} MB: export fewer runs")
    before = read_lock(root, name)
    changes = Changes()
    root.mkdir(parents=True, exist_ok=True)
    lock: dict[str, str] = {}
    for path, content in sorted(files.items()):
        lock[path] = write_one(root, path, content, before.get(path), changes)
    for path in sorted(before.keys() - files.keys()):
        if path in kept:
            lock[path] = before[path]
        else:
            remove(root, path, before[path], changes)
    text = json.dumps({"format": 1, "name": name, **facts, "files": lock}, indent=1, ensure_ascii=False) + "\n"
    replace(root / LOCK, text.encode())
    return changes


def read_lock(root: Path, name: str) -> dict[str, str]:
    """Path to hash of what was generated before.

    Raises:
        ExportFailed: The directory is no export of this package.
    """
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise ExportFailed(f"{root} is no directory: give the path of one that is new, empty or exported before")
    if not root.exists() or not any(root.iterdir()):
        return {}
    lock = root / LOCK
    try:
        if lock.is_symlink():
            raise ValueError("it is a link")
        content = json.loads(lock.read_text(encoding="utf-8"))
        files = {safe_path(str(path)): str(digest) for path, digest in content["files"].items()}
        other = str(content["name"])
    except FileNotFoundError:
        raise ExportFailed(f"{root} holds other files: give the path of a new or empty directory") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportFailed(f"{lock} is damaged ({error}): restore it, or export to a new directory") from None
    if other != name:
        raise ExportFailed(f"{root} is the package {shown(other)}, not {name}: give another directory, or --package")
    return files


def write_one(root: Path, path: str, content: bytes, before: str | None, changes: Changes) -> str:
    """Writes one file, or keeps what is there; gives the hash that the lock file is to hold."""
    target = inside(root, path)
    new = digest(content)
    found = digest(target.read_bytes()) if target.is_file() else None
    beside = target.with_name(target.name + NEW)
    if found is None and before is None:
        changes.written.append(path)
    elif found == new:
        beside.unlink(missing_ok=True)
        return new
    elif found == before and found is not None:
        changes.renewed.append(path)
    elif new == before and not beside.exists():
        # Somebody changed or deleted it, and there is nothing new to say.
        changes.kept.append(path)
        return new
    else:
        changes.conflicts.append(path)
        replace(beside, content)
        return new
    replace(target, content)
    beside.unlink(missing_ok=True)
    return new


def remove(root: Path, path: str, before: str, changes: Changes) -> None:
    """Removes a file that is generated no more, unless somebody changed it."""
    target = inside(root, path)
    if not target.is_file():
        return
    if digest(target.read_bytes()) != before:
        changes.kept.append(path)
        return
    target.unlink()
    changes.removed.append(path)
    for parent in target.parents:
        if parent == root or any(parent.iterdir()):
            return
        parent.rmdir()


def inside(root: Path, path: str) -> Path:
    """A file of the package; its directories are made.

    Raises:
        ExportFailed: A link or another thing stands on the way, which would lead the write elsewhere.
    """
    here = root
    *folders, name = path.split("/")
    for folder in folders:
        here /= folder
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise ExportFailed(f"{here} is no directory of its own: take it away, then export again")
        here.mkdir(exist_ok=True)
    for target in (here / name, here / (name + NEW)):
        if target.is_symlink() or target.is_dir():
            raise ExportFailed(f"{target} is no file of its own: take it away, then export again")
    return here / name


def replace(target: Path, content: bytes) -> None:
    """Replaces a file's content at once."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(content)
        if target.exists():
            draft.chmod(target.stat().st_mode & 0o777)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ExportFailed(f"{target} can't be written: {error.strerror}") from None


def digest(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def locked_facts(root: Path) -> dict[str, Any]:
    """What the lock file says."""
    return cast("dict[str, Any]", json.loads((root / LOCK).read_text(encoding="utf-8")))
