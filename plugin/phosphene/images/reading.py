"""Files as bytes, and what an image is called: by the sha256 of its bytes."""

import hashlib
import os
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import ImageError

# Pillow reads no picture of more than 179 million pixels; 4 colours of 16 bits, raw, take 1.4 GB.
LARGEST = 2 << 30  # bytes


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read: size in bytes and time of change as they were just before."""

    content: bytes
    size: int
    mtime_ns: int


def read(path: Path, *, largest: int = LARGEST) -> File:
    """The bytes of a file. Raises ImageError, with only the reason as its message.

    Folders, named pipes, devices and files of more than `largest` bytes are refused.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageError("not a file")
            if status.st_size > largest:
                raise ImageError(f"larger than {_human(largest)}")
            return File(file.read(), status.st_size, status.st_mtime_ns)
    except FileNotFoundError as error:
        raise ImageError("dangling link" if path.is_symlink() else "not found") from error
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a name that this system cannot have
        raise ImageError("not found") from error


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(read(path).content).hexdigest()


def image_id(sha256: str) -> str:
    """The id of the image whose file has this sha256 (hex)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{sha256}"))


def _open_without_waiting(name: str, flags: int) -> int:
    """Open a file; a named pipe is opened too, rather than waited for, and then refused."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _human(size: int) -> str:
    return f"{size >> 30} GB" if size >= 1 << 30 else f"{size >> 20} MB"
