"""Hits that are near to a query and far from each other: maximal marginal relevance.

Carbonell & Goldstein 1998, "The use of MMR": of the pool, again and again the image with the highest
λ·cos(image, query) - (1-λ)·max cos(image, chosen), where λ is 1 - diversity. The first one is thus the
nearest, and a diversity of 0 is the plain order. The pool are the five times as many nearest images.
Weaviate's own selection gives the same order (tests/test_weaviate.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from phosphene.errors import QueryError
from phosphene.records import Filter, Hit
from phosphene.vectors import Vector, Vectors

if TYPE_CHECKING:
    from phosphene.store import Store

POOL = 5  # nearest images for each one that is chosen


def checked(diversity: float) -> float:
    """A diversity in [0, 1]. Raises QueryError for any other."""
    if not 0 <= diversity <= 1:
        raise QueryError(
            f"a diversity of {diversity:g} means nothing",
            hint="0 takes the nearest, 1 only looks how different hits are; 0.5 is a good start",
        )
    return diversity


def diverse(
    store: "Store", vector: Vector, count: int, where: Filter, diversity: float, *, vectors: bool = False
) -> list[Hit]:
    """The `count` hits that are chosen from the pool of a store, in the order of the choice."""
    pool = store.near(vector, POOL * count, where, vectors=True)
    there = [hit for hit in pool if hit.image.vector is not None]
    if not there:
        return []
    stacked = np.stack([hit.image.vector for hit in there if hit.image.vector is not None])
    hits = [there[place] for place in chosen([hit.score for hit in there], stacked, count, diversity)]
    return hits if vectors else [replace(hit, image=replace(hit.image, vector=None)) for hit in hits]


def chosen(scores: Sequence[float], vectors: Vectors, count: int, diversity: float) -> list[int]:
    """Which of a pool to take: cosines to the query (n,), unit vectors (n, d); places, first choice first."""
    relevance = (1 - diversity) * np.asarray(scores)
    nearest = np.full(len(scores), -np.inf)  # of each to what is chosen
    places = [int(np.argmax(scores))]
    while len(places) < min(count, len(scores)):
        nearest = np.maximum(nearest, vectors @ vectors[places[-1]])
        value = relevance - diversity * nearest
        value[places] = -np.inf
        places.append(int(np.argmax(value)))
    return places
