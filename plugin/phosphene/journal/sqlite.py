"""SQLite files that are damaged, cut off, on a full disk, or read-only."""

import os
import sqlite3
from pathlib import Path
from shlex import quote

from phosphene.errors import LibraryError, PhospheneError, StoreError

MEMORY = "file::memory:"  # a database in memory, for one connection
HEADER = 100  # bytes of the header of a SQLite file


class DamagedDatabase(LibraryError):
    """A file is not a SQLite database, or is damaged."""


class ReadOnlyDatabase(LibraryError):
    """A file cannot be written or opened, and more is needed."""


def explained(error: sqlite3.Error, path: Path) -> PhospheneError:
    """The error to raise for an error of SQLite."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return StoreError(
            f"`{path}` cannot be written: {error}.",
            hint="free some space, and run the same command again: what was added before is kept",
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DamagedDatabase(
            f"`{path}` is damaged: {error}.",
            hint=f"run `phosphene -L {quote(str(path.parent))} repair`, which makes it again from the store",
        )
    kind = ReadOnlyDatabase if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) else LibraryError
    return kind(
        f"`{path}` cannot be used: {error}.", hint="check that its folder exists and that you may write to it"
    )


def places(path: Path, writing: bool) -> list[str]:
    """The places to open, in turn. Without `writing` these are the file, read-only, and then memory."""
    uri = path.absolute().as_uri()
    if writing and (not path.parent.exists() or _may_write(path)):
        return [uri]
    return [f"{uri}?mode=ro", f"{uri}?mode=ro&immutable=1", MEMORY]


def _may_write(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def is_cut(path: Path) -> bool:
    """Whether a database is shorter than its header says (https://sqlite.org/fileformat.html)."""
    try:
        with path.open("rb") as file:
            header, size = file.read(HEADER), os.fstat(file.fileno()).st_size
    except OSError:
        return False
    if size == 0 or path.with_name(f"{path.name}-journal").exists():
        return False  # SQLite initialises an empty file, and rolls back an unfinished transaction
    pages, bytes_each = int.from_bytes(header[28:32]), int.from_bytes(header[16:18])
    return len(header) < HEADER or size < pages * (65_536 if bytes_each == 1 else bytes_each)
