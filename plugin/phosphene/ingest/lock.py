"""The lock of a library, which allows one writer at a time."""

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
HOLDER = "add.lock.json"  # says which process holds the lock, since the lock file itself is empty
POLL = 0.2  # seconds


@contextmanager
def writing(folder: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the library in `folder`, so that no other process writes to it.

    If another process holds it, `on_wait` is called once with that process's name, and then this one waits.
    The operating system releases the lock when a process ends, however it ends. Raises LibraryError if the
    folder cannot be written.
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
        message = f"`{folder}` cannot be written: {reason}."
        raise LibraryError(message, hint="check that you may write to this folder") from error
    try:
        _sign(folder)
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _sign(folder: Path) -> None:
    """Write down which process holds the lock. If the disk is full, the work goes on without that."""
    who = {"pid": os.getpid(), "host": socket.gethostname(), "command": shlex.join(sys.argv)}
    with suppress(OSError):
        (folder / HOLDER).write_text(json.dumps(who), encoding="utf-8")


def _holder(folder: Path) -> str:
    try:
        who = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} (`{who['command']}`)"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"  # it has just taken the lock
