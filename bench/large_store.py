"""Measure one large LanceDB store, which `stores.py --size N` fills and searches.

The vectors are drawn some thousand at a time, so the peak of memory is that of the store while it is filled,
indexed and searched. The images have no thumbnails, and come in 100 commits. The index is built once, at the
end. The column for ten times as many images is not measured, see `ten_times`.
"""

import time
from math import sqrt
from pathlib import Path

import numpy as np
import store_images
from numpy.typing import NDArray
from store_figures import percentiles, seconds_of, weighed

from phosphene.records import Space
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import Upkeep
from phosphene.vectors import Vectors

COMMITS = 100
QUERIES = 100
NEIGHBOURS = 10
CODE = 80  # bytes of an image in the index that a search keeps in memory, for 512 dimensions
Figures = dict[str, float]


def measure(folder: Path, space: Space, size: int) -> dict[str, Figures]:
    """The figures of a store of this size, and what they would be for ten times as many images."""
    queries = store_images.vectors(QUERIES, space.dimension, seed=1)
    nearest, spent = filled(LanceStore.create(folder, space, upkeep=Upkeep(exact_up_to=size)), size, queries)
    store = LanceStore.open(folder, upkeep=Upkeep(exact_up_to=size - 1))  # the next write builds the index
    last = list(store_images.images(store_images.vectors(1, space.dimension, seed=2), size, thumbnail=0))
    before = time.process_time()
    figures = {
        "add, CPU ms": 1000 * spent / size,
        "index built, s": seconds_of(lambda: store.upsert(last)),
        "index built, CPU s": time.process_time() - before,
        **asked(store, queries, nearest),
        **weighed(folder),
    }
    return {f"LanceDB {size:,}": figures, f"LanceDB {10 * size:,}, calculated": ten_times(figures, size)}


def filled(store: LanceStore, size: int, queries: Vectors) -> tuple[list[set[int]], float]:
    """Fill the store. Returns the true neighbours of each query, and the CPU seconds of the writes."""
    scores = np.empty((len(queries), 0), np.float32)
    numbers = np.empty((len(queries), 0), np.int64)
    first, spent = 0, 0.0
    rows = max(store_images.PART, size // COMMITS)
    for part in store_images.parts(size, store.space.dimension, seed=0, rows=rows):
        scores, numbers = nearer(scores, numbers, queries @ part.T, first)
        images = list(store_images.images(part, first, thumbnail=0))
        before = time.process_time()
        store.upsert(images)
        spent += time.process_time() - before
        first += len(part)
    return [set(row.tolist()) for row in numbers], spent


def nearer(
    scores: Vectors, numbers: NDArray[np.int64], new: Vectors, first: int
) -> tuple[Vectors, NDArray[np.int64]]:
    """The nearest so far and the images numbered from `first`, of which the nearest are kept."""
    scores = np.concatenate([scores, new], axis=1)
    counted = np.broadcast_to(np.arange(first, first + new.shape[1]), new.shape)
    numbers = np.concatenate([numbers, counted], axis=1)
    best = np.argsort(-scores, axis=1)[:, :NEIGHBOURS]
    return np.take_along_axis(scores, best, axis=1), np.take_along_axis(numbers, best, axis=1)


def asked(store: LanceStore, queries: Vectors, nearest: list[set[int]]) -> Figures:
    """The milliseconds of a search, and the recall."""
    found: list[set[int]] = []

    def near(number: int) -> None:
        found.append({int(hit.image.uri) for hit in store.near(queries[number], NEIGHBOURS)})

    cold = 1000 * seconds_of(lambda: near(0))
    found.clear()
    before = time.process_time()
    p50, p95 = percentiles(near, QUERIES)
    hits = sum(len(some & true) for some, true in zip(found, nearest, strict=True))
    return {
        "near 10, first, ms": cold,
        "near 10, CPU ms": 1000 * (time.process_time() - before) / QUERIES,
        "near 10, p50 ms": p50,
        "near 10, p95 ms": p95,
        "recall@10": hits / NEIGHBOURS / QUERIES,
    }


def ten_times(figures: Figures, size: int) -> Figures:
    """The figures of ten times as many images, as they follow from how the index works.

    It is built by one pass over the vectors. A search visits a number of cells that grows with the root of
    their number, and keeps their codes in memory. Nothing is said about the recall.
    """
    linear = ("index built, s", "index built, CPU s", "on disk, MB")
    root = ("near 10, CPU ms", "near 10, p50 ms", "near 10, p95 ms")
    return {
        **{name: 10 * figures[name] for name in linear},
        **{name: sqrt(10) * figures[name] for name in root},
        "peak memory, MB": figures["peak memory, MB"] + 9 * size * CODE / 1e6,
    }
