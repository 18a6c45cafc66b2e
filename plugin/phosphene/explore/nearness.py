"""How near images are to their nearest neighbours: what outliers are measured by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from phosphene.vectors import Vectors

BLOCK = 1_024  # vectors that are compared with all others at once: 50,000 similarities each are 200 MB
NEIGHBOURS = 10  # the k of the mean distance to the k nearest neighbours

Distances = NDArray[np.float32]  # shape (n,), 1 - cosine


def within(vectors: Vectors, k: int = NEIGHBOURS) -> Distances:
    """The mean distance of each of `vectors` (n, d) to its `k` nearest others, in 1 - cosine.

    It is infinite for a single vector, which has no others.
    """
    found = []
    for start, block in _blocks(vectors):
        similarities = block @ vectors.T
        rows = np.arange(len(block))
        similarities[rows, start + rows] = -np.inf  # no vector is its own neighbour
        found.append(_of_nearest(similarities, min(k, len(vectors) - 1)))
    return np.concatenate(found) if found else np.empty(0, np.float32)


def _of_nearest(similarities: NDArray[np.float32], k: int) -> Distances:
    if k < 1:
        return np.full(len(similarities), np.inf, np.float32)
    k = min(k, similarities.shape[1])
    nearest = np.partition(similarities, -k, axis=1)[:, -k:]
    return np.asarray(1 - nearest.mean(axis=1), np.float32)


def _blocks(vectors: Vectors) -> Iterator[tuple[int, Vectors]]:
    return ((start, vectors[start : start + BLOCK]) for start in range(0, len(vectors), BLOCK))
