"""Upgrading the table of the images from formats 1 and 2, see `maintenance.upgrading`.

Every step may be done twice. A kill between two of them leaves rows that the next upgrade finds.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from phosphene.fields import NAMES
from phosphene.filters import GENERATED, OF_FORMAT_1
from phosphene.recipes.description import with_fields
from phosphene.store.lance.conditions import condition
from phosphene.store.properties import image_of, properties_of

BATCH = 512  # generated images in a commit


def upgrade_table(table: Any, wanted: pa.Schema) -> None:
    """Add the columns that are missing, say `imported` for `training`, and describe generated images."""
    table.checkout_latest()
    if missing := [field for field in wanted if field.name not in table.schema.names]:
        table.add_columns(pa.schema(missing))  # writes only a manifest: every value is null
    if table.count_rows(condition(OF_FORMAT_1)):
        table.update(where=condition(OF_FORMAT_1), values={"origin": "imported"})
    for batch in table.search().where(condition(GENERATED)).to_batches(BATCH):
        if len(rows := pa.Table.from_batches(list(_described(batch)), batch.schema)):
            table.merge_insert("id").when_matched_update_all().use_index(False).execute(rows)


def _described(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows whose recipes give them fields, each with its other columns as they are."""
    seen = set[str]()
    for place, row in enumerate(batch.select(["id", "recipe", *NAMES]).to_pylist()):
        image = image_of(row["id"], row)
        after = with_fields(image)
        if after == image or image.id in seen:
            continue
        seen.add(image.id)
        fields = properties_of(after)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([fields[name]], batch.schema.field(name).type)
                if name in NAMES
                else batch.column(name).slice(place, 1)
                for name in batch.schema.names
            ],
            schema=batch.schema,
        )
