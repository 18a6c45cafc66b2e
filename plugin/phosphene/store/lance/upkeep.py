"""The upkeep of an embedded store after a write: merging its files, and building its index."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, sqrt
from typing import TYPE_CHECKING

from phosphene.store import image_schema
from phosphene.store.lance.problems import LOCK_TIMEOUT
from phosphene.store.lance.tables import Tables

if TYPE_CHECKING:
    from lancedb.index import IvfFlat, IvfRq

# Images in a cell of the index, which is LanceDB's own choice. When it merges files, it joins smaller cells.
CELL = 4096
# A query visits 6 √n of n cells. In a million images, these 94 of 244 cells hold all of the ten nearest.
VISITED = 6
STALE = 0.25  # the index is built again when more than this share of the images is not in it
# Replaced files are kept this long, because a reader may still be reading an old version.
GRACE = {"images": timedelta(minutes=10), "thumbnails": timedelta(minutes=1)}  # only images are iterated over


@dataclass(frozen=True, slots=True)
class Upkeep:
    """When files are merged, and when an index is built.

    Up to `exact_up_to` images a search compares with every image. With 512 dimensions LanceDB takes 0.1 s for
    that on 2 idle cores, and a snapshot 0.02 s (bench/start.py). Above it an index has one bit for each
    number of a vector, and the nearest by these bits are compared again by their whole vectors. A million
    images are searched in 0.01 s (bench/stores.py).

    Files are merged when there are more than `fragments` and one more for every `images_per_fragment` images,
    because each file costs a query 0.2 ms. With 512 images in a commit, an image is rewritten four times at
    most, in a store of any size.
    """

    exact_up_to: int = 100_000
    fragments: int = 32
    images_per_fragment: int = 2_000
    grace: Mapping[str, timedelta] = field(default_factory=lambda: GRACE)  # how long replaced files are kept
    lock_timeout: float = LOCK_TIMEOUT  # seconds

    def tidy(self, tables: Tables) -> None:
        """Merge files if there are many, and rebuild the index if too many images are not in it."""
        for table in (tables.images, tables.thumbnails):
            shape = table.stats()
            allowed = self.fragments + shape["num_rows"] // self.images_per_fragment
            if shape["fragment_stats"]["num_fragments"] > allowed:
                table.optimize(cleanup_older_than=self.grace[table.name])
        rows, indices = tables.images.count_rows(), tables.images.list_indices()
        missing = indices[0].num_unindexed_rows if indices else rows
        if rows > self.exact_up_to and missing > rows * STALE:
            dimension = tables.images.schema.field(image_schema.VECTOR).type.list_size
            tables.images.create_index(image_schema.VECTOR, config=_index(dimension))


def visited(rows: int) -> int:
    """How many cells of the index a query visits."""
    return ceil(VISITED * sqrt(rows / CELL))


def _index(dimension: int) -> "IvfRq | IvfFlat":
    """An index of the bits of RaBitQ, or of whole vectors if their dimension is not a multiple of 8."""
    from lancedb.index import IvfFlat, IvfRq

    kind = IvfFlat if dimension % 8 else IvfRq
    return kind(distance_type="cosine", target_partition_size=CELL)
