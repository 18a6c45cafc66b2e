"""One writer per library at a time, and commits that Ctrl-C cannot cut in two."""

import json
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

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


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold a Ctrl-C back until the end of the block.

    A store that is left in the middle of a commit goes on writing in threads of its own, and the
    next commit would meet it there.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield  # other threads get no signals; None: not Python's to change
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


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
