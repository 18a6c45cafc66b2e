"""Measures how near a generated picture is to the imported images of the library.

This is similarity in the space of the library and says nothing about originality: two photographs of one
place can be as similar as a photograph and its copy.

The library itself is the baseline. Every imported image has a similarity to its nearest other imported image.
A generated picture has a similarity to its nearest imported image too, and its percentile says how many of
the imported images are less similar to their nearest one. Somepalli et al. 2023, "Diffusion Art or Digital
Forgery?", compare the same two distributions.
"""

import io
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from phosphene.batches import batched
from phosphene.files import may_write, write_whole
from phosphene.filters import IMPORTED
from phosphene.records import Hit, Image
from phosphene.store import Store
from phosphene.vectors import Vector

SAMPLE = 5_000  # imported images from which the baseline is computed
FEWEST = 100  # imported images that a percentile needs to mean anything
BLOCK = 4_096  # vectors that are compared at once: 5,000 x 4,096 float32 are 82 MB


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest imported image. `percentile` is None in a library with fewer than 100 imported images."""

    nearest: str
    similarity: float
    percentile: float | None


@dataclass(frozen=True, slots=True)
class Novelty:
    """The nearest imported image, and the nearest one that is not a parent of the picture.

    `exact` is False if the store's search is approximate, so that there may be a nearer one.
    """

    nearest: str
    similarity: float
    percentile: float | None
    exact: bool
    without_parents: Nearest | None


class Baseline:
    """The ascending similarities of imported images to their nearest other one. They are cached in a file."""

    def __init__(self, similarities: NDArray[np.float32]) -> None:
        self.similarities = similarities

    @classmethod
    def of(cls, store: Store, cache: Path, *, sample: int = SAMPLE, block: int = BLOCK) -> "Baseline":
        """Compute it, or read it from the cache if the number of imported images is still the same.

        It is computed from a `sample` of the images, which are compared with a `block` of vectors at once.
        """
        count = store.count(IMPORTED)
        if (kept := _cached(cache, count)) is not None:
            return cls(kept)
        measured = cls(_similarities(store, sample, block))
        _write_cache(cache, count, measured.similarities)
        return measured

    def percentile(self, similarity: float) -> float | None:
        """How many per cent of the imported images are less similar to their nearest one."""
        if len(self.similarities) < FEWEST:
            return None
        below = np.searchsorted(self.similarities, similarity, side="left")
        return float(100 * below / len(self.similarities))


def measure(store: Store, baseline: Baseline, vector: Vector, parents: Sequence[str]) -> Novelty | None:
    """The novelty of a picture with this unit vector (d,). None in a library without imported images."""
    hits = store.near(vector, 1 + len(parents), IMPORTED)  # so that at least one is not a parent
    if not hits:
        return None
    first, others = hits[0], [hit for hit in hits if hit.image.id not in parents]
    second = _as_nearest(others[0], baseline) if others else None
    return Novelty(first.image.id, first.score, baseline.percentile(first.score), store.info().exact, second)


def _as_nearest(hit: Hit, baseline: Baseline) -> Nearest:
    return Nearest(hit.image.id, hit.score, baseline.percentile(hit.score))


def _similarities(store: Store, most: int, together: int) -> NDArray[np.float32]:
    sample = _sample(store, most)
    if len(sample) < 2:
        return np.zeros(0, dtype=np.float32)
    rows = {image.id: row for row, image in enumerate(sample)}
    queries = np.stack([image.vector for image in sample])
    best = np.full(len(sample), -1.0, dtype=np.float32)
    for block in batched(store.iterate(IMPORTED, vectors=True), together):
        scores = queries @ np.stack([image.vector for image in block]).T
        for column, image in enumerate(block):
            if image.id in rows:
                scores[rows[image.id], column] = -1.0  # an image is not its own neighbour
        best = np.maximum(best, scores.max(axis=1))
    return np.sort(best)


def _sample(store: Store, most: int) -> list[Image[Vector]]:
    """At most `most` imported images, which are always the same for the same library."""
    ids = sorted(image.id for image in store.iterate(IMPORTED))
    if len(ids) > most:
        chosen = np.random.default_rng(0).choice(len(ids), most, replace=False)
        ids = [ids[place] for place in chosen]
    return store.get(ids, vectors=True)


def _cached(cache: Path, count: int) -> NDArray[np.float32] | None:
    """The cached similarities. None if the file is missing, damaged, or from another number of images."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            same, similarities = int(kept["count"]) == count, kept["similarities"]
    except (OSError, ValueError, TypeError, LookupError, EOFError, BadZipFile, zlib.error):
        return None
    fits = similarities.ndim == 1 and similarities.dtype == np.float32 and np.isfinite(similarities).all()
    return similarities if same and fits else None


def _write_cache(cache: Path, count: int, similarities: NDArray[np.float32]) -> None:
    """Write the cache, unless the folder is read-only."""
    if not may_write(cache.parent):
        return
    file = io.BytesIO()
    np.savez(file, count=count, similarities=similarities)
    with suppress(OSError):
        write_whole(cache, file.getvalue())
