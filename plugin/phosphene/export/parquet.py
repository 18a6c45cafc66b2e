"""Exporting as a parquet file: a row for each image, with all of its properties."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.batches import batched
from phosphene.export.exportable import Exportable, Exported, ExportOptions, picture_of
from phosphene.export.webdataset import ending_of
from phosphene.files import replacing
from phosphene.outputs import claim
from phosphene.sources.uris import where
from phosphene.store import image_schema
from phosphene.store.properties import properties_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 200  # that are written at once: with pictures of 1 MB they take 200 MB
FILE, SCORE, PICTURE = "file_name", "score", "image"  # columns beside the properties


def write_parquet(images: Iterable[Exportable], target: Path, options: ExportOptions) -> Exported:
    """Write the table. If it holds no pictures, an image whose file is gone has a row, too."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    claim(target, force=options.force)
    written = missing = 0
    schema = _schema(options)
    with replacing(target) as part, ParquetWriter(part, schema) as file:
        for batch in batched(images, ROWS):
            rows = [row for each in batch if (row := _row(each, options)) is not None]
            written, missing = written + len(rows), missing + len(batch) - len(rows)
            file.write_table(pa.Table.from_pylist(rows, schema))
    return Exported(written, missing, (target,))


def _schema(options: ExportOptions) -> "pa.Schema":
    import pyarrow as pa

    own = image_schema.arrow(options.space.dimension).remove_metadata()
    fields = [field for field in own if options.vectors or field.name != image_schema.VECTOR]
    added = [pa.field(FILE, pa.string()), pa.field(SCORE, pa.float64())]
    if options.pictures:
        added.append(pa.field(PICTURE, pa.struct({"bytes": pa.binary(), "path": pa.string()})))
    return pa.schema([*fields, *added], metadata=_metadata(options))


def _metadata(options: ExportOptions) -> dict[str, str]:
    """The space of the vectors; and for Hugging Face `datasets`, that the column holds pictures."""
    space = {"model": options.space.name, "space": options.space.id}
    features = {"info": {"features": {PICTURE: {"_type": "Image"}}}}
    return {"phosphene": json.dumps(space)} | (
        {"huggingface": json.dumps(features)} if options.pictures else {}
    )


def _row(each: Exportable, options: ExportOptions) -> dict[str, Any] | None:
    """The row of an image, or None if its picture belongs in it and is not found."""
    image = each.image
    row = {"id": image.id, **properties_of(image), SCORE: each.score}
    row["uri"] = row[FILE] = where(image.uri, options.folder)
    if options.vectors:
        row[image_schema.VECTOR] = image.vector
    if options.pictures:
        content = picture_of(image, options.folder)
        if content is None:
            return None
        row[PICTURE] = {"bytes": content, "path": f"{image.id}{ending_of(content)}"}
    return row
