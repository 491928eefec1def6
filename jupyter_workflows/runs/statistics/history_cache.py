"""What was learnt from the histories of closed runs, on disk: it never changes, and may be deleted at any time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from .facts import VERSION, RunFacts

FILE = "closed-runs.sqlite"
WAIT_SECONDS = 2.0
AT_ONCE = 500
# About 1 KB a run: what is oldest goes when there is more.
MOST_RUNS = 200_000


class HistoryCache:
    """Facts of closed runs by Temporal's run id.

    Whatever is wrong with the file, the cache is empty then and the histories are read again.

    Args:
        directory: Where the file is; without one nothing is kept.
    """

    def __init__(self, directory: Path | None) -> None:
        self.path = directory / FILE if directory else None

    def find(self, run_ids: Iterable[str]) -> dict[str, RunFacts]:
        """What is known of these runs."""
        wanted = list(run_ids)
        found: dict[str, RunFacts] = {}
        with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(self.opened()) as file:
            for start in range(0, len(wanted), AT_ONCE):
                part = wanted[start : start + AT_ONCE]
                places = ",".join("?" * len(part))
                for run_id, text in file.execute(f"SELECT run_id, facts FROM runs WHERE run_id IN ({places})", part):
                    with contextlib.suppress(ValueError):
                        found[run_id] = RunFacts.read(text)
        return found

    def keep(self, facts: Mapping[str, RunFacts]) -> None:
        """Keeps the facts of closed runs."""
        if not facts:
            return
        rows = [(run_id, each.text()) for run_id, each in facts.items()]
        with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(self.opened()) as file, file:
            file.executemany("INSERT OR REPLACE INTO runs (run_id, facts) VALUES (?, ?)", rows)
            file.execute("DELETE FROM runs WHERE rowid <= (SELECT MAX(rowid) FROM runs) - ?", (MOST_RUNS,))

    def opened(self) -> sqlite3.Connection:
        """The file, made where it is missing and made anew where it is of another version or broken.

        Raises:
            sqlite3.Error: It can't be used.
            OSError: It can't be made.
        """
        if self.path is None:
            return self.prepared(sqlite3.connect(":memory:"))
        try:
            return self.prepared(connected(self.path))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.path.unlink(missing_ok=True)
            return self.prepared(connected(self.path))

    @staticmethod
    def prepared(file: sqlite3.Connection) -> sqlite3.Connection:
        """The connection with its table.

        Raises:
            sqlite3.Error: The file is no database, or is busy.
        """
        try:
            if file.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                with file:
                    file.execute("DROP TABLE IF EXISTS runs")
                    file.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, facts TEXT NOT NULL)")
                    file.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            file.close()
            raise
        return file


def connected(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is its owner's alone.

    Raises:
        sqlite3.Error: It can't be opened.
        OSError: It can't be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return sqlite3.connect(path, timeout=WAIT_SECONDS)
