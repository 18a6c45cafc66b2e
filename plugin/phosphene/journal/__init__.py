"""The journal: which files were seen, which image each one is, and which could not be added.

One SQLite file in the library's folder. The store decides what a library holds. A journal that is lost
or damaged is filled again from the store: every file is then looked at once more, and none is embedded
again. Written with a rollback journal, not a write-ahead log, so that one file is all there is to move
or copy between two commands.

Places are uris: absolute paths, or relative to the library's folder, see `sources.to_uri`.
"""

import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from phosphene.errors import LibraryError, PhospheneError
from phosphene.files import aside_in
from phosphene.journal.sqlite import MEMORY, DamagedDatabase, ReadOnlyDatabase, explained, is_cut, places
from phosphene.records import Failure
from phosphene.vectors import Vector

WAIT = 30.0  # seconds, for another process to finish its commit
KEPT_TEXTS = 4096  # vectors of texts; the oldest go first

MANY = "(SELECT value FROM json_each(?))"  # any number of values as one parameter

# Each entry leads from one version to the next. Never change one that was released: append.
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

OF_FILE = re.compile("(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")  # a stamp: size and time of change

# Made with their first rows and in no migration, so that a library that may only be read opens as before.
REMOVED = "CREATE TABLE IF NOT EXISTS removed (id TEXT PRIMARY KEY) WITHOUT ROWID"
STARTS = "CREATE TABLE IF NOT EXISTS starts (sha256 TEXT PRIMARY KEY, uri TEXT NOT NULL) WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as it was when it was added: its stamp (see `sources.Item`), its image and its captions.

    An empty stamp says that it must be looked at again: it was written down from the store.
    """

    uri: str
    stamp: str
    id: str
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture that could not be added as it was. One that could not even be read has no stamp."""

    uri: str
    stamp: str
    reason: str


class Journal:
    """What was seen, in short transactions: after a kill, each has happened or has not.

    Safe in many threads. Opening it changes nothing but a missing file or one of an older version, and
    without `writing` not even those. A file that may only be read is only read. Instead of a `damaged` one
    an empty journal in memory is used, until `restart`. Raises LibraryError for a file of a newer version,
    StoreError where it cannot be written.
    """

    def __init__(self, path: Path, *, writing: bool = True) -> None:
        self.path = path
        self._writing = writing
        self.damaged = is_cut(path)
        self._lock = threading.RLock()
        self._open()

    @property
    def folder(self) -> Path:
        """The library's folder: what relative uris are relative to."""
        return self.path.parent

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    # ── files ─────────────────────────────────────────────────────────────────────────────

    def known(self, uris: Iterable[str]) -> dict[str, Seen]:
        """The files among these that were added, by uri."""
        rows = self._rows(f"SELECT * FROM files WHERE uri IN {MANY}", _many(uris))
        return {row[0]: _seen(row) for row in rows}

    def refused(self, uris: Iterable[str]) -> dict[str, Refused]:
        """The files among these that were refused, by uri."""
        rows = self._rows(f"SELECT * FROM refused WHERE uri IN {MANY}", _many(uris))
        return {row[0]: Refused(row[0], _stamp(*row[1:3]), row[3]) for row in rows}

    def places(self, ids: Iterable[str]) -> dict[str, list[Seen]]:
        """The files that are these images, by id, in the order of their uris."""
        places: dict[str, list[Seen]] = {}
        for row in self._rows(f"SELECT * FROM files WHERE id IN {MANY} ORDER BY uri", _many(ids)):
            places.setdefault(row[3], []).append(_seen(row))
        return places

    def holds(self, id: str) -> bool:
        """Whether a file was added that is this image."""
        return bool(self._rows("SELECT 1 FROM files WHERE id = ? LIMIT 1", (id,)))

    def ids(self) -> set[str]:
        """The images of all files that were added."""
        return {row[0] for row in self._rows("SELECT DISTINCT id FROM files")}

    def files(self) -> list[Seen]:
        """All files that were added."""
        return [_seen(row) for row in self._rows("SELECT * FROM files ORDER BY uri")]

    def record(self, seen: Iterable[Seen], refused: Iterable[Refused] = ()) -> None:
        """Write down a batch: what was added, and what was not. All of it or nothing.

        A file whose content was refused (it has a stamp) is no longer the image that it was.
        """
        added = [(s.uri, *_columns(s.stamp), s.id, json.dumps(s.captions)) for s in seen]
        failed = [(r.uri, *_columns(r.stamp), r.reason) for r in refused]
        with self._transaction() as database:
            database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", added)
            database.executemany("DELETE FROM refused WHERE uri = ?", [row[:1] for row in added])
            database.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", failed)
            database.executemany(
                "DELETE FROM files WHERE uri = ?", [row[:1] for row in failed if row[1] >= 0]
            )

    def forget(self, ids: Iterable[str]) -> None:
        """Forget the files of these images: adding them again embeds them again."""
        with self._transaction() as database:
            database.execute(f"DELETE FROM files WHERE id IN {MANY}", _many(ids))

    def remove(self, ids: Iterable[str]) -> None:
        """Forget the files of these images, and remember that the user took them out."""
        named = _many(ids)
        with self._transaction() as database:
            database.execute(REMOVED)
            database.execute(f"DELETE FROM files WHERE id IN {MANY}", named)
            database.execute(f"INSERT OR IGNORE INTO removed {MANY[1:-1]}", named)

    def removed(self) -> set[str]:
        """The images that the user took out and that have not come back."""
        return {row[0] for row in self._rows("SELECT id FROM removed")} if self._has("removed") else set()

    def take_back(self, ids: Iterable[str]) -> None:
        """Images that had been taken out are in the library again."""
        if back := self.removed() & set(ids):
            with self._transaction() as database:
                database.execute(f"DELETE FROM removed WHERE id IN {MANY}", _many(back))

    def failures(self) -> list[Failure]:
        """All files that could not be added, with the reasons."""
        return [Failure(*row) for row in self._rows("SELECT uri, reason FROM refused ORDER BY uri")]

    # ── starts ────────────────────────────────────────────────────────────────────────────

    def remember(self, sha256: str, uri: str) -> None:
        """Remember where a file lay that a picture was made from, by the sha256 of its bytes.

        Where that cannot be written, a picture is made all the same.
        """
        try:
            with self._transaction() as database:
                database.execute(STARTS)
                database.execute("INSERT OR REPLACE INTO starts VALUES (?, ?)", (sha256, uri))
        except PhospheneError:
            return

    def remembered(self, sha256: str) -> str | None:
        """Where the file of these bytes lay when a picture was last made from it, as a uri, or None."""
        if not self._has("starts"):
            return None
        rows = self._rows("SELECT uri FROM starts WHERE sha256 = ?", (sha256,))
        return str(rows[0][0]) if rows else None

    # ── texts ─────────────────────────────────────────────────────────────────────────────

    def text_vector(self, text: str, space: str) -> Vector | None:
        """The kept vector (d,) of a text in a space (its id), or None."""
        try:
            rows = self._rows("SELECT vector FROM texts WHERE key = ?", (_key(text, space),))
        except DamagedDatabase:
            return None
        return _floats(rows[0][0]) if rows else None

    def keep_text_vector(self, text: str, space: str, vector: Vector) -> None:
        """Keep the vector of a text; where that cannot be written, a search works all the same."""
        row = (_key(text, space), np.asarray(vector, dtype="<f4").tobytes())
        try:
            with self._transaction() as database:
                database.execute("INSERT OR REPLACE INTO texts (key, vector) VALUES (?, ?)", row)
                oldest = "SELECT max(number) - ? FROM texts"
                database.execute(f"DELETE FROM texts WHERE number <= ({oldest})", (KEPT_TEXTS,))
        except PhospheneError:
            return

    # ── damage ────────────────────────────────────────────────────────────────────────────

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file: nothing where it is whole.

        From then on an empty journal in memory stands for a damaged one, as if it had been found at once.
        """
        if self.damaged:
            return ["it is no whole SQLite database"]
        try:
            found = [str(row[0]) for row in self._rows("PRAGMA quick_check")]
        except DamagedDatabase as error:
            found = [error.message]
        if found == ["ok"]:
            return []
        with self._lock:
            self._database.close()
            self.damaged = True
            self._open()
        return found

    def restart(self) -> Path:
        """Move a damaged file aside and begin with an empty one. Returns where the old one is now."""
        with self._lock:
            self._database.close()
            aside = aside_in(self.folder)
            aside.mkdir(parents=True)
            for file in self.folder.glob(f"{self.path.name}*"):  # with what SQLite wrote beside it
                file.rename(aside / file.name)
            self.damaged = False
            self._open()
        return aside

    # ── SQLite ────────────────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        """Open the file, or what stands for one that is damaged or may only be read."""
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
            self._database = sqlite3.connect(
                place, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
            )
        try:
            self._refuse_programs()
            self._migrate()
        except PhospheneError:
            self._database.close()
            raise

    def _refuse_programs(self) -> None:
        """Raise DamagedDatabase for triggers and views: a stranger's would run at our next write or read."""
        found = self._rows("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if found:
            raise DamagedDatabase(
                f"`{self.path}` is no journal of phosphene: it has a {found[0][0]}",
                hint=f"`phosphene -L {quote(str(self.path.parent))} repair` makes it again from the store",
            )

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._database.execute(statement, values).fetchall()

    def _has(self, table: str) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # SQLite itself rolls back where the disk is full
                    self._database.execute("ROLLBACK")
                raise

    def _migrate(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise LibraryError(
                f"`{self.path}` has version {version}; this phosphene reads up to {len(MIGRATIONS)}",
                hint="a newer phosphene made it: `pip install --upgrade phosphene`",
            )
        if version < len(MIGRATIONS):
            with self._transaction() as database:
                for script in MIGRATIONS[self._version() :]:  # anew: another process may have been first
                    for statement in filter(str.strip, script.split(";")):
                        database.execute(statement)
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self._rows("PRAGMA user_version")[0][0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """One thread at a time, and SQLite's errors as ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise explained(error, self.path) from error


def _many(values: Iterable[str]) -> tuple[str]:
    return (json.dumps(list(values)),)


def _seen(row: tuple[Any, ...]) -> Seen:
    uri, size, mtime_ns, id, captions = row
    return Seen(uri, _stamp(size, mtime_ns), id, _captions(captions))


def _columns(stamp: str) -> tuple[int, int | str]:
    """A stamp in the two columns `size` and `mtime_ns`, which were made for the stamps of files.

    Other stamps are texts in the second one. So journals of all versions are alike, and one that may only
    be read needs no migration.
    """
    if not stamp:
        return -1, -1
    found = OF_FILE.fullmatch(stamp)
    if found and max(numbers := (int(found[1]), int(found[2]))) < 2**63:
        return numbers
    return 0, f"={stamp}"  # the sign keeps SQLite from reading it as a number


def _stamp(size: object, changed: object) -> str:
    """The stamp in two columns; empty, so that the picture is looked at again, where it is none."""
    if isinstance(changed, str):
        return changed.removeprefix("=")
    is_file = isinstance(size, int) and isinstance(changed, int) and size >= 0
    return f"{size}-{changed}" if is_file else ""


def _captions(text: object) -> tuple[str, ...]:
    """The captions of a row; none where another program wrote something else there."""
    try:
        captions = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return ()
    listed = captions if isinstance(captions, list) else []
    return tuple(caption for caption in listed if isinstance(caption, str))


def _floats(content: object) -> Vector | None:
    """The numbers (d,) of a row; None where they are none, so that the text is embedded again."""
    if not isinstance(content, bytes) or not content or len(content) % 4:
        return None
    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() and vector.any() else None


def _key(text: str, space: str) -> bytes:
    """Texts are kept as digests: they may be long, are private, and need not be Unicode."""
    return sha256(f"{space}\0{text}".encode("utf-8", "surrogatepass")).digest()
