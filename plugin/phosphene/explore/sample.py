"""A sample of a store: images with their vectors as one matrix, for everything that compares all with all."""

from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import cast

import numpy as np

from phosphene.filters import EVERYTHING, Filter
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vectors

LIMIT = 50_000  # images: with vectors of 512 numbers these are 100 MB, and half a minute for all pairs


@dataclass(frozen=True, slots=True)
class Sample:
    """Images and their unit vectors (n, d), in the order of their ids.

    `total` is the number of images that match, from which the sample was taken.
    """

    images: tuple[Image, ...]
    vectors: Vectors
    total: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_whole(self) -> bool:
        """Whether the sample holds all images that match."""
        return len(self) == self.total


def sample(store: Store, where: Filter = EVERYTHING, limit: int = LIMIT) -> Sample:
    """At most `limit` images that match: those with the smallest ids.

    Ids are hashes, so this is a fair sample, and it is the same each time.
    """
    total = store.count(where)
    taken = nsmallest(limit, store.iterate(where, vectors=True), key=lambda image: image.id)
    vectors = np.array([image.vector for image in taken], dtype=np.float32)
    images = tuple(replace(cast("Image", image), vector=None) for image in taken)
    return Sample(images, vectors.reshape(len(taken), store.space.dimension), max(total, len(taken)))
