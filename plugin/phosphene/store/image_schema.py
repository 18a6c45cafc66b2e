"""The schema of an image in every store: `schemas/image.json`, and the Arrow schema derived from it.

The file is a Weaviate collection in Weaviate's own notation. JSON cannot explain these choices. Lineage is a
`uuid[]` with parallel lists of numbers, because a cross-reference holds no weight. There is no
`shardingConfig`, so that a cluster spreads a collection over the nodes that it has. Timestamps have no
index, because Weaviate sets them anew at every upsert; `created` is our own.
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

VECTOR = "vector"  # the vector's column in Arrow; in Weaviate it is the named vector `image`

# What LanceDB knows a key by; with it, a merge that races another one fails and is tried again
# instead of writing a row twice (lancedb#2463).
PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}


def collection(name: str = "image") -> dict[str, Any]:
    """A Weaviate collection of `schemas/`, a fresh copy that the caller may change."""
    loaded: dict[str, Any] = json.loads(_text(name))
    return loaded


def arrow(dimension: int) -> "pa.Schema":
    """The schema of the `images` table: id, properties but for blobs, vector of `dimension` float32."""
    import pyarrow as pa

    fields = [
        pa.field(each["name"], _arrow_type(each["dataType"][0]))
        for each in collection()["properties"]
        if each["dataType"] != ["blob"]
    ]
    return pa.schema([_key(), *fields, pa.field(VECTOR, pa.list_(pa.float32(), dimension))])


def blobs() -> "pa.Schema":
    """The schema of the `thumbnails` table: id and blobs, apart so that no scan of images reads them."""
    import pyarrow as pa

    named = [each["name"] for each in collection()["properties"] if each["dataType"] == ["blob"]]
    return pa.schema([_key(), *(pa.field(name, pa.binary()) for name in named)])


def _key() -> "pa.Field[Any]":
    import pyarrow as pa

    return pa.field("id", pa.string(), nullable=False, metadata=PRIMARY_KEY)


def _arrow_type(name: str) -> "pa.DataType":
    """The Arrow type of a Weaviate data type; dates stay RFC 3339 text, as every store gives them back."""
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
