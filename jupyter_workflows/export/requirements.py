"""What the code needs: ranges for whoever installs the package, exact versions for whoever wants what ran."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

BASE = "jupyter-workflows"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
RELEASE = re.compile(r"(?:\d+!)?(\d+)(?:\.(\d+))?")
VERSION = re.compile(r"[A-Za-z0-9.!+_-]+")
# A first number like this is a year: the next one breaks no more than the next month does.
YEAR = 1900


def normal(name: str) -> str:
    """A distribution's name as all its spellings have it in common (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required_range(name: str, version: str, extras: Sequence[str] = ()) -> str:
    """A requirement that takes what ran and what should be compatible with it.

    From the version that ran up to the next one that may break: the next major one, before 1.0 the next minor one.
    """
    found = RELEASE.match(version)
    wanted = normal(name) + (f"[{','.join(extras)}]" if extras else "")
    if not found:
        return wanted
    major, minor = int(found[1]), int(found[2] or 0)
    lowest = f"{wanted}>={major}.{minor}"
    if major >= YEAR:
        return lowest
    return f"{lowest},<{major + 1}" if major else f"{lowest},<0.{minor + 1}"


def dependencies(distributions: Mapping[str, str], extras: Sequence[str] = ()) -> list[str]:
    """The requirements of a package, ours first.

    Args:
        distributions: Name and version of those that the code imports.
        extras: The extras of our own that it needs.
    """
    others = {normal(name): version for name, version in distributions.items() if NAME.fullmatch(name)}
    base = others.pop(BASE, None) or importlib.metadata.version(BASE)
    return [required_range(BASE, base, extras), *(required_range(name, others[name]) for name in sorted(others))]


def constraints(distributions: Mapping[str, str]) -> dict[str, str]:
    """Name and exact version of all that the code needs, directly or not, as it is installed here."""
    wanted = {normal(name): version for name, version in distributions.items() if VERSION.fullmatch(version)}
    todo, seen = [BASE, *wanted], dict[str, str]()
    while todo:
        name = normal(todo.pop())
        if name in seen:
            continue
        found = distribution(name)
        version = wanted.get(name) or (found.version if found else "")
        if not version:
            continue
        seen[name] = version
        todo.extend(needed_by(found.requires or []) if found else [])
    return dict(sorted(seen.items()))


def distribution(name: str) -> importlib.metadata.Distribution | None:
    """An installed distribution."""
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def needed_by(requirements: Iterable[str]) -> Iterator[str]:
    """The distributions that requirements name, extras left out.

    Markers are not judged: a constraint on what is never installed does nothing.
    """
    for requirement in requirements:
        name = NAME.match(requirement)
        if name and "extra ==" not in requirement.replace("'", '"').replace("extra==", "extra =="):
            yield name.group()


def constraint_lines(versions: Mapping[str, str]) -> str:
    """A constraints file."""
    return "".join(f"{name}=={version}\n" for name, version in versions.items())
