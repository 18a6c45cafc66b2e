"""Images as rows of Arrow tables and back, for the embedded store."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from phosphene import schema
from phosphene.errors import StoreError
from phosphene.records import Image
from phosphene.store.odd import Odd, is_id, sound
from phosphene.store.properties import image_of, properties_of
from phosphene.vectors import Vectors


def rows_of(images: Sequence[Image], vectors: Vectors, described: pa.Schema) -> pa.Table:
    """The rows of `images` and their `vectors` (n, d). Raises StoreError for text that is no Unicode."""
    rows = [{"id": image.id, **properties_of(image)} for image in images]
    columns = {name: [row.get(name) for row in rows] for name in described.names if name != schema.VECTOR}
    columns[schema.VECTOR] = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
    try:
        return pa.table(columns, schema=described)
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{error.object!r} cannot be stored: it is no Unicode text", hint="give the file another name"
        ) from error


def rows_of_thumbnails(images: Collection[Image]) -> pa.Table:
    """The rows of those thumbnails that are there."""
    there = {image.id: image.thumbnail for image in images if image.thumbnail is not None}
    return pa.table({"id": list(there), "thumbnail": list(there.values())}, schema=schema.blobs())


def images_of(batch: pa.RecordBatch, odd: Odd) -> Iterator[Image]:
    """The images of a batch, with their vectors where it has them; what is no image is passed over."""
    if schema.VECTOR not in batch.schema.names:
        return (image_of(row["id"], row) for row in known_rows(batch.to_pylist(), odd))
    return _with_vectors(batch, odd)


def known_rows(rows: Iterable[dict[str, Any]], odd: Odd) -> Iterator[dict[str, Any]]:
    """The rows whose id is one."""
    for row in rows:
        if is_id(row["id"]):
            yield row
        else:
            odd.pass_over(row["id"], "is no id")


def raw_rows(batch: pa.RecordBatch) -> Iterator[tuple[dict[str, Any], float]]:
    """The rows of a batch as they are, without their vectors, and the length of each vector."""
    lengths = np.linalg.norm(_matrix(batch.column(schema.VECTOR)).astype(np.float64), axis=1)
    return zip(batch.drop_columns([schema.VECTOR]).to_pylist(), lengths.tolist(), strict=True)


def _with_vectors(batch: pa.RecordBatch, odd: Odd) -> Iterator[Image]:
    vectors, usable = sound(_matrix(batch.column(schema.VECTOR)))
    rows = batch.drop_columns([schema.VECTOR]).to_pylist()
    for place, row in enumerate(rows):
        row["place"] = place
    for row in known_rows(rows, odd):
        if usable[row["place"]]:
            yield image_of(row["id"], row, vectors[row["place"]])
        else:
            odd.pass_over(row["id"], "has no vector, or one without a direction")


def _matrix(column: pa.FixedSizeListArray) -> Vectors:
    """The vectors (n, d) of a column, in memory of their own; not numbers where there is none."""
    if column.null_count:
        nothing = [None] * column.type.list_size
        column = pa.array([vector or nothing for vector in column.to_pylist()], column.type)
    return np.array(column.flatten(), dtype=np.float32).reshape(len(column), column.type.list_size)
