"""The schema of an image in every store: `schemas/image.json`, and the Arrow schema derived from it.

The file is a collection in Weaviate's own JSON, which has no comments, so some choices are explained here.
Lineage is a `uuid[]` with parallel lists of numbers, because a cross-reference cannot hold a weight. There is
no `shardingConfig`, so that a cluster spreads a collection over all of its nodes. Timestamps have no index,
because Weaviate resets them at every upsert, and `created` is our own property.
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

VECTOR = "vector"  # the vector's column in Arrow; in Weaviate it is the named vector `image`

# This marks a column as the primary key. With it, two merges that race do not write a row twice: one of them
# fails, and is tried again (lancedb#2463).
PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}


def collection(name: str = "image") -> dict[str, Any]:
    """A collection from `schemas/`, as a copy that the caller may change."""
    loaded: dict[str, Any] = json.loads(_text(name))
    return loaded


def arrow(dimension: int) -> "pa.Schema":
    """The schema of the `images` table: the id, all properties except blobs, and `dimension` float32."""
    import pyarrow as pa

    fields = [
        pa.field(each["name"], _arrow_type(each["dataType"][0]))
        for each in collection()["properties"]
        if each["dataType"] != ["blob"]
    ]
    return pa.schema([_key(), *fields, pa.field(VECTOR, pa.list_(pa.float32(), dimension))])


def blobs() -> "pa.Schema":
    """The schema of the `thumbnails` table: the id and the blobs. A scan of `images` does not read them."""
    import pyarrow as pa

    named = [each["name"] for each in collection()["properties"] if each["dataType"] == ["blob"]]
    return pa.schema([_key(), *(pa.field(name, pa.binary()) for name in named)])


def _key() -> "pa.Field[Any]":
    import pyarrow as pa

    return pa.field("id", pa.string(), nullable=False, metadata=PRIMARY_KEY)


def _arrow_type(name: str) -> "pa.DataType":
    """The Arrow type of a Weaviate data type. Dates stay RFC 3339 text."""
    import pyarrow as pa

    if name.endswith("[]"):
        return pa.list_(_arrow_type(name.removesuffix("[]")))
    return {
        "text": pa.string(),
        "uuid": pa.string(),
        "date": pa.string(),
        "int": pa.int64(),
        "number": pa.float64(),
    }[name]


@cache
def _text(name: str) -> str:
    """The text of a file of `schemas/`, which lies in the package, or in a checkout at the top of it."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "schemas" / f"{name}.json"
    file = shipped if shipped.is_file() else package.parents[1] / "schemas" / f"{name}.json"
    return file.read_text("utf-8")
