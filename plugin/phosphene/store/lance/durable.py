"""Flushing the files of a table to the disk, which LanceDB leaves to the operating system."""

import os
from pathlib import Path

from phosphene.files import sync, sync_folder

ACCESS = os.O_RDWR if os.name == "nt" else os.O_RDONLY  # Windows flushes only files that are open for writing


class Durable:
    """A table whose commits are on the disk after `flush`.

    LanceDB adds and deletes the files of a table, and never changes them, so each is flushed once. The first
    flush includes the files of other processes, which may have been killed before they flushed them.
    """

    def __init__(self, table: Path) -> None:
        self._table = table
        self._flushed: set[Path] = set()

    def flush(self) -> None:
        """Flush the files that are new since the last flush, and then their folders."""
        files = {Path(folder, name) for folder, _, names in os.walk(self._table) for name in names}
        new = files - self._flushed
        for file in sorted(new):
            _flush(file)
        folders = {parent for file in new for parent in file.parents if parent.is_relative_to(self._table)}
        for folder in sorted(folders, reverse=True):  # the deepest first
            sync_folder(folder)
        if new and not self._flushed:
            sync_folder(self._table.parent)
        self._flushed = files


def _flush(file: Path) -> None:
    handle = os.open(file, ACCESS)
    try:
        sync(handle)
    finally:
        os.close(handle)
