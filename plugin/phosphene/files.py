"""Writing files so that a reader sees the old one or the new one, and never outside of a folder."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from phosphene.errors import LibraryError

ASIDE = "set-aside"  # the folder in a library for damaged files, which are never deleted


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary name beside `path`, flush it to the disk, then rename it into place.

    A file that is replaced keeps its permissions; a new one gets what the umask leaves.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            file.write(content)
            with suppress(FileNotFoundError):
                part.chmod(path.stat().st_mode & 0o777)
            sync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the path to an OSError that lacks one, as that of a full disk does."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync(handle: int) -> None:
    """Flush an open file, or an open folder's names, to the disk."""
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder: a file that was renamed into it is there after a power cut, too."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folders, and its rename is flushed with the file
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`. Raises LibraryError where it would lie outside of it.

    `name` may come from a stranger: `..`, absolute paths, drives and links that lead out are refused.
    """
    path = folder / name
    root, real = folder.resolve(), path.resolve()
    if not name or real == root or not real.is_relative_to(root):
        raise LibraryError(
            f"`{name}` would lie outside of `{folder}`",
            hint="this name was not written by phosphene: do not trust where it came from",
        )
    return path


def may_write(folder: Path) -> bool:
    """Whether this user may write into a folder, or make it where it is not there yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return os.access(there, os.W_OK | os.X_OK)


def require_writable(library: Path) -> None:
    """Raises LibraryError for a library that may only be read. Call it before the work begins."""
    for folder in (library, library / "store", library / "pictures"):
        if not may_write(folder):
            raise LibraryError(
                f"`{folder}` may only be read, and this command writes to it",
                hint="make the library writable for you, or `phosphene copy` it to a place that is",
            )


def aside_in(library: Path) -> Path:
    """A new folder in a library for damaged files, named by the time. It is not made yet."""
    name = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    folders = (library / ASIDE / f"{name}-{number}" for number in count(1))
    return next(folder for folder in folders if not folder.exists())
