"""Converting images to rows of Arrow tables and back, for the embedded store."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa

from phosphene.errors import StoreError
from phosphene.records import Hit, Image
from phosphene.store import image_schema
from phosphene.store.invalid import InvalidEntries, is_id, normalised
from phosphene.store.properties import image_of, properties_of
from phosphene.vectors import Vector, Vectors


def rows_of(images: Sequence[Image], vectors: Vectors, described: pa.Schema) -> pa.Table:
    """The rows of images and their vectors (n, d). Raises StoreError for text that is not Unicode."""
    rows = [{"id": image.id, **properties_of(image)} for image in images]
    columns = {
        name: [row.get(name) for row in rows] for name in described.names if name != image_schema.VECTOR
    }
    columns[image_schema.VECTOR] = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
    try:
        return pa.table(columns, schema=described)
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{error.object!r} cannot be stored, because it is not Unicode text.",
            hint="give the file another name",
        ) from error


def rows_of_thumbnails(images: Collection[Image]) -> pa.Table:
    """The rows of the thumbnails of images that have one."""
    made = {image.id: image.thumbnail for image in images if image.thumbnail is not None}
    return pa.table({"id": list(made), "thumbnail": list(made.values())}, schema=image_schema.blobs())


def images_of(batch: pa.RecordBatch, invalid: InvalidEntries) -> Iterator[Image]:
    """The images of a batch, with their vectors if it has them. Rows that are not images are skipped."""
    return (image_of(row["id"], row, vector) for row, vector in _read(batch, invalid))


def hits_of(found: pa.Table, invalid: InvalidEntries) -> list[Hit]:
    """The hits of a search, with their vectors if it has them. Rows that are not images are skipped."""
    rows = chain.from_iterable(_read(batch, invalid) for batch in found.to_batches())
    return [
        Hit(image_of(row["id"], row, vector), float(np.clip(1 - row["_distance"], -1, 1)))
        for row, vector in rows
        if row["_distance"] is not None and isfinite(row["_distance"])
    ]


def raw_rows(batch: pa.RecordBatch) -> Iterator[tuple[dict[str, Any], float]]:
    """The unchanged rows of a batch, without their vectors, and the length of each vector."""
    lengths = np.linalg.norm(matrix(batch.column(image_schema.VECTOR)).astype(np.float64), axis=1)
    return zip(batch.drop_columns([image_schema.VECTOR]).to_pylist(), lengths.tolist(), strict=True)


def _read(batch: pa.RecordBatch, invalid: InvalidEntries) -> Iterator[tuple[dict[str, Any], Vector | None]]:
    """The rows that are images, without the vector column, and their vectors if the batch has them."""
    if image_schema.VECTOR not in batch.schema.names:
        yield from ((row, None) for row in batch.to_pylist() if _has_id(row, invalid))
        return
    vectors, usable = normalised(matrix(batch.column(image_schema.VECTOR)))
    rows = batch.drop_columns([image_schema.VECTOR]).to_pylist()
    for row, vector, is_usable in zip(rows, vectors, usable, strict=True):
        if not _has_id(row, invalid):
            continue
        if is_usable:
            yield row, vector
        else:
            invalid.skip(row["id"], "has no vector, or a vector without a direction")


def _has_id(row: dict[str, Any], invalid: InvalidEntries) -> bool:
    """Whether a row has a valid id."""
    if not is_id(row["id"]):
        invalid.skip(row["id"], "is not an id")
        return False
    return True


def matrix(column: pa.FixedSizeListArray) -> Vectors:
    """A copy of the vectors (n, d) in a column. A missing vector consists of NaN."""
    if column.null_count:
        nothing = [None] * column.type.list_size
        column = pa.array([vector or nothing for vector in column.to_pylist()], column.type)
    return np.array(column.flatten(), dtype=np.float32).reshape(len(column), column.type.list_size)
