"""A walk from one query to another, along the great circle between their vectors."""

from dataclasses import dataclass, field

import numpy as np
from PIL.Image import Image as Picture

from phosphene.errors import VectorError
from phosphene.filters import EVERYTHING, IMPORTED, Filter, all_of
from phosphene.records import Hit, Image
from phosphene.store import Store
from phosphene.vectors import Vector, Vectors, slerp


@dataclass(frozen=True, slots=True)
class Stop:
    """A waypoint with the nearest image and, perhaps, a generated picture."""

    index: int
    t: float  # 0 at the start, 1 at the end
    vector: Vector = field(repr=False, compare=False)
    hit: Hit | None = None  # the nearest imported image, or None in an empty library
    made: Picture | None = field(default=None, repr=False, compare=False)  # generated from the vector
    seed: int | None = None  # the seed of the noise that `made` started from
    lane: str | None = None  # the way that neighbours took into `made`
    kept: Image | None = None  # the record of `made` if it was stored


def walk(store: Store, start: Vector, end: Vector, steps: int, where: Filter = EVERYTHING) -> list[Stop]:
    """Take `steps` stops from `start` to `end` (unit vectors (d,)), and find the nearest image at each.

    It is an imported one for which the filter `where` holds.

    Raises VectorError as `waypoints` does.
    """
    stops = []
    for index, vector in enumerate(waypoints(start, end, steps)):
        hits = store.near(vector, 1, all_of(IMPORTED, where))
        stops.append(Stop(index, index / (steps - 1), vector, hits[0] if hits else None))
    return stops


def waypoints(start: Vector, end: Vector, steps: int) -> Vectors:
    """`steps` unit vectors (steps, d) at equal angles, including both ends.

    Raises VectorError for fewer than two steps, and for opposite ends.
    """
    if steps < 2:
        raise VectorError(f"A walk of {steps} steps goes nowhere, because it needs at least 2.")
    return np.stack([slerp(start, end, index / (steps - 1)) for index in range(steps)])
