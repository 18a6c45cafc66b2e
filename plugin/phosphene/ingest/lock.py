"""One writer per library at a time."""

import json
import os
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from phosphene.errors import LibraryError

LOCK = "add.lock"
HOLDER = "add.lock.json"  # beside it, since the lock itself holds nothing: who has it
POLL = 0.2  # seconds


@contextmanager
def writing(folder: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Be the only writer of the library in `folder`.

    Where another process writes already, `on_wait` is told who, once, and then waited for it.
    The lock is the operating system's: it ends with its process, however that ends.
    Raises LibraryError where the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait(_holder(folder))
            lock.acquire(poll_interval=POLL)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LibraryError(f"`{folder}` cannot be written: {reason}", hint="may you write there?") from error
    try:
        _sign(folder)
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _sign(folder: Path) -> None:
    """Leave word of who writes. It is a courtesy: a full disk does not stop it."""
    who = {"pid": os.getpid(), "host": socket.gethostname(), "command": shlex.join(sys.argv)}
    with suppress(OSError):
        (folder / HOLDER).write_text(json.dumps(who), encoding="utf-8")


def _holder(folder: Path) -> str:
    try:
        who = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} (`{who['command']}`)"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"  # it has only just begun
