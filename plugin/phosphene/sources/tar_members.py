"""The members of a tar, and their bytes by offset.

Anybody may have written a tar. Names of members are only names, links and devices are never followed, nothing
is unpacked, and no header makes this process read or wait without a bound.
"""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from phosphene.errors import ImageError
from phosphene.images.reading import LARGEST, open_file
from phosphene.sources.file_names import absolute

BLOCK = tarfile.BLOCKSIZE
LARGEST_HEADER = 1 << 20  # bytes of a member's long name or extended header
# What Python's tarfile raises for damaged headers. A chain of extended headers ends in a RecursionError.
DAMAGE = (tarfile.TarError, ValueError, OverflowError, EOFError, IndexError, RecursionError)
CUT = "it is cut off or damaged; the members before that are whole"
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd"}


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar: how it is opened for listing, and how a part of it is read later.

    Both raise ImageError with the reason if the tar is gone, cannot be read, or has changed.
    """

    uri: str  # `file:///…`, or one with a scheme
    stamp: str  # changes whenever the bytes may have changed
    open: Callable[[], AbstractContextManager[BinaryIO]]
    read: Callable[[int, int], bytes]  # takes the offset and the size; it is called in any thread


def local_shard(path: Path) -> Shard:
    """The tar in a file of this machine. Raises ImageError with the reason if it cannot be opened."""
    place = absolute(path)
    with open_file(place) as file:
        stamp = _stamp(file)
    return Shard(place.as_uri(), stamp, partial(open_file, place), partial(_read_range, place, stamp))


def members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar in order, without their bytes.

    Raises ImageError with the reason where the tar is cut off or damaged, after the whole members before.
    """
    size = file.seek(0, os.SEEK_END)
    _refuse_compressed(file)
    end = 0
    try:
        archive = tarfile.TarFile(fileobj=_Headers(file))
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
            if member.size < 0 or archive.offset <= end or (member.isreg() and _end(member) > size):
                raise ImageError(CUT)
            end = archive.offset
            yield member
    except DAMAGE as error:
        raise ImageError(CUT) from error
    if end and not _is_end_mark(file, end):
        raise ImageError(CUT)


def _end(member: tarfile.TarInfo) -> int:
    return member.offset_data + member.size


def _is_end_mark(file: BinaryIO, offset: int) -> bool:
    """Whether a tar ends at an offset. Without a block of zeros there, members may be missing."""
    file.seek(offset)
    return file.read(BLOCK) == bytes(BLOCK)


def _refuse_compressed(file: BinaryIO) -> None:
    file.seek(0)
    start = file.read(max(map(len, COMPRESSED)))
    file.seek(0)
    for mark, kind in COMPRESSED.items():
        if start.startswith(mark):
            raise ImageError(
                f"it is compressed with {kind}, so that its members cannot be read by their offset",
                hint="decompress it first, which costs hardly any space, since pictures are compressed",
            )


class _Headers(io.RawIOBase):
    """A tar of which only headers are read, so that no header's size makes tarfile read more than that."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def _read_range(path: Path, stamp: str, offset: int, size: int) -> bytes:
    if size > LARGEST:
        raise ImageError(f"it is larger than {LARGEST >> 30} GB")
    with open_file(path) as file:
        if _stamp(file) != stamp:
            raise ImageError(f"`{path.name}` has changed while it was read")
        file.seek(offset)
        return file.read(size)


def _stamp(file: BinaryIO) -> str:
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}"
