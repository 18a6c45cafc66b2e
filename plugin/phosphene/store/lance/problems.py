"""What can go wrong with the files of an embedded store: another writer, and the errors of LanceDB."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from phosphene.errors import StoreError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_TIMEOUT = 600  # seconds to wait for the write of another process; building an index takes longest


def lock(folder: Path, timeout: float = LOCK_TIMEOUT) -> "FileLock":
    """The lock that one writer holds at a time. The system releases it when the process dies.

    Another writer waits for at most `timeout` seconds.
    """
    from filelock import FileLock

    return FileLock(folder / "write.lock", timeout=timeout)


@contextmanager
def store_errors(folder: Path, done: str) -> Iterator[None]:
    """Turn LanceDB's errors into a StoreError that says what could not be `done`, and why.

    LanceDB raises these three kinds of errors, whose texts end with a place in its own source code.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = re.split(r", /\S+\.rs:", str(error))[0].removeprefix("lance error: ")
        message = f"The store in `{folder}` cannot be {done}: {reason.rstrip('.')}."
        raise StoreError(message, _hint(error, folder)) from error


def _hint(error: Exception, folder: Path) -> str:
    """The hint for an error. LanceDB distinguishes kinds of errors only by their texts."""
    from filelock import Timeout

    text = str(error)
    if isinstance(error, Timeout):
        return "wait for the other process, which is still writing, or end it"
    if re.search("No space left|File too large|quota", text):
        return "free some space on that disk; everything that was stored before is intact"
    if re.search("Permission denied|Read-only", text):
        return "make the folder writable, or copy the library to a place that is"
    return repair(folder)


def repair(folder: Path) -> str:
    """The hint to repair the library of a damaged store."""
    return f"run `phosphene -L {quote(str(folder.parent))} repair`, which deletes nothing"
