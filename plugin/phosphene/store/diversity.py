"""Diverse hits, which are near to a query and far from each other: maximal marginal relevance (MMR).

Carbonell & Goldstein 1998, "The use of MMR". The pool consists of five times as many nearest images as are
wanted. In each round, the image with the highest λ·cos(image, query) - (1-λ)·max cos(image, chosen) is chosen
from it, where λ is 1 - diversity. So the first hit is the nearest image, and a diversity of 0 gives the plain
order. Weaviate's own selection gives the same order (tests/test_weaviate.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phosphene.errors import QueryError
from phosphene.filters import Filter
from phosphene.records import Hit
from phosphene.vectors import Vector, Vectors

if TYPE_CHECKING:
    from phosphene.store import Store

POOL = 5  # images in the pool for each one that is chosen


def checked(diversity: float) -> float:
    """The diversity. Raises QueryError unless it lies in [0, 1]."""
    if not 0 <= diversity <= 1:
        raise QueryError(
            f"The diversity is {diversity:g}, and must be between 0 and 1.",
            hint="use 0 for the nearest images, and 0.5 for a mix of near and different ones",
        )
    return diversity


def diverse(store: "Store", vector: Vector, count: int, where: Filter, diversity: float) -> list[Hit[Vector]]:
    """Choose `count` hits from the pool in a store, in the order of the choice."""
    pool = store.near(vector, POOL * count, where, vectors=True)
    if not pool:
        return []
    vectors = np.stack([hit.image.vector for hit in pool])
    return [pool[place] for place in chosen([hit.score for hit in pool], vectors, count, diversity)]


def chosen(scores: Sequence[float], vectors: Vectors, count: int, diversity: float) -> list[int]:
    """Choose from a pool with cosines to the query (n,) and unit vectors (n, d). Returns indices in order."""
    relevance = (1 - diversity) * np.asarray(scores)
    nearest = np.full(len(scores), -np.inf)  # the highest cosine of each image to the chosen ones
    places = [int(np.argmax(scores))]
    while len(places) < min(count, len(scores)):
        nearest = np.maximum(nearest, vectors @ vectors[places[-1]])
        value = relevance - diversity * nearest
        value[places] = -np.inf
        places.append(int(np.argmax(value)))
    return places
