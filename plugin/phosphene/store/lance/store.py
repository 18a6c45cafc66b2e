"""The embedded store: two LanceDB tables in a folder, `images` with the vectors, and `thumbnails`.

We measured these problems of LanceDB 0.40, and avoid them here. Two processes that upsert the same new id
write it twice, so there is a lock around every write, a primary key in the schema, and no index on `id`
(lancedb#2463). Equal ids in one batch are both written. Every commit adds files that are never merged. The
message for a vector of another dimension does not say what is wrong. A query that selects columns without
`_distance` prints a warning.

The space is in the metadata of `images`, which is created last and so marks a complete store. Thumbnails are
written before images, and deleted after them. So after a kill, every image still has its thumbnail, and
running the same again completes the rest. Reading needs no lock and writes nothing.

A write is on the disk when it returns, and a store that a power cut has damaged can still be read, see
`tables`.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import lancedb
import numpy as np
import pyarrow as pa

from phosphene.errors import StoreError
from phosphene.filters import EVERYTHING, OF_FORMAT_1, Filter, split_ids, with_ids
from phosphene.manifest import Manifest, space_of
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo, image_schema
from phosphene.store.diversity import checked, diverse
from phosphene.store.invalid import InvalidEntries
from phosphene.store.lance.conditions import among, condition
from phosphene.store.lance.problems import lock, store_errors
from phosphene.store.lance.rows import hits_of, images_of, raw_rows, rows_of, rows_of_thumbnails
from phosphene.store.lance.tables import Tables
from phosphene.store.lance.upkeep import Upkeep, visited
from phosphene.store.properties import checked_vector
from phosphene.vectors import Vector, unit

# So many of the nearest by the bits of the index are compared by their whole vectors: at least ten for each
# image that is wanted. With 50, 98 % of the ten nearest of 200,000 are found; with 100, 99.7 %; 200: all.
REFINED, REFINED_EACH = 200, 10
DEFAULT = Upkeep()
BATCH = 1024  # images that an iteration reads at once


class LanceStore:
    """A Store in a folder. Many processes may read and write it at once."""

    def __init__(self, folder: Path, *, upkeep: Upkeep = DEFAULT) -> None:
        self._folder = folder
        self._upkeep = upkeep
        self._tables = Tables(folder, upkeep.lock_timeout)
        with store_errors(folder, "read"):
            self._schema: pa.Schema = self._tables.images.schema
        described = (self._schema.metadata or {}).get(b"space")
        if described is None:
            message = f"The LanceDB tables in `{folder}` are not a store of phosphene."
            raise StoreError(message, hint="name another folder")
        self.space = space_of(described, str(folder))
        wanted = image_schema.arrow(self.space.dimension)
        if {"id", image_schema.VECTOR} - set(self._schema.names) or (
            self._schema.field(image_schema.VECTOR).type != wanted.field(image_schema.VECTOR).type
        ):
            raise StoreError(
                f"The LanceDB tables in `{folder}` are not a store of phosphene, since they have no `id`, or"
                f" no `vector` of {self.space.dimension} numbers.",
                hint="name the folder of a library that phosphene made",
            )
        self._columns = [
            name for name in wanted.names if name in self._schema.names and name != image_schema.VECTOR
        ]
        self._invalid = InvalidEntries(folder)

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether there is a store in `folder`."""
        with store_errors(folder, "read"):
            return any((folder / "images.lance" / "_versions").glob("*.manifest"))

    @classmethod
    def open(cls, folder: Path, *, upkeep: Upkeep = DEFAULT) -> Self:
        """Open the store in `folder`. Raises StoreError if there is none or it is damaged."""
        if not cls.is_in(folder):
            raise StoreError(f"There is no store in `{folder}`.", hint="name the folder of a library")
        return cls(folder, upkeep=upkeep)

    @classmethod
    def create(cls, folder: Path, space: Space, *, upkeep: Upkeep = DEFAULT) -> Self:
        """Make a store in `folder`, or open the existing one, whatever its space is."""
        if cls.is_in(folder):
            return cls(folder, upkeep=upkeep)
        with store_errors(folder, "created"):
            folder.mkdir(parents=True, exist_ok=True)
            with lock(folder, upkeep.lock_timeout):
                if not cls.is_in(folder):
                    database = lancedb.connect(folder)
                    database.create_table("thumbnails", schema=image_schema.blobs(), exist_ok=True)
                    described = image_schema.arrow(space.dimension).with_metadata(
                        {"space": json.dumps(asdict(space))}
                    )
                    database.create_table("images", schema=described)
        store = cls(folder, upkeep=upkeep)
        store._tables.flush()
        return store

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images in one commit, after their thumbnails. The last of equal ids wins.

        An image without a thumbnail keeps the stored one. Raises VectorError for a vector that does not fit,
        and StoreError for text that is not Unicode, and then writes nothing.
        """
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
        """Say `imported` in rows of format 1, which say `training`, in one commit. Always returns True."""
        if self.holds_old_rows():
            with self._tables.writing():
                self._tables.images.checkout_latest()
                self._tables.images.update(where=condition(OF_FORMAT_1), values={"origin": "imported"})
                self._upkeep.tidy(self._tables)
        return True

    def holds_old_rows(self) -> bool:
        """Whether there are rows of format 1."""
        return "origin" in self._columns and self.count(OF_FORMAT_1) > 0

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
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        If the filter leaves few images, the search compares with every one of them, because none of them may
        be in the cells that it would visit.
        """
        query = unit(checked_vector(vector, self.space))
        if count < 1:
            return []
        if checked(diversity):
            return diverse(self, query, count, where, diversity)
        limit = count
        while True:
            found = self._nearest(query, limit, where, vectors)
            hits = hits_of(found, self._invalid)
            if len(hits) >= count or len(found) < limit:
                return hits[:count]
            limit *= 2  # some of the nearest rows are not images

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match, in no particular order, in bounded memory.

        Images that are written meanwhile are not included. The files that they replace are kept for ten
        minutes, so an iteration that takes longer may raise StoreError.
        """
        with store_errors(self._folder, "read"):
            search = self._tables.images.search().select(
                [*self._columns, image_schema.VECTOR] if vectors else self._columns
            )
            if where != EVERYTHING:
                search = search.where(condition(where))
            batches = search.to_batches(BATCH)
        while (batch := self._after(batches)) is not None:
            yield from images_of(batch, self._invalid)

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        with store_errors(self._folder, "read"):
            found = self._tables.thumbnails.search().select(["id", "thumbnail"]).where(among(ids)).to_arrow()
        kept = zip(found["id"].to_pylist(), found["thumbnail"].to_pylist(), strict=True)
        return {id: content for id, content in kept if content and isinstance(content, bytes)}

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images match."""
        with store_errors(self._folder, "read"):
            return int(self._tables.images.count_rows(None if where == EVERYTHING else condition(where)))

    def info(self) -> StoreInfo:
        """Facts about this store."""
        with store_errors(self._folder, "read"):
            few = self.count() <= self._upkeep.exact_up_to
            exact = few or not self._tables.indexed or not self._tables.images.list_indices()
        return StoreInfo("lancedb", exact, writable=os.access(self._folder, os.W_OK))

    def close(self) -> None:
        """Nothing is open between two calls."""

    # ── damage ────────────────────────────────────────────────────────────────────────────

    @property
    def damaged(self) -> bool:
        """Whether files were damaged when the store was opened, so that only the intact part is read."""
        return self._tables.damaged

    def as_stored(self) -> Iterator[tuple[dict[str, Any], float]]:
        """All rows, including those that are not images, and the lengths of their vectors."""
        with store_errors(self._folder, "read"):
            batches = self._tables.images.search().to_batches(BATCH)
        while (batch := self._after(batches)) is not None:
            yield from raw_rows(batch)

    def mend(self) -> None:
        """Make all rows that can be read the newest version. Damaged files are moved aside."""
        self._tables.mend()

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _nearest(self, query: Vector, count: int, where: Filter, vectors: bool) -> pa.Table:
        """The rows of the nearest vectors, with their `_distance`."""
        columns = [*self._columns, "_distance", *([image_schema.VECTOR] if vectors else [])]
        with store_errors(self._folder, "searched"):
            search = self._tables.images.search(query, vector_column_name=image_schema.VECTOR)
            search = search.distance_type("cosine").select(columns).limit(count)
            if where != EVERYTHING:
                search = search.where(condition(where))
            if self._tables.indexed and self._at_most(where) > self._upkeep.exact_up_to:
                refined = max(REFINED_EACH, REFINED // count)
                found = search.nprobes(visited(self.count())).refine_factor(refined).to_arrow()
                if len(found) == count:
                    return found  # otherwise the cells that were visited hold too few that match
            return search.bypass_vector_index().to_arrow()

    def _rows(self, images: Sequence[Image]) -> pa.Table:
        vectors = np.stack([checked_vector(image.vector, self.space) for image in images])
        unit(vectors)  # raises VectorError for a vector without a direction, which no search would find
        return rows_of(images, vectors, self._schema)

    def _at_most(self, where: Filter) -> int:
        """An upper bound for the number of images that match, which is exact only if it has to be."""
        only, _, _ = split_ids(where)
        bound = self.count() if only is None else len(only)
        return bound if bound <= self._upkeep.exact_up_to or where == EVERYTHING else self.count(where)

    def _after(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """The next batch, or None after the last."""
        with store_errors(self._folder, "read"):
            return next(batches, None)


def _merge(table: Any, rows: pa.Table) -> None:
    """Upsert rows by id into the newest version."""
    table.checkout_latest()
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.use_index(False).execute(rows)
