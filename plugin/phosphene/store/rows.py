"""Images as rows of Arrow tables and back, for the embedded store."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa

from phosphene import schema
from phosphene.errors import StoreError
from phosphene.records import Image
from phosphene.store.properties import image_of, properties_of
from phosphene.vectors import Vectors


def rows_of(images: Sequence[Image], vectors: Vectors, described: pa.Schema) -> pa.Table:
    """The rows of `images` and their `vectors` (n, d). Raises StoreError for text that is no Unicode."""
    rows = [{"id": image.id, **properties_of(image)} for image in images]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
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


def images_of(batch: pa.RecordBatch) -> Iterator[Image]:
    """The images of a batch, with their vectors where it has them."""
    if schema.VECTOR not in batch.schema.names:
        return (image_of(row["id"], row) for row in batch.to_pylist())
    vectors = _matrix(batch.column(schema.VECTOR))
    rows = batch.drop_columns([schema.VECTOR]).to_pylist()
    return (image_of(row["id"], row, vector) for row, vector in zip(rows, vectors, strict=True))


def _matrix(column: pa.FixedSizeListArray) -> Vectors:
    """The vectors (n, d) of a column, in memory of their own."""
    return np.array(column.flatten(), dtype=np.float32).reshape(len(column), -1)
