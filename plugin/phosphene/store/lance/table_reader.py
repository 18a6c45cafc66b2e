"""Reading and searching the tables of an embedded store with LanceDB."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from phosphene.errors import StoreError
from phosphene.filters import EVERYTHING, NOTHING, Filter, simplified, split_ids
from phosphene.manifest import space_of
from phosphene.records import Hit, Image
from phosphene.store import image_schema
from phosphene.store.invalid import InvalidEntries
from phosphene.store.lance.conditions import among, begins, condition
from phosphene.store.lance.problems import store_errors
from phosphene.store.lance.rows import hits_of, images_of, raw_rows
from phosphene.store.lance.tables import Tables
from phosphene.store.lance.upkeep import visited
from phosphene.vectors import Vector

# So many of the nearest by the bits of the index are compared by their whole vectors: at least ten for each
# image that is wanted. With 50, 98 % of the ten nearest of 200,000 are found; with 100, 99.7 %; 200: all.
REFINED, REFINED_EACH = 200, 10
BATCH = 1024  # images that an iteration reads at once


class TableReader:
    """The images and thumbnails in the newest version of the tables. Its methods are those of a Store.

    Up to `exact_up_to` images, a search compares with every one of them.
    """

    def __init__(self, folder: Path, tables: Tables, exact_up_to: int) -> None:
        self._folder, self._tables, self._exact_up_to = folder, tables, exact_up_to
        self._invalid = InvalidEntries(folder)
        schema = self.schema
        described = (schema.metadata or {}).get(b"space")
        if described is None:
            message = f"The LanceDB tables in `{folder}` are not a store of phosphene."
            raise StoreError(message, hint="name another folder")
        self.space = space_of(described, str(folder))
        wanted = image_schema.arrow(self.space.dimension)
        if {"id", image_schema.VECTOR} - set(schema.names) or (
            schema.field(image_schema.VECTOR).type != wanted.field(image_schema.VECTOR).type
        ):
            raise StoreError(
                f"The LanceDB tables in `{folder}` are not a store of phosphene, since they have no `id`, or"
                f" no `vector` of {self.space.dimension} numbers.",
                hint="name the folder of a library that phosphene made",
            )
        self._wanted = [name for name in wanted.names if name != image_schema.VECTOR]

    @property
    def schema(self) -> pa.Schema:
        """The schema of the images. A process that upgrades the library adds columns to it."""
        with store_errors(self._folder, "read"):
            schema: pa.Schema = self._tables.images.schema
        return schema

    @property
    def columns(self) -> list[str]:
        """The columns that are read, without the vector. Libraries of older formats have fewer."""
        names = set(self.schema.names)
        return [name for name in self._wanted if name in names]

    @property
    def lacking(self) -> set[str]:
        """The columns of today's format that the table does not have."""
        return {*self._wanted} - {*self.columns}

    def near(self, query: Vector, count: int, where: Filter, *, vectors: bool = False) -> list[Hit[Any]]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        If the filter leaves few images, the search compares with every one of them, because none of them may
        be in the cells that it would visit.
        """
        limit = count
        while True:
            found = self._nearest(query, limit, where, vectors)
            hits = hits_of(found, self._invalid)
            if len(hits) >= count or len(found) < limit:
                return hits[:count]
            limit *= 2  # some of the nearest rows are not images

    def iterate(self, where: Filter, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match, in no particular order, in bounded memory."""
        with store_errors(self._folder, "read"):
            columns = self.columns
            search = self._tables.images.search().select(
                [*columns, image_schema.VECTOR] if vectors else columns
            )
            if (chosen := self._condition(where)) is not None:
                search = search.where(chosen)
            batches = search.to_batches(BATCH)
        while (batch := self._after(batches)) is not None:
            yield from images_of(batch, self._invalid)

    def ids_beginning(self, start: str) -> list[str]:
        """The ids that begin like this. Of the rows only the ids are read."""
        with store_errors(self._folder, "read"):
            search = self._tables.images.search().select(["id"]).where(begins("id", start))
            found: list[str] = search.to_arrow()["id"].to_pylist()
        return found

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        with store_errors(self._folder, "read"):
            found = self._tables.thumbnails.search().select(["id", "thumbnail"]).where(among(ids)).to_arrow()
        kept = zip(found["id"].to_pylist(), found["thumbnail"].to_pylist(), strict=True)
        return {id: content for id, content in kept if content and isinstance(content, bytes)}

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images match."""
        with store_errors(self._folder, "read"):
            return int(self._tables.images.count_rows(self._condition(where)))

    @property
    def exact(self) -> bool:
        """Whether a search compares with every image."""
        with store_errors(self._folder, "read"):
            few = self.count() <= self._exact_up_to
            return few or not self._tables.indexed or not self._tables.images.list_indices()

    def as_stored(self) -> Iterator[tuple[dict[str, Any], float]]:
        """All rows, including those that are not images, and the lengths of their vectors."""
        with store_errors(self._folder, "read"):
            batches = self._tables.images.search().to_batches(BATCH)
        while (batch := self._after(batches)) is not None:
            yield from raw_rows(batch)

    def _nearest(self, query: Vector, count: int, where: Filter, vectors: bool) -> pa.Table:
        """The rows of the nearest vectors, with their `_distance`."""
        columns = [*self.columns, "_distance", *([image_schema.VECTOR] if vectors else [])]
        with store_errors(self._folder, "searched"):
            search = self._tables.images.search(query, vector_column_name=image_schema.VECTOR)
            search = search.distance_type("cosine").select(columns).limit(count)
            if (chosen := self._condition(where)) is not None:
                search = search.where(chosen)
            if self._tables.indexed and self._at_most(where) > self._exact_up_to:
                refined = max(REFINED_EACH, REFINED // count)
                found = search.nprobes(visited(self.count())).refine_factor(refined).to_arrow()
                if len(found) == count:
                    return found  # otherwise the cells that were visited hold too few that match
            return search.bypass_vector_index().to_arrow()

    def _condition(self, where: Filter) -> str | None:
        """A filter as SQL, or None for all rows. No comparison holds for a column that the table lacks."""
        lacking = self.lacking
        where = simplified(where, lambda each: NOTHING if each.field in lacking else each)
        return None if where == EVERYTHING else condition(where)

    def _at_most(self, where: Filter) -> int:
        """An upper bound for the number of images that match, which is exact only if it has to be."""
        only, _, _ = split_ids(where)
        bound = self.count() if only is None else len(only)
        return bound if bound <= self._exact_up_to or where == EVERYTHING else self.count(where)

    def _after(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """The next batch, or None after the last."""
        with store_errors(self._folder, "read"):
            return next(batches, None)
