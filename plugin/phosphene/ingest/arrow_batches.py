"""Batches of items and of outcomes as Arrow, for engines that work in many processes or on many machines.

    items (uri, opener, captions, fields, stamp, modified)
      ─► Worker: open, hash, decode, embed, thumbnail
      ─► outcomes (uri, stamp, id, told, properties, vector, thumbnail, or the reason of the failure)

The step in the middle is the one that the local engine runs, too. An engine brings batches to it and back.
"""

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from phosphene.errors import ClusterError
from phosphene.ingest.worker import Outcome
from phosphene.journal import Refused, Seen
from phosphene.records import Image
from phosphene.sources import Item
from phosphene.store.properties import image_of, properties_of

ITEMS = pa.schema(
    {
        "uri": pa.string(),
        "opener": pa.binary(),  # `Item.open`
        "captions": pa.list_(pa.string()),
        "fields": pa.string(),  # as JSON
        "stamp": pa.string(),
        "modified": pa.float64(),
    }
)
OUTCOMES = pa.schema(
    {
        "uri": pa.string(),
        "stamp": pa.string(),
        "id": pa.string(),  # null if the item was refused
        "told": pa.string(),  # captions and fields, as the journal keeps them
        "reason": pa.string(),  # why it was refused
        "properties": pa.string(),  # as JSON, and null if the image is not new
        "vector": pa.list_(pa.float32()),
        "thumbnail": pa.binary(),
    }
)


def batch_of_items(items: Sequence[Item]) -> pa.RecordBatch:
    """The items as a batch. Raises ClusterError for one that only this process can open."""
    rows = [
        {
            "uri": item.uri,
            "opener": _packed(item),
            "captions": list(item.captions),
            "fields": json.dumps(dict(item.fields)),
            "stamp": item.stamp,
            "modified": item.modified,
        }
        for item in items
    ]
    return pa.RecordBatch.from_pylist(rows, schema=ITEMS)


def items_of(batch: pa.RecordBatch) -> list[Item]:
    """The items of a batch that another process of the same run has made."""
    return [
        Item(
            uri=row["uri"],
            open=pickle.loads(row["opener"]),
            captions=tuple(row["captions"]),
            fields=json.loads(row["fields"]),
            stamp=row["stamp"],
            modified=row["modified"],
        )
        for row in batch.to_pylist()
    ]


def batch_of_outcomes(found: Sequence[Outcome]) -> pa.RecordBatch:
    """The outcomes as a batch."""
    return pa.RecordBatch.from_pylist([_row(file, image) for file, image in found], schema=OUTCOMES)


def outcomes_of(batch: pa.RecordBatch) -> Iterator[Outcome]:
    """The outcomes of a batch, with the vectors that were put in."""
    for row in batch.to_pylist():
        if row["id"] is None:
            yield Refused(row["uri"], row["stamp"], row["reason"]), None
        else:
            yield Seen.of((row["uri"], 0, f"={row['stamp']}", row["id"], row["told"])), _image(row)


def _packed(item: Item) -> bytes:
    """`Item.open` for another process of the same run. Nothing that a stranger wrote is ever unpacked."""
    try:
        return pickle.dumps(item.open)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ClusterError(
            f"`{item.uri}` can be opened only by the process that has listed it.",
            hint="add this source without `--engine ray`",
        ) from error


def _row(file: Seen | Refused, image: Image | None) -> dict[str, Any]:
    if isinstance(file, Refused):
        return {"uri": file.uri, "stamp": file.stamp, "reason": file.reason}
    row = {"uri": file.uri, "stamp": file.stamp, "id": file.id, "told": file.row[-1]}
    if image is None:
        return row
    properties = json.dumps(properties_of(image))
    return row | {"properties": properties, "vector": image.vector, "thumbnail": image.thumbnail}


def _image(row: dict[str, Any]) -> Image | None:
    if row["properties"] is None:
        return None
    vector = np.array(row["vector"], dtype=np.float32)
    image = image_of(row["id"], json.loads(row["properties"]), vector)
    return replace(image, thumbnail=row["thumbnail"])
