"""The SQLite file of a journal: opening, migrating and locking it, and replacing a damaged one.

SQLite uses a rollback journal and not a write-ahead log, so that only one file has to be moved or copied.
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

# Each script migrates from one version to the next. Never change a released script, but append a new one.
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
    """The open file. Many threads may use it at once, and a transaction is done as a whole or not at all.

    Opening creates a missing file and migrates one of an older version, and without `writing` it does not
    even do that. A read-only file is only read. If the file is `damaged`, an empty database in memory is
    used until `restart`. Raises LibraryError for a file of a
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
        """Whether a table exists."""
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
        """The problems that SQLite finds in the file.

        If there are any, an empty database in memory is used from then on.
        """
        if self.damaged:
            return ["it is not a complete SQLite database"]
        try:
            found = [str(row[0]) for row in self.rows("PRAGMA quick_check")]
        except DamagedDatabase as error:
            found = [str(error.__cause__ or error)]
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
            for file in self.path.parent.glob(f"{self.path.name}*"):  # and what SQLite wrote beside it
                file.rename(aside / file.name)
            self.damaged = False
            self._open()
        return aside

    # ── opening ───────────────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        """Open the file, or a database in memory if the file is damaged or cannot be opened read-only."""
        asked = [MEMORY] if self.damaged else places(self.path, self._writing)
        for place in asked:
            try:
                self._connect(place)
                return
            except ReadOnlyDatabase:  # the next place needs fewer permissions
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
        """Raise DamagedDatabase for triggers and views, because those of a stranger would run here."""
        found = self.rows("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if found:
            raise DamagedDatabase(
                f"`{self.path}` is not a journal of phosphene, because it has a {found[0][0]}.",
                hint=f"run `phosphene -L {quote(str(self.path.parent))} repair`, which makes it again",
            )

    def _migrate(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise LibraryError(
                f"The journal `{self.path}` has version {version}. This version of phosphene reads up to"
                f" version {len(MIGRATIONS)}.",
                hint="run `pip install --upgrade phosphene`, since a newer version made the journal",
            )
        if version < len(MIGRATIONS):
            with self.transaction() as connection:
                for script in MIGRATIONS[self._version() :]:  # another process may have migrated
                    for statement in filter(str.strip, script.split(";")):
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let in one thread at a time, and turn SQLite's errors into ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise explained(error, self.path) from error
