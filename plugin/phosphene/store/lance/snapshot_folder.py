"""The snapshots of a table: arrays on the disk, from which a process reads and searches without LanceDB.

Importing LanceDB takes 1.6 seconds of the CPU, and its search of 100,000 vectors takes four times as long as
numpy's product (docs/decisions.md). So a version that was read or written is also written to the folder
`snapshots`, under the digest of its manifest. What another process writes has another digest, and is read
with LanceDB until it has a snapshot.

The folder is a cache. It may be deleted at any time, and the store works where it cannot be written.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from phosphene.errors import LibraryError
from phosphene.store.lance.array_files import PART
from phosphene.store.lance.versions import Version, newest

# What every snapshot holds of its rows: the 16 bytes of their ids, and their addresses in LanceDB, which are
# the number of a fragment and that of the row in it, 32 bits each. `files` are the data files of `fragments`.
ROWS = {"ids": "S16", "addresses": "<u8", "fragments": "<u8", "files": "S64"}
T = TypeVar("T")


class SnapshotFolder(Generic[T]):
    """The snapshots of one table. `load` reads the one in a folder, for a version of the table."""

    def __init__(self, table: Path, load: Callable[[Path, Version], T]) -> None:
        self._table, self._load = table, load
        self._folder = table.parent / "snapshots"
        self._looked_at: tuple[Any, ...] = ()  # the manifest of `_version`, as it was then
        self._version: Version | None = None
        self._snapshot: T | None = None
        self._failed = ""  # the digest of a version whose snapshot could not be written

    def latest(self) -> T | None:
        """The snapshot of the newest version, or None if it has none."""
        self._look()
        return self._snapshot

    def version(self) -> Version | None:
        """The newest version, or None if its manifest is damaged."""
        self._look()
        return self._version

    def renew(self, write: Callable[[Path, Version, T | None], None]) -> T | None:
        """Write the snapshot of the newest version, unless there is one. Returns it if that succeeds.

        `write` is called with the new folder, the version, and an older snapshot.
        """
        self._look()
        version = self._version
        if self._snapshot is not None or version is None or version.digest == self._failed:
            return self._snapshot
        try:
            write(self._place(version), version, self._older())
        except (OSError, RuntimeError, ValueError):  # a full disk, or what LanceDB raises, see `problems`
            self._failed = version.digest
            return None
        self._remove_others(version)
        self._looked_at = ()
        return self.latest()

    def remove(self) -> None:
        """Remove all snapshots of the table."""
        self._looked_at, self._snapshot = (), None
        for folder in self._all():
            shutil.rmtree(folder, ignore_errors=True)

    def _look(self) -> None:
        """Look at the newest manifest, and load its snapshot if it is another one than before."""
        try:
            manifest = newest(self._table)
            status = manifest.stat()
        except OSError:  # LanceDB says what is wrong
            self._version = self._snapshot = None
            return
        seen = (manifest, status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._looked_at:
            self._version = version = Version.read(manifest)
            self._snapshot = self._loaded(self._place(version), version) if version else None
            self._looked_at = seen

    def _place(self, version: Version) -> Path:
        return self._folder / f"{self._table.stem}.{version.digest}"

    def _loaded(self, folder: Path, version: Version) -> T | None:
        """The snapshot in a folder, or None if there is none or it is damaged."""
        try:
            return self._load(folder, version)
        except (OSError, ValueError, EOFError, LibraryError):
            return None

    def _older(self) -> T | None:
        """An older snapshot, if there is one."""
        version = self._version
        whole = [folder for folder in self._all() if folder.suffix != PART]
        found = (self._loaded(folder, version) for folder in whole if version)
        return next((each for each in found if each is not None), None)

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._table.stem}.*"))

    def _remove_others(self, version: Version) -> None:
        for folder in self._all():
            if folder != self._place(version):
                shutil.rmtree(folder, ignore_errors=True)
