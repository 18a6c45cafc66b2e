"""The embedded store: two LanceDB tables in a folder, `images` with vectors and `thumbnails` apart.

What LanceDB 0.40 does by itself and is designed out here, each measured: two processes that upsert
the same new id write it twice (a lock around every write, a primary key in the schema, no index on
`id`; lancedb#2463); equal ids in one batch are both written; every commit adds files for ever (they
are merged as they pile up); a vector of another dimension is answered with a riddle; a query that
selects columns without `_distance` warns on stderr.

The space is kept in the metadata of `images`, which is made last and so marks a whole store.
Thumbnails are written before images and deleted after them: after a kill in between, every image
there still has its thumbnail, and a rerun rights the rest. Reading takes no lock and writes nothing.

A write is on the disk when it returns, and a store that a power cut damaged is still read, see `tables`.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from math import isqrt
from pathlib import Path
from typing import Any, Self

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfFlat

from phosphene.errors import StoreError
from phosphene.filters import EVERYTHING, OF_FORMAT_1, Filter, split_ids, with_ids
from phosphene.manifest import Manifest, space_of
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo, image_schema
from phosphene.store.diversity import checked, diverse
from phosphene.store.invalid import InvalidEntries
from phosphene.store.lance.conditions import among, condition
from phosphene.store.lance.problems import clearly, lock
from phosphene.store.lance.rows import hits_of, images_of, raw_rows, rows_of, rows_of_thumbnails
from phosphene.store.lance.tables import Tables
from phosphene.store.properties import checked_vector
from phosphene.vectors import Vector, unit

# Up to this many images every one is compared: 0.1 s for 512 dimensions on 2 idle cores. Above,
# IVF_FLAT answers in a tenth of that (bench/stores.py) and is built in 8 s, where HNSW took 90 s.
EXACT_UP_TO = 100_000
# A query visits one in two of the index's cells. In 20 of 316 are 80 in 100 of the nearest, in a third
# of them 99, in half of them next to all; it costs a few ms more (bench/stores.py).
VISITED = 2
STALE = 0.25  # the index is built again when more than this share of the images is not in it
# Sampled for k-means per cell, and its rounds: LanceDB's 256 and 50 take three times as long
# for cells that find hardly more: 996 in 1,000 against 994, visiting a third of them.
SAMPLES, ROUNDS = 32, 20

# Files are merged when there are more than 32, and one more for every 2,000 images: each costs a
# query 0.2 ms. At 512 images a commit an image is rewritten at most four times, however large the store.
FRAGMENTS, IMAGES_PER_FRAGMENT = 32, 2_000
# A reader may be in the middle of an old version: its files stay this long after they are replaced.
GRACE = {"images": timedelta(minutes=10), "thumbnails": timedelta(minutes=1)}  # only images are iterated


BATCH = 1024  # images at a time while iterating


class LanceStore:
    """A Store in a folder. Many processes may read and write it at once."""

    def __init__(self, folder: Path, *, exact_up_to: int = EXACT_UP_TO) -> None:
        self._folder = folder
        self._exact_up_to = exact_up_to
        self._tables = Tables(folder)
        with clearly(folder, "read"):
            self._schema: pa.Schema = self._tables.images.schema
        described = (self._schema.metadata or {}).get(b"space")
        if described is None:
            raise StoreError(f"`{folder}` holds LanceDB tables, but none of ours", hint="name another folder")
        self.space = space_of(described, str(folder))
        wanted = image_schema.arrow(self.space.dimension)
        if {"id", image_schema.VECTOR} - set(self._schema.names) or (
            self._schema.field(image_schema.VECTOR).type != wanted.field(image_schema.VECTOR).type
        ):
            raise StoreError(
                f"the tables in `{folder}` are none of ours: they have no `id`, or no `vector` of"
                f" {self.space.dimension} numbers",
                hint="name the folder of a library that phosphene made",
            )
        self._columns = [
            name for name in wanted.names if name in self._schema.names and name != image_schema.VECTOR
        ]
        self._invalid = InvalidEntries(folder)

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether there is a store in `folder`."""
        with clearly(folder, "read"):
            return any((folder / "images.lance" / "_versions").glob("*.manifest"))

    @classmethod
    def open(cls, folder: Path, *, exact_up_to: int = EXACT_UP_TO) -> Self:
        """Open the store in `folder`. Raises StoreError where there is none or it is damaged.

        `exact_up_to` is the number of images above which an index is built.
        """
        if not cls.is_in(folder):
            raise StoreError(f"there is no store in `{folder}`", hint="name the folder of a library")
        return cls(folder, exact_up_to=exact_up_to)

    @classmethod
    def create(cls, folder: Path, space: Space, *, exact_up_to: int = EXACT_UP_TO) -> Self:
        """Make a store in `folder`, or open the existing one, whatever its space is."""
        if cls.is_in(folder):
            return cls(folder, exact_up_to=exact_up_to)
        with clearly(folder, "make"):
            folder.mkdir(parents=True, exist_ok=True)
            with lock(folder):
                if not cls.is_in(folder):
                    database = lancedb.connect(folder)
                    database.create_table("thumbnails", schema=image_schema.blobs(), exist_ok=True)
                    described = image_schema.arrow(space.dimension).with_metadata(
                        {"space": json.dumps(asdict(space))}
                    )
                    database.create_table("images", schema=described)
        store = cls(folder, exact_up_to=exact_up_to)
        store._tables.flush()
        return store

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images with their thumbnails, in one commit each; the last of equal ids wins.

        An image without a thumbnail keeps the one that is stored. Raises VectorError for a vector
        that does not fit and StoreError for text that is no Unicode; then nothing is written.
        """
        last = {image.id: image for image in images}
        if not last:
            return
        rows, thumbnails = self._rows(list(last.values())), rows_of_thumbnails(last.values())
        with self._tables.writing():
            if len(thumbnails):
                _merge(self._tables.thumbnails, thumbnails)
            _merge(self._tables.images, rows)
            self._tidy()

    def delete(self, ids: Sequence[str]) -> int:
        """Take images and their thumbnails out; returns how many were there."""
        named = among(ids)
        with self._tables.writing():
            self._tables.images.checkout_latest()
            self._tables.thumbnails.checkout_latest()
            deleted = int(self._tables.images.delete(named).num_deleted_rows)
            self._tables.thumbnails.delete(named)
        return deleted

    # ── the library's format ──────────────────────────────────────────────────────────────

    def read_manifest(self) -> Manifest | None:
        """The manifest of the library whose store this is, in the folder above."""
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
                self._tidy()
        return True

    def holds_old_rows(self) -> bool:
        """Whether there are rows of format 1."""
        return "origin" in self._columns and self.count(OF_FORMAT_1) > 0

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images of these ids, in the order asked for; unknown ones are passed over."""
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

        Exact where the filter leaves no more images than are always compared: in the cells that an
        index visits there may be none of them.
        """
        query = unit(checked_vector(vector, self.space))
        if count < 1:
            return []
        if checked(diversity):
            return diverse(self, query, count, where, diversity)
        asked = count
        while True:
            found = self._nearest(query, asked, where, vectors)
            hits = hits_of(found, self._invalid)
            if len(hits) >= count or len(found) < asked:
                return hits[:count]
            asked *= 2  # some of the nearest were no images

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images as they are now, in no particular order, in bounded memory.

        What is written meanwhile does not come. What it replaces is kept for ten minutes: an
        iteration that takes longer may raise StoreError.
        """
        with clearly(self._folder, "read"):
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
        with clearly(self._folder, "read"):
            found = self._tables.thumbnails.search().select(["id", "thumbnail"]).where(among(ids)).to_arrow()
        there = zip(found["id"].to_pylist(), found["thumbnail"].to_pylist(), strict=True)
        return {id: content for id, content in there if content and isinstance(content, bytes)}

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images there are."""
        with clearly(self._folder, "read"):
            return int(self._tables.images.count_rows(None if where == EVERYTHING else condition(where)))

    def info(self) -> StoreInfo:
        """What kind of store it is."""
        with clearly(self._folder, "read"):
            few = self.count() <= self._exact_up_to
            exact = few or not self._tables.indexed or not self._tables.images.list_indices()
        return StoreInfo("lancedb", exact, writable=os.access(self._folder, os.W_OK))

    def close(self) -> None:
        """Nothing is held between calls: this is for symmetry with servers."""

    # ── damage ────────────────────────────────────────────────────────────────────────────

    @property
    def damaged(self) -> bool:
        """Whether files were damaged when it was opened, so that only what is whole is read."""
        return self._tables.damaged

    def as_stored(self) -> Iterator[tuple[dict[str, Any], float]]:
        """All rows, also those that are passed over elsewhere, and the lengths of their vectors."""
        with clearly(self._folder, "read"):
            batches = self._tables.images.search().to_batches(BATCH)
        while (batch := self._after(batches)) is not None:
            yield from raw_rows(batch)

    def mend(self) -> None:
        """Make all rows that can be read the newest version. Damaged files are moved aside, not deleted."""
        self._tables.mend()

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _nearest(self, query: Vector, count: int, where: Filter, vectors: bool) -> pa.Table:
        """The rows of the nearest vectors, with their `_distance`."""
        columns = [*self._columns, "_distance", *([image_schema.VECTOR] if vectors else [])]
        with clearly(self._folder, "search"):
            search = self._tables.images.search(query, vector_column_name=image_schema.VECTOR)
            search = search.distance_type("cosine").select(columns).limit(count)
            if where != EVERYTHING:
                search = search.where(condition(where))
            if not self._tables.indexed or self._at_most(where) <= self._exact_up_to:
                search = search.bypass_vector_index()
            else:  # 0: and more cells, until there are enough
                search = search.minimum_nprobes(isqrt(self.count()) // VISITED).maximum_nprobes(0)
            return search.to_arrow()

    def _rows(self, images: Sequence[Image]) -> pa.Table:
        vectors = np.stack([checked_vector(image.vector, self.space) for image in images])
        unit(vectors)  # refuses what has no direction: no search would ever find it
        return rows_of(images, vectors, self._schema)

    def _at_most(self, where: Filter) -> int:
        """How many images match, or a higher number that is known sooner and is low enough."""
        only, _, _ = split_ids(where)
        bound = self.count() if only is None else len(only)
        return bound if bound <= self._exact_up_to or where == EVERYTHING else self.count(where)

    def _tidy(self) -> None:
        """Merge files where there are many, and bring the index up to date where it has fallen behind."""
        for table in (self._tables.images, self._tables.thumbnails):
            shape = table.stats()
            allowed = FRAGMENTS + shape["num_rows"] // IMAGES_PER_FRAGMENT
            if shape["fragment_stats"]["num_fragments"] > allowed:
                table.optimize(cleanup_older_than=GRACE[table.name])
        rows, indices = self._tables.images.count_rows(), self._tables.images.list_indices()
        missing = indices[0].num_unindexed_rows if indices else rows
        if rows > self._exact_up_to and missing > rows * STALE:
            self._tables.images.create_index(image_schema.VECTOR, config=_index(rows))

    def _after(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """The next batch, None after the last."""
        with clearly(self._folder, "read"):
            return next(batches, None)


def _index(rows: int) -> IvfFlat:
    """An index of √rows cells, so that as many centres are compared as images in a cell."""
    return IvfFlat(
        distance_type="cosine", num_partitions=isqrt(rows), sample_rate=SAMPLES, max_iterations=ROUNDS
    )


def _merge(table: Any, rows: pa.Table) -> None:
    """Write rows by id, from the newest version on."""
    table.checkout_latest()
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.use_index(False).execute(rows)
