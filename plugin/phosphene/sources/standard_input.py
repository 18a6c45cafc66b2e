"""`-`: paths on standard input, as `find`, `fd` and `git ls-files` print them, one after the other.

A newline ends a path. If there is a NUL before the first newline, as in the output of `find -print0`, then
NULs end paths, and a path may have newlines in it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from phosphene.errors import ImageError, PhospheneError
from phosphene.records import Failure
from phosphene.sources.file_names import absolute
from phosphene.sources.item import Item, Source
from phosphene.sources.local_files import PathScan
from phosphene.sources.scan_options import ScanOptions

PIECE = 1 << 16  # bytes that are read at once, or as many as there are
LONGEST = 1 << 20  # bytes without an end; no path is so long


class StandardInput:
    """A Source of everything that is named on standard input. What comes early is added early."""

    def __init__(self, options: ScanOptions, open_other: Callable[[str], Source | None]) -> None:
        """`open_other` opens what is no plain file or folder, and returns None for these."""
        self._options = options
        self._open_other = open_other
        self._names: list[str] = []  # that have been read so far, since nothing can be read twice
        self._rest = _names_on(sys.stdin.buffer)
        self._others: dict[str, Source] = {}

    def items(self) -> Iterator[Item | Failure]:
        """What each name stands for, as if it were named on the command line. What is wrong is a Failure."""
        found, done = PathScan([], self._options), set[str]()
        for name in self._all_names():
            for item in self._items_of(name, found):
                if item.uri not in done:
                    done.add(item.uri)
                    yield item
        yield from found.failures

    def close(self) -> None:
        """Close the sources that were named."""
        for source in self._others.values():
            source.close()

    def _all_names(self) -> Iterator[str]:
        yield from list(self._names)
        for name in self._rest:
            self._names.append(name)
            yield name

    def _items_of(self, name: str, found: PathScan) -> Iterator[Item | Failure]:
        try:
            other = self._others.get(name) or self._open_other(name)
            if other is not None:
                self._others[name] = other
                yield from other.items()
                return
        except PhospheneError as error:
            yield Failure(name, error.message)
            return
        yield from map(found.item, found.files(absolute(Path(name))))


def _names_on(file: BinaryIO) -> Iterator[str]:
    """The names on a stream. Raises ImageError if it is something else than names."""
    end, left = b"", b""
    while piece := _some_of(file):
        left += piece
        end = end or _end_of_names(left)
        if end:
            *names, left = left.split(end)
            yield from map(os.fsdecode, filter(None, names))
        if len(left) > LONGEST:
            raise ImageError(
                "Standard input has no paths: there is no end of a line in the first megabyte.",
                hint="write one path on each line, or end each with a NUL as `find -print0` does",
            )
    if left:
        yield os.fsdecode(left)


def _some_of(file: BinaryIO) -> bytes:
    """The next bytes, as soon as there are some."""
    some: bytes = file.read1(PIECE) if hasattr(file, "read1") else file.read(PIECE)
    return some


def _end_of_names(start: bytes) -> bytes:
    if b"\0" in start:
        return b"\0"
    return b"\n" if b"\n" in start else b""
