"""Names that stand in files, on disks and in clusters: what is allowed, and nothing else passes.

Every generated file uses one name, that of the distribution: lower-case ASCII words joined by hyphens. It is safe
wherever it stands: in a shell, a path, TOML, YAML, a Helm template, a Dockerfile, a Kubernetes object, a task queue.
Texts that a user wrote (names of workflows, descriptions) are quoted by the format they stand in, see `rendering`.
"""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from pathlib import PurePosixPath

from ..errors import ExportFailed

DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# A Kubernetes name has 63 characters at most; that of a version ends in a hyphen and 16 digits.
LONGEST = 40
PATH_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
LONGEST_PART = 128
DEEPEST = 12
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
WINDOWS = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))]
)
OURS = frozenset(["jupyter-workflows", "temporalio", "temporal", "jupyter", "test", "tests", "src", "bundle", "wheels"])


def distribution_name(wanted: str, taken: frozenset[str] = frozenset()) -> str:
    """A name for the package, checked.

    Args:
        wanted: The name as somebody wrote it.
        taken: Names of the distributions that its code needs.

    Raises:
        ExportFailed: It is none, or it means something else already.
    """
    reason = refusal(wanted, taken)
    if reason:
        raise ExportFailed(
            f"a package can't be called {shown(wanted)}: {reason}. Name it with --package (package= in Python), such "
            "as contract-review"
        )
    return wanted


def refusal(wanted: str, taken: frozenset[str]) -> str:
    """What is wrong with a name; empty where nothing is."""
    if not DISTRIBUTION.fullmatch(wanted):
        return "it takes lower-case letters from a to z, digits and single hyphens, and begins with a letter"
    if len(wanted) > LONGEST:
        return f"it has {len(wanted)} characters, {LONGEST} are allowed"
    package = package_name(wanted)
    if wanted in OURS or wanted in taken or package in {name.replace("-", "_") for name in taken}:
        return "a package of this name is needed by it"
    if package in sys.stdlib_module_names or keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "Python itself has this name"
    return "Windows keeps it for itself" if wanted in WINDOWS else ""


def package_name(distribution: str) -> str:
    """The name it is imported by."""
    return distribution.replace("-", "_")


def slug(name: str) -> str:
    """What a workflow's function is called as a name of a package; not always one that is allowed."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") if name.isascii() else name


def safe_path(path: str) -> str:
    """A file's path in the package, checked.

    Raises:
        ExportFailed: It could lead elsewhere, or not every system can have it.
    """
    parts = PurePosixPath(path).parts
    wrong = next((part for part in parts if bad_part(part)), None)
    if not parts or wrong is not None or len(parts) > DEEPEST or "/".join(parts) != path:
        raise ExportFailed(
            f"{shown(path)} can't be a file of a package: names take letters from a to z, digits, dots, hyphens and "
            "underscores. Rename the module it comes from"
        )
    return path


def bad_part(part: str) -> bool:
    """Whether a part of a path is no plain name on some system."""
    return (
        not PATH_PART.fullmatch(part)
        or set(part) <= {"."}
        or part.endswith(".")
        or len(part) > LONGEST_PART
        or part.partition(".")[0].lower() in WINDOWS
    )


def shown(text: str) -> str:
    """A name for a message, on one line, with what can't be seen or looks like something else written out."""
    brief = text if len(text) <= 80 else f"{text[:79]}…"
    plain = brief.isascii() and brief.isprintable()
    return repr(brief) if plain else ascii(unicodedata.normalize("NFC", brief))
