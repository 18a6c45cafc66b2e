"""The SQLite file of a journal: opened, brought up to date, locked, and replaced if it is damaged.

It is written with a rollback journal and not with a write-ahead log, so that between two commands one file is
all that has to be moved or copied.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from phosphene.errors import LibraryError, PhospheneError
from phosphene.files import aside_in
from phosphene.journal.sqlite import MEMORY, DamagedDatabase, ReadOnlyDatabase, explained, is_cut, places

BUSY_TIMEOUT = 30.0  # seconds to wait for another process to finish its commit

# Each script leads from one version to the next. Never change one that was released: append another.
MIGRATIONS = (
    """
    CREATE TABLE files (
        uri TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, id TEXT NOT NULL, captions TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX files_by_id ON files (id);
    CREATE TABLE refused (
        uri TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, reason TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE texts (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL);
    """,
)


class Database:
    """The open file. It is safe in many threads, and a transaction happens whole or not at all.

    Opening changes nothing, except that a missing file is made and one of an older version is brought up to
    date; without `writing` not even that. A file that may only be read is only read. If the file is
    `damaged`, an empty database in memory stands for it until `restart`. Raises LibraryError for a file of a
    newer version, and StoreError for one that cannot be written.
    """

    def __init__(self, path: Path, *, writing: bool = True) -> None:
        self.path = path
        self.damaged = is_cut(path)
        self._writing = writing
        self._lock = threading.RLock()
        self._open()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with self._explained():
            return self._connection.execute(statement, values).fetchall()

    def has(self, table: str) -> bool:
        """Whether there is a table."""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make changes together: all of them, or none if an exception ends the block."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    # ── damage ────────────────────────────────────────────────────────────────────────────

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file; nothing if it is whole.

        From then on an empty database in memory stands for a damaged file.
        """
        if self.damaged:
            return ["it is not a whole SQLite database"]
        try:
            found = [str(row[0]) for row in self.rows("PRAGMA quick_check")]
        except DamagedDatabase as error:
            found = [error.message]
        if found == ["ok"]:
            return []
        with self._lock:
            self._connection.close()
            self.damaged = True
            self._open()
        return found

    def restart(self) -> Path:
        """Move a damaged file aside and begin with an empty one. Returns where the old file is now."""
        with self._lock:
            self._connection.close()
            aside = aside_in(self.path.parent)
            aside.mkdir(parents=True)
            for file in self.path.parent.glob(f"{self.path.name}*"):  # with what SQLite wrote beside it
                file.rename(aside / file.name)
            self.damaged = False
            self._open()
        return aside

    # ── opening ───────────────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        """Open the file, or what stands for a file that is damaged or may only be read."""
        asked = [MEMORY] if self.damaged else places(self.path, self._writing)
        for place in asked:
            try:
                self._connect(place)
                return
            except ReadOnlyDatabase:  # the next place asks for less
                if place == asked[-1]:
                    raise
            except DamagedDatabase:
                self.damaged = True
                return self._connect(MEMORY)

    def _connect(self, place: str) -> None:
        with self._explained():
            self._connection = sqlite3.connect(
                place, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
        try:
            self._refuse_programs()
            self._migrate()
        except PhospheneError:
            self._connection.close()
            raise

    def _refuse_programs(self) -> None:
        """Raises DamagedDatabase for triggers and views: a stranger's would run when we write or read."""
        found = self.rows("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if found:
            raise DamagedDatabase(
                f"`{self.path}` is not a journal of phosphene: it has a {found[0][0]}",
                hint=f"`phosphene -L {quote(str(self.path.parent))} repair` makes it again from the store",
            )

    def _migrate(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise LibraryError(
                f"`{self.path}` has version {version}; this phosphene reads up to {len(MIGRATIONS)}",
                hint="a newer version made it: upgrade with `pip install --upgrade phosphene`",
            )
        if version < len(MIGRATIONS):
            with self.transaction() as connection:
                for script in MIGRATIONS[self._version() :]:  # asked again: another process may be faster
                    for statement in filter(str.strip, script.split(";")):
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """One thread at a time, and SQLite's errors as ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise explained(error, self.path) from error
