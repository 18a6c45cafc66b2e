"""A SQLite file as people have them: damaged, cut off, on a full disk, or only to be read."""

import os
import sqlite3
from pathlib import Path
from shlex import quote

from phosphene.errors import LibraryError, PhospheneError, StoreError

MEMORY = "file::memory:"  # a database of this connection alone
HEADER = 100  # bytes of a SQLite file that describe it


class DamagedDatabase(LibraryError):
    """A file that is no SQLite database, or no longer a whole one."""


class ReadOnlyDatabase(LibraryError):
    """A file that may only be read, where more is needed."""


def explained(error: sqlite3.Error, path: Path) -> PhospheneError:
    """What SQLite raises, as an error that says what to do."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return StoreError(
            f"`{path}` cannot be written: {error}",
            hint="free some space, then run the same again: what was added before is kept",
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DamagedDatabase(
            f"`{path}` is damaged: {error}",
            hint=f"`phosphene -L {quote(str(path.parent))} repair` makes it again from the store",
        )
    kind = ReadOnlyDatabase if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) else LibraryError
    return kind(f"`{path}` cannot be used: {error}", hint="is the folder there, and may you write it?")


def places(path: Path, writing: bool) -> list[str]:
    """What SQLite is asked to open, in turn: where nothing is to be written, the file as it is, or none."""
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
        return False  # SQLite makes an empty one anew, and rolls back what was not finished
    pages, bytes_each = int.from_bytes(header[28:32]), int.from_bytes(header[16:18])
    return len(header) < HEADER or size < pages * (65_536 if bytes_each == 1 else bytes_each)
