"""Reading files as bytes, and the ids of images, which follow from the sha256 of these bytes."""

import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from phosphene.errors import ImageError

# Pillow refuses pictures of more than 179 million pixels. With 4 colours of 16 bits those take 1.4 GB.
LARGEST = 2 << 30  # bytes


@dataclass(frozen=True, slots=True)
class File:
    """The bytes of a file, and its size and time of change just before it was read."""

    content: bytes
    size: int
    mtime_ns: int


def read(path: Path, *, largest: int = LARGEST) -> File:
    """Read a file of at most `largest` bytes. Raises ImageError as `open_file` does."""
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        if status.st_size > largest:
            raise ImageError(f"it is larger than {_human(largest)}")
        return File(file.read(), status.st_size, status.st_mtime_ns)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading. Raises ImageError with only the reason as its message.

    Folders, named pipes and devices are refused.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ImageError("it is not a file")
            yield file
    except FileNotFoundError as error:
        missing = "it is a link to a missing file" if path.is_symlink() else "it does not exist"
        raise ImageError(missing) from error
    except IsADirectoryError as error:
        raise ImageError("it is a folder") from error
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # no file can have this name
        raise ImageError("it does not exist") from error


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(read(path).content).hexdigest()


def image_id(sha256: str) -> str:
    """The id of the image whose file has this sha256 (hex)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{sha256}"))


def _open_without_waiting(name: str, flags: int) -> int:
    """Open a file without waiting for the other end if it is a named pipe, which is then refused."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _human(size: int) -> str:
    return f"{size >> 30} GB" if size >= 1 << 30 else f"{size >> 20} MB"
