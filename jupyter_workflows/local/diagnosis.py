"""Why the Temporal server did not start, in words that say what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

from .paths import HOME_VARIABLE, Home

Kind = Literal["port", "disk", "damaged", "unwritable", "slow", "unsafe", "other"]
TAIL_BYTES = 4096
LEAST_FREE_BYTES = 2 * 1024 * 1024
"""Temporal's database grows by some 20 KB a run; below this the next writes fail."""

_SIGNS: tuple[tuple[str, Kind], ...] = (
    ("address already in use", "port"),
    ("disk is full", "disk"),
    ("no space left on device", "disk"),
    ("disk image is malformed", "damaged"),
    ("file is not a database", "damaged"),
    ("readonly database", "unwritable"),
    ("read-only", "unwritable"),
    ("unable to open database", "unwritable"),
    ("permission denied", "unwritable"),
    ("locking protocol", "unwritable"),
)


class Diagnosis(NamedTuple):
    """What is wrong with the server."""

    kind: Kind
    text: str


def diagnose(home: Home, log_tail: str, how_it_ended: str) -> Diagnosis:
    """Read the reason out of the last lines of the server's log."""
    kind = _kind(log_tail.lower())
    if kind == "other" and (full := full_disk(home)):
        return full
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("Error:")), lines[-1] if lines else how_it_ended)
    return Diagnosis(kind, _sentence(home, kind, last[:400], how_it_ended))


def full_disk(home: Home) -> Diagnosis | None:
    """The diagnosis for a disk that takes no more, if it is so."""
    try:
        disk = os.statvfs(home.server)
    except OSError:
        return None
    free = disk.f_bavail * disk.f_frsize
    return Diagnosis("disk", _disk_sentence(home, free)) if free < LEAST_FREE_BYTES else None


def damaged_beyond_doubt(database: Path) -> bool:
    """Whether a database file does not even begin like one (https://sqlite.org/fileformat2.html#the_database_header)."""
    try:
        with database.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return bool(head) and head != b"SQLite format 3\x00"


def damaged_sentence(home: Home, reason: str) -> str:
    """What to say of a damaged database."""
    return (
        f"The database {home.database} is damaged ({reason}). Nothing was changed. Restore the file from a copy, or "
        "run `jupyter workflows up --recover`: it moves the database aside, under a name with `.damaged-<time>`, "
        "and begins with an empty one; the runs in it are no longer shown or continued."
    )


def _kind(log_tail: str) -> Kind:
    for sign, kind in _SIGNS:
        if sign in log_tail:
            return kind
    return "other"


def _sentence(home: Home, kind: Kind, last: str, how_it_ended: str) -> str:
    if kind == "disk":
        return _disk_sentence(home, None)
    if kind == "damaged":
        return damaged_sentence(home, last.rpartition(": ")[2])
    if kind == "unwritable":
        return (
            f"The Temporal server can't write its database {home.database}: {last.removeprefix('Error: ')}. "
            f"Make {home.server} writable, or set {HOME_VARIABLE} to a directory of your own on a local disk."
        )
    if kind == "port":
        return f"The Temporal server found its ports taken: {last.removeprefix('Error: ')}. Try again."
    return f"The Temporal server {how_it_ended}: {last.removeprefix('Error: ')}. Its log is {home.logs / 'server.log'}."


def _disk_sentence(home: Home, free: int | None) -> str:
    left = "" if free is None else f" ({free // 1024} KB are free)"
    return (
        f"The disk that holds {home.data} is full{left}. Free some space, or set {HOME_VARIABLE} to a directory on "
        "another disk; runs go on by themselves once there is space."
    )
