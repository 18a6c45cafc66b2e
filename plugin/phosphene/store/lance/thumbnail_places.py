"""The places of thumbnails in the data files of their table, from which they are read without LanceDB.

LanceDB writes large values as they are, and never changes a data file. `snapshot_writer` looks for each
thumbnail in the file of its row, and notes its checksum. A thumbnail that is not found there, because LanceDB
has compressed it or the file is damaged, is read with LanceDB.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from phosphene.store.lance.array_files import Columns, load
from phosphene.store.lance.snapshot import packed
from phosphene.store.lance.snapshot_folder import ROWS
from phosphene.store.lance.versions import Version

TYPES = {
    **ROWS,
    "offsets": "<i8",  # -1 for a thumbnail that was not found
    "sizes": "<i8",
    "checksums": "<u4",
}


@dataclass(frozen=True, slots=True)
class ThumbnailPlaces:
    """Where the thumbnails of one version of the table are. `files` are its data files, by fragment."""

    arrays: Columns
    files: Mapping[int, Path]

    @classmethod
    def of(cls, folder: Path, version: Version) -> "ThumbnailPlaces":
        """The places that a folder holds. Raises OSError or ValueError if they are damaged."""
        arrays = load(folder, TYPES)
        if any(
            len(arrays[name]) != len(arrays["ids"]) for name in ("addresses", "offsets", "sizes", "checksums")
        ):
            raise ValueError("the arrays have different lengths")
        return cls(arrays, version.files)

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes] | None:
        """The thumbnails of these ids, or None if LanceDB has to read one of them."""
        names = {packed(id): id for id in ids}
        wanted = np.array([name for name in names if name], dtype="S16")
        found: dict[str, bytes] = {}
        for place in np.flatnonzero(np.isin(self.arrays["ids"], wanted)).tolist():
            content = self._content(place)
            if content is None:
                return None
            if content:
                found[names[self.arrays["ids"][place].ljust(16, b"\0")]] = content
        return found

    def _content(self, place: int) -> bytes | None:
        address, offset, size, checksum = (
            int(self.arrays[name][place]) for name in ("addresses", "offsets", "sizes", "checksums")
        )
        path = self.files.get(address >> 32)
        if path is None or offset < 0:
            return None
        with suppress(OSError), path.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
            return content if crc32(content) == checksum else None
        return None
