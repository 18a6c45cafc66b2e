"""Writes snapshots of the two tables, which it reads with LanceDB.

Every row has an address, and LanceDB never changes a row in its place. So the rows of an older snapshot whose
addresses still exist are taken over, and only the others are read from the table.
"""

import json
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias
from zlib import crc32

import numpy as np
import pyarrow as pa

from phosphene.records import Space
from phosphene.store import image_schema
from phosphene.store.invalid import normalised
from phosphene.store.lance import filter_columns, snapshot, thumbnail_places
from phosphene.store.lance.array_files import AnyArray, Columns, save
from phosphene.store.lance.rows import matrix
from phosphene.store.lance.snapshot import Snapshot, packed
from phosphene.store.lance.tables import Tables
from phosphene.store.lance.thumbnail_places import ThumbnailPlaces
from phosphene.store.lance.versions import Version

BATCH = 1024  # rows that are in memory at once
BETWEEN = 256  # bytes at most between two values in a data file, which LanceDB separates by their lengths
ADDRESS = "_rowid"  # without LanceDB's stable row ids, this is the address `_rowaddr`
# The arrays that an older snapshot leaves to a newer one, beside its texts.
IMAGES = ("ids", "addresses", "generated", "lengths", "vectors", "numbers")
PLACES = ("ids", "addresses", "offsets", "sizes", "checksums")

Older: TypeAlias = Snapshot | ThumbnailPlaces


class Unfit(ValueError):
    """A table holds something that a snapshot cannot, so that it is read with LanceDB alone."""


@dataclass(frozen=True, slots=True)
class SnapshotWriter:
    """Writes the snapshots of a store's tables."""

    tables: Tables
    columns: Sequence[str]  # of the images, without the vector
    space: Space

    def images(self, folder: Path, version: Version, before: Snapshot | None) -> None:
        """Write the images of a version. Raises Unfit if a row is not an image."""
        table = self.tables.version("images", version.number)
        kept, new = _changes(table, version, before)
        batches = _batches(table, new, [*self.columns, image_schema.VECTOR])
        described = np.frombuffer(json.dumps(asdict(self.space)).encode(), np.uint8)
        first: Columns = {
            "space": described,
            "vectors": np.empty((0, self.space.dimension), np.float32),
            "fields": filter_columns.names(),
            "numbers": filter_columns.numbers([]),
        }
        taken = (_taken_images(before, places) for places in _batched(kept)) if before else ()
        parts = _with_ends(chain(taken, map(_images, batches)))
        save(folder, snapshot.TYPES, chain([_described(version) | first], parts))

    def thumbnails(self, folder: Path, version: Version, before: ThumbnailPlaces | None) -> None:
        """Write the places of the thumbnails of a version. Raises Unfit if a row has no valid id."""
        table = self.tables.version("thumbnails", version.number)
        kept, new = _changes(table, version, before)
        taken = (_taken(before, places, PLACES) for places in _batched(kept)) if before else ()
        with closing(_Finder(version.files)) as finder:
            fresh = (_places(batch, finder) for batch in _batches(table, new, ["id", "thumbnail"]))
            save(folder, thumbnail_places.TYPES, chain([_described(version)], taken, fresh))


def _described(version: Version) -> Columns:
    names = [path.name.encode() for path in version.files.values()]
    return {
        "fragments": np.array([*version.files], np.uint64),
        "files": np.array(names, snapshot.TYPES["files"]),
    }


def _changes(table: Any, version: Version, before: Older | None) -> tuple[AnyArray, AnyArray]:
    """The rows of an older snapshot that still exist, by their places, and the addresses of the others."""
    found = table.search().select([ADDRESS, "_rowaddr"]).to_arrow()
    now = np.asarray(found[ADDRESS], np.uint64)
    if not np.array_equal(now, np.asarray(found["_rowaddr"])):
        raise Unfit("its rows keep their numbers when they change")
    if before is None:
        return np.empty(0, np.int64), now
    old = before.arrays
    names = {number: path.name.encode() for number, path in version.files.items()}
    files = zip(old["fragments"].tolist(), old["files"].tolist(), strict=True)
    same = np.array([number for number, file in files if names.get(number) == file], np.uint64)
    stays = np.isin(old["addresses"], now) & np.isin(old["addresses"] >> np.uint64(32), same)
    return np.flatnonzero(stays), np.setdiff1d(now, old["addresses"][stays])


def _batched(array: AnyArray) -> Iterator[AnyArray]:
    return (array[start : start + BATCH] for start in range(0, len(array), BATCH))


def _batches(table: Any, addresses: AnyArray, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for some in _batched(addresses):
        yield from table.take_row_ids(some.tolist()).select([*columns, ADDRESS]).to_batches()


def _taken(before: Older, places: AnyArray, names: Sequence[str]) -> Columns:
    return {name: before.arrays[name][places] for name in names}


def _taken_images(before: Snapshot, places: AnyArray) -> Columns:
    taken = {name: [before.text(name, place) for place in places.tolist()] for name in snapshot.TEXTS}
    return _taken(before, places, IMAGES) | _texts(taken)


def _images(batch: pa.RecordBatch) -> Columns:
    """The images of a batch."""
    vectors = matrix(batch.column(image_schema.VECTOR))
    if not normalised(vectors)[1].all():
        raise Unfit("a vector has no direction")
    rows = batch.drop_columns([image_schema.VECTOR, ADDRESS]).to_pylist()
    try:
        texts = [json.dumps(_known(row)).encode() for row in rows]
    except TypeError as error:  # another program has changed a column
        raise Unfit("a column has a type that JSON lacks") from error
    return {
        "ids": _ids(batch),
        "addresses": np.asarray(batch.column(ADDRESS)),
        "generated": np.array([row.get("origin") == "generated" for row in rows], np.bool_),
        "lengths": np.linalg.norm(vectors.astype(np.float64), axis=1),
        "vectors": vectors,
        "numbers": filter_columns.numbers(rows),
        **_texts({"rows": texts, "words": filter_columns.texts(rows)}),
    }


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that have a value. Most images have few of the fields."""
    return {name: value for name, value in row.items() if value is not None}


def _texts(texts: Mapping[str, Sequence[bytes]]) -> Columns:
    joined = {name: np.frombuffer(b"".join(each), np.uint8) for name, each in texts.items()}
    ends = {name: np.array([*map(len, each)], np.int64).cumsum() for name, each in texts.items()}
    return joined | {snapshot.TEXTS[name]: each for name, each in ends.items()}


def _with_ends(parts: Iterable[Columns]) -> Iterator[Columns]:
    """The parts with ends of texts that count from the first row of the first part."""
    before = dict.fromkeys(snapshot.TEXTS, 0)
    for part in parts:
        yield part | {ends: part[ends] + before[name] for name, ends in snapshot.TEXTS.items()}
        before = {name: end + len(part[name]) for name, end in before.items()}


def _places(batch: pa.RecordBatch, finder: "_Finder") -> Columns:
    """Where the thumbnails of a batch are. One that is missing has no bytes."""
    addresses = batch.column(ADDRESS).to_pylist()
    contents = [content or b"" for content in batch.column("thumbnail").to_pylist()]
    offsets = [
        finder.offset(address >> 32, content) for address, content in zip(addresses, contents, strict=True)
    ]
    return {
        "ids": _ids(batch),
        "addresses": np.array(addresses, np.uint64),
        "offsets": np.array(offsets, np.int64),
        "sizes": np.array([len(content) for content in contents], np.int64),
        "checksums": np.array([crc32(content) for content in contents], np.uint32),
    }


def _ids(batch: pa.RecordBatch) -> AnyArray:
    packs = [packed(id) for id in batch.column("id").to_pylist()]
    if None in packs:
        raise Unfit("a row has no valid id")
    return np.array(packs, "S16")


class _Finder:
    """Finds values in the data files of a table, of which it holds one open at a time."""

    def __init__(self, files: Mapping[int, Path]) -> None:
        self._files = files
        self._fragment, self._end = -1, 0
        self._file: BinaryIO | None = None

    def offset(self, fragment: int, value: bytes) -> int:
        """Where a value is in the file of a fragment, or -1. Most values lie right behind the one before."""
        if fragment != self._fragment:
            self.close()
            self._fragment, self._end = fragment, 0
            self._file = self._files[fragment].open("rb")
        if self._file is None:
            return -1
        self._file.seek(self._end)
        found = self._file.read(BETWEEN + len(value)).find(value)
        found = found + self._end if found >= 0 else _anywhere(self._file, value, self._end)
        self._end = found + len(value)
        if found < 0:  # LanceDB has written this file in another form, and looking on would take long
            self.close()
        return found

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _anywhere(file: BinaryIO, value: bytes, start: int) -> int:
    """Where a value is in a file, from `start` on or else before it, or -1."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = content.find(value, start)
        return found if found >= 0 else content.find(value)
