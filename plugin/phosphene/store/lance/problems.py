"""What can go wrong with the files of an embedded store: another writer, and the errors of LanceDB."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from filelock import FileLock, Timeout

from phosphene.errors import StoreError

LOCK_TIMEOUT = 600  # seconds to wait for another process's write; building an index is the longest


def lock(folder: Path) -> FileLock:
    """What one writer holds at a time. The system lets go of it when a process dies."""
    return FileLock(folder / "write.lock", timeout=LOCK_TIMEOUT)


@contextmanager
def clearly(folder: Path, deed: str) -> Iterator[None]:
    """Turn what LanceDB raises into a StoreError that says what to do.

    It raises these three kinds, with an origin in its own sources at the end of the text.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = re.split(r", /\S+\.rs:", str(error))[0].removeprefix("lance error: ")
        raise StoreError(f"cannot {deed} the store in `{folder}`: {reason}", _hint(error, folder)) from error


def _hint(error: Exception, folder: Path) -> str:
    """What helps against `error`; LanceDB tells its kinds apart only in words."""
    text = str(error)
    if isinstance(error, Timeout):
        return f"another process has been writing for {LOCK_TIMEOUT} s: wait for it, or end it"
    if re.search("No space left|File too large|quota", text):
        return "make room on that disk; what was stored before is whole"
    if re.search("Permission denied|Read-only", text):
        return "make the folder writable for you, or copy the library to where it is"
    return f"`phosphene -L {quote(str(folder.parent))} repair` brings back what it can, and deletes nothing"
