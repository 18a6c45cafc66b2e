"""The embedded store: two LanceDB tables in a folder, `images` with the vectors, and `thumbnails`.

We measured these problems of LanceDB 0.40, and avoid them here. Two processes that upsert the same new id
write it twice, so there is a lock around every write, a primary key in the schema, and no index on `id`
(lancedb#2463). Equal ids in one batch are both written. Every commit adds files that are never merged. The
message for a vector of another dimension does not say what is wrong. A query that selects columns without
`_distance` prints a warning.

The space is in the metadata of `images`, which is created last and so marks a complete store. Thumbnails are
written before images, and deleted after them. So after a kill, every image still has its thumbnail, and
running the same again completes the rest. Reading needs no lock, and writes only snapshots.

A write is on the disk when it returns, and a store that a power cut has damaged can still be read, see
`tables`. LanceDB is imported only for writing, for large stores, and for what has no snapshot yet, see
`snapshots`.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from phosphene.errors import QueryError, StoreError
from phosphene.filters import EVERYTHING, OF_FORMAT_1, Filter, with_ids
from phosphene.manifest import Manifest
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo, filterable, image_schema
from phosphene.store.diversity import checked, diverse
from phosphene.store.keywords import ranked
from phosphene.store.lance.conditions import among
from phosphene.store.lance.problems import lock, store_errors
from phosphene.store.lance.snapshot import Snapshot
from phosphene.store.lance.snapshot_folder import SnapshotFolder
from phosphene.store.lance.tables import Tables
from phosphene.store.lance.thumbnail_places import ThumbnailPlaces
from phosphene.store.lance.upkeep import Upkeep
from phosphene.store.lance.versions import Version
from phosphene.store.properties import checked_vector
from phosphene.vectors import Vector, unit

if TYPE_CHECKING:
    import pyarrow as pa

    from phosphene.store.lance.table_reader import TableReader

DEFAULT = Upkeep()


class LanceStore:
    """A Store in a folder. Many processes may read and write it at once."""

    def __init__(self, folder: Path, *, upkeep: Upkeep = DEFAULT, snapshots: bool = True) -> None:
        """Without `snapshots`, LanceDB reads everything, as a check of the tables needs it."""
        self._folder = folder
        self._uses_snapshots = snapshots
        self._upkeep = upkeep
        self._tables = Tables(folder, upkeep.lock_timeout)
        self._images = SnapshotFolder(folder / "images.lance", Snapshot.of)
        self._thumbnails = SnapshotFolder(folder / "thumbnails.lance", ThumbnailPlaces.of)
        self._searched: Version | None = None  # the version that LanceDB searched last
        self.space = self._reader().space

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether there is a store in `folder`."""
        with store_errors(folder, "read"):
            return any((folder / "images.lance" / "_versions").glob("*.manifest"))

    @classmethod
    def open(cls, folder: Path, *, upkeep: Upkeep = DEFAULT, snapshots: bool = True) -> Self:
        """Open the store in `folder`. Raises StoreError if there is none or it is damaged."""
        if not cls.is_in(folder):
            raise StoreError(f"There is no store in `{folder}`.", hint="name the folder of a library")
        return cls(folder, upkeep=upkeep, snapshots=snapshots)

    @classmethod
    def create(cls, folder: Path, space: Space, *, upkeep: Upkeep = DEFAULT) -> Self:
        """Make a store in `folder`, or open the existing one, whatever its space is."""
        if cls.is_in(folder):
            return cls(folder, upkeep=upkeep)
        with store_errors(folder, "created"):
            folder.mkdir(parents=True, exist_ok=True)
            with lock(folder, upkeep.lock_timeout):
                if not cls.is_in(folder):
                    described = {"space": json.dumps(asdict(space))}
                    Tables.create(folder, image_schema.arrow(space.dimension).with_metadata(described))
        store = cls(folder, upkeep=upkeep)
        store._tables.flush()
        return store

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images in one commit, after their thumbnails. The last of equal ids wins.

        An image without a thumbnail keeps the stored one. Raises VectorError for a vector that does not fit,
        and StoreError for text that is not Unicode, and then writes nothing.
        """
        from phosphene.store.lance.rows import rows_of_thumbnails

        last = {image.id: image for image in images}
        if not last:
            return
        rows, thumbnails = self._rows(list(last.values())), rows_of_thumbnails(last.values())
        with self._tables.writing():
            if len(thumbnails):
                _merge(self._tables.thumbnails, thumbnails)
            _merge(self._tables.images, rows)
            self._upkeep.tidy(self._tables)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete images and their thumbnails. Returns how many images there were."""
        named = among(ids)
        with self._tables.writing():
            self._tables.images.checkout_latest()
            self._tables.thumbnails.checkout_latest()
            deleted = int(self._tables.images.delete(named).num_deleted_rows)
            self._tables.thumbnails.delete(named)
        return deleted

    # ── the library's format ──────────────────────────────────────────────────────────────

    @property
    def library(self) -> str:
        """The library whose store this is, which is the folder above."""
        return str(self._folder.parent)

    def read_manifest(self) -> Manifest | None:
        """The manifest of that library."""
        return Manifest.read(self._folder.parent)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace that manifest."""
        manifest.write(self._folder.parent)

    def upgrade_rows(self) -> bool:
        """Upgrade the rows to today's format, see `upgrade`. Always returns True."""
        from phosphene.store.lance.upgrade import upgrade_table

        with self._tables.writing():
            upgrade_table(self._tables.images, image_schema.arrow(self.space.dimension))
            self._upkeep.tidy(self._tables)
        return True

    def holds_old_rows(self) -> bool:
        """Whether the table has rows of format 1, or lacks columns that format 3 added."""
        reader = self._lancedb
        return bool(reader.lacking) or reader.count(OF_FORMAT_1) > 0

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images of these ids, in this order. Unknown ids are skipped."""
        found = {image.id: image for image in self.iterate(with_ids(ids), vectors=vectors)}
        return [found[id] for id in ids if id in found]

    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit[Any]]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first."""
        query = unit(checked_vector(vector, self.space))
        if count < 1:
            return []
        if checked(diversity):
            return diverse(self, query, count, where, diversity)
        return self._searcher().near(query, count, where, vectors=vectors)

    def by_words(self, words: Collection[str], count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `count` images whose captions or prompt have most of these words, best first.

        Raises QueryError for more than 100,000 images, whose words are in no index.
        """
        if not words or count < 1:
            return []
        images, few = self.count(), self._upkeep.exact_up_to
        if images > few:
            raise QueryError(
                f"The library has {images:,} images, and LanceDB searches the words of at most {few:,}.",
                hint="leave out `--hybrid`, or copy the library to a Weaviate server with `phosphene copy`",
            )
        if not isinstance(self._reader(), Snapshot):
            self._renew()
        if isinstance(reader := self._reader(), Snapshot):
            return reader.by_words(words, count, where)
        scores = ranked(self.iterate(), words, count, filterable.checked(where))
        return [Hit(image, scores[image.id]) for image in self.get(list(scores))]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match, in no particular order, in bounded memory.

        Images that are written meanwhile are not included. The files that they replace are kept for ten
        minutes, so an iteration that takes longer may raise StoreError.
        """
        return self._reader().iterate(where, vectors=vectors)

    def ids_beginning(self, start: str) -> list[str]:
        """The ids that begin with at least eight characters."""
        return self._reader().ids_beginning(start)

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        places = self._thumbnails.latest() if self._may_use_snapshots else None
        found = places.thumbnails(ids) if places else None
        return self._lancedb.thumbnails(ids) if found is None else found

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images match."""
        return self._reader().count(where)

    def info(self) -> StoreInfo:
        """Facts about this store."""
        return StoreInfo("lancedb", self._reader().exact, writable=os.access(self._folder, os.W_OK))

    def close(self) -> None:
        """Write the snapshots of what LanceDB has read or written, so that the next process is quick."""
        if self._tables.opened:
            self._renew()

    # ── damage ────────────────────────────────────────────────────────────────────────────

    @property
    def damaged(self) -> bool:
        """Whether files were damaged when the store was opened, so that only the intact part is read."""
        return self._tables.damaged

    def as_stored(self) -> Iterator[tuple[dict[str, Any], float]]:
        """All rows, including those that are not images, and the lengths of their vectors."""
        return self._lancedb.as_stored()

    def mend(self) -> None:
        """Make all rows that can be read the newest version. Damaged files are moved aside."""
        self._tables.mend()
        self.remove_snapshots()

    def remove_snapshots(self) -> None:
        """Remove the snapshots, which are written again when they are needed."""
        self._images.remove()
        self._thumbnails.remove()

    # ── how it is done ────────────────────────────────────────────────────────────────────

    @cached_property
    def _lancedb(self) -> "TableReader":
        from phosphene.store.lance.table_reader import TableReader

        return TableReader(self._folder, self._tables, self._upkeep.exact_up_to)

    @property
    def _may_use_snapshots(self) -> bool:
        return self._uses_snapshots and not self._tables.damaged

    def _reader(self) -> "Snapshot | TableReader":
        """What reads the images: the snapshot of the newest version, or else LanceDB."""
        snapshot = self._images.latest() if self._may_use_snapshots else None
        few = snapshot is not None and len(snapshot) <= self._upkeep.exact_up_to
        return snapshot if snapshot is not None and few else self._lancedb

    def _searcher(self) -> "Snapshot | TableReader":
        """What searches the images. A version that is searched for the second time gets a snapshot."""
        reader = self._reader()
        if not isinstance(reader, Snapshot):
            version = self._images.version()
            if version == self._searched:
                self._renew()
                reader = self._reader()
            self._searched = version
        return reader

    def _renew(self) -> None:
        """Write the snapshots of the newest version, unless the store is large or damaged."""
        version = self._images.version()
        large = version is None or version.rows > self._upkeep.exact_up_to
        if large or not self._may_use_snapshots or not os.access(self._folder, os.W_OK):
            return
        from phosphene.store.lance.snapshot_writer import SnapshotWriter

        writer = SnapshotWriter(self._tables, self._lancedb.columns, self._lancedb.space)
        self._images.renew(writer.images)
        self._thumbnails.renew(writer.thumbnails)

    def _rows(self, images: Sequence[Image]) -> "pa.Table":
        from phosphene.store.lance.rows import rows_of

        vectors = np.stack([checked_vector(image.vector, self.space) for image in images])
        unit(vectors)  # raises VectorError for a vector without a direction, which no search would find
        return rows_of(images, vectors, self._lancedb.schema)


def _merge(table: Any, rows: "pa.Table") -> None:
    """Upsert rows by id into the newest version."""
    table.checkout_latest()
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.use_index(False).execute(rows)
