"""Writing files as a whole or not at all, and never outside of a folder."""

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
    """Write a file under a temporary name, flush it to the disk, and rename it to `path`.

    A reader sees the old file or the new one. A file that is replaced keeps its permissions, and a new one
    gets those that the umask allows.
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
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, which is flushed to the disk and renamed to it at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.part"
    try:
        with naming(path):
            yield part
            with part.open("rb") as file:
                sync(file.fileno())
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the path to an OSError that has none, such as the error of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync(handle: int) -> None:
    """Flush an open file, or the names in an open folder, to the disk."""
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder, so that a file that was renamed into it survives a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows cannot open folders, and flushes a rename with the file
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`. Raises LibraryError if it lies outside of the folder.

    A stranger may have written `name`, so `..`, absolute paths, drives and links that lead out are refused.
    """
    path = folder / name
    root, real = folder.resolve(), path.resolve()
    if not name or real == root or not real.is_relative_to(root):
        raise LibraryError(
            f"The path `{name}` leads out of the folder `{folder}`.",
            hint="phosphene never writes such names: do not trust the source of this file",
        )
    return path


def may_write(folder: Path) -> bool:
    """Whether this user may write into a folder, or make it if it does not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def require_writable(library: Path) -> None:
    """Raise LibraryError if the user may not write to a library. It is called before the work begins."""
    for folder in (library, library / "store", library / "pictures"):
        if not may_write(folder):
            raise LibraryError(
                f"You may not write to `{folder}`, and this command does.",
                hint="make the library writable, or copy it with `phosphene copy` to a place that is",
            )


def aside_in(library: Path) -> Path:
    """The path of a new folder for damaged files, named after the time. It does not exist yet."""
    name = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    folders = (library / ASIDE / f"{name}-{number}" for number in count(1))
    return next(folder for folder in folders if not folder.exists())
