"""Pairs of near vectors, found by comparing all with all in blocks."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from phosphene.vectors import Vectors

BLOCK = 2048  # rows and columns that are compared at once, in 16 MB
NEAR = 0.85  # cosine; crops of 5 % keep at least 0.93 in the built-in model
MOST = 30  # of the nearest of an image; more than that are pictures of one thing

Pairs = NDArray[np.int64]  # shape (n, 2), the smaller place first


def near_pairs(vectors: Vectors, near: float = NEAR, most: int = MOST) -> Pairs:
    """The places of all pairs of unit vectors (n, d) that are at least so near.

    Of an image that is near to very many others, only the `most` nearest count.
    """
    found = list(_blocks(vectors, near))
    if not found:
        return np.empty((0, 2), np.int64)
    pairs, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return pairs[_among_nearest(pairs, cosines, most)]


def _blocks(vectors: Vectors, near: float) -> Iterator[tuple[Pairs, NDArray[np.float32]]]:
    for top in range(0, len(vectors), BLOCK):
        rows = vectors[top : top + BLOCK]
        for left in range(top, len(vectors), BLOCK):
            cosines = rows @ vectors[left : left + BLOCK].T
            if left == top:
                cosines[np.tril_indices(len(rows))] = -1
            first, second = np.nonzero(cosines >= near)
            yield np.stack([first + top, second + left], axis=1), cosines[first, second]


def _among_nearest(pairs: Pairs, cosines: NDArray[np.float32], most: int) -> NDArray[np.bool_]:
    """Which pairs are among the `most` nearest of one of their two images."""
    images = pairs.T.reshape(-1)
    nearness = np.tile(cosines, 2)
    order = np.lexsort((-nearness, images))
    starts = np.searchsorted(images[order], images[order])
    ranks = np.empty(len(images), np.int64)
    ranks[order] = np.arange(len(images)) - starts
    return np.asarray((ranks < most).reshape(2, -1).any(axis=0))
