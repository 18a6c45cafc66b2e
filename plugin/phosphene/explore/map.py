"""The map of a library, which projects images on the two axes along which their vectors vary most."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest

import numpy as np

from phosphene.filters import EVERYTHING, GENERATED, IMPORTED, Filter, all_of
from phosphene.records import Origin
from phosphene.store import Store
from phosphene.vectors import Vectors, principal_axes


@dataclass(frozen=True, slots=True)
class Point:
    """An image on a map. x grows to the right and y upwards. Both lie in [0, 1] and have one scale."""

    id: str
    x: float
    y: float
    origin: Origin = "imported"
    parents: tuple[str, ...] = ()  # the ids of its parents


@dataclass(frozen=True, slots=True)
class Map:
    """The points of a map, and the shares of the variance that its two axes show."""

    points: tuple[Point, ...]
    shares: tuple[float, float]  # along x and along y


def map_of(store: Store, limit: int, where: Filter = EVERYTHING) -> Map:
    """The map of all generated images for which a filter holds, and of at most `limit` imported ones.

    The imported ones with the smallest ids are taken. Ids are hashes, so this is a fair sample, and it is
    the same sample each time.
    """
    imported = store.iterate(all_of(IMPORTED, where), vectors=True)
    sample = nsmallest(limit, imported, key=lambda image: image.id)
    generated = sorted(store.iterate(all_of(GENERATED, where), vectors=True), key=lambda image: image.id)
    images = [*sample, *generated]
    vectors = np.array([image.vector for image in images], dtype=np.float32)
    drawn = project([image.id for image in images], vectors)
    points = (
        replace(point, origin=image.origin, parents=tuple(parent.id for parent in image.parents))
        for point, image in zip(drawn.points, images, strict=True)
    )
    return replace(drawn, points=tuple(points))


def project(ids: Sequence[str], vectors: Vectors) -> Map:
    """Project `vectors` (n, d) on their two principal axes.

    Both axes have one scale, so that distances keep their meaning. The points are centred at (0.5, 0.5).
    """
    if not ids:
        return Map((), (0.0, 0.0))
    mean, axes = principal_axes(vectors, min(2, vectors.shape[1]))
    centred = (vectors - mean).astype(np.float64)
    along = np.zeros((len(ids), 2))
    along[:, : len(axes)] = centred @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    extent = float((high - low).max())
    # Equal vectors differ only by rounding errors, which must not fill the map.
    scale = 1 / extent if extent > 1e-5 else 0.0
    spread = (along - (low + high) / 2) * scale + 0.5
    total = float((centred**2).sum())
    shares = (along**2).sum(axis=0) / total if scale else np.zeros(2)
    points = (Point(id, float(x), float(y)) for id, (x, y) in zip(ids, spread, strict=True))
    return Map(tuple(points), (float(shares[0]), float(shares[1])))
