"""Flushing a table's files to the disk: LanceDB writes them and leaves that to the system."""

import os
from pathlib import Path

from phosphene.files import sync, sync_folder

ACCESS = os.O_RDWR if os.name == "nt" else os.O_RDONLY  # Windows flushes only what may be written


class Durable:
    """A table whose commits are on the disk once `flush` has returned.

    The files of a table are never changed, only added and deleted, so that each is flushed once. The
    first flush includes files of other processes, which may have been killed before they flushed them.
    """

    def __init__(self, table: Path) -> None:
        self._table = table
        self._flushed: set[Path] = set()

    def flush(self) -> None:
        """Flush the files that are new since the last time, then the folders that name them."""
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
