"""How typical a picture is of a collection: the percentile of its own density.

The density at a point is measured by the mean distance to the k nearest images (Loftsgaarden & Quesenberry
1965). The library is its own background: each of its images has such a distance to the others, and a picture
is as likely as the share of images that lie no closer to their neighbours than it does.
"""

from dataclasses import dataclass

import numpy as np

from phosphene.explore.nearness import Distances, percentiles, to_nearest, within
from phosphene.explore.sample import Sample
from phosphene.records import Image
from phosphene.vectors import Vector, Vectors

SAME = 1 - 1e-5  # the cosine of a picture to itself, with the rounding of float32


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How typical one picture is.

    `percentile` is 100 where the collection is densest, and 0 for what is farther from its nearest images
    than every image of the collection is from its own. `beyond` compares the distance with the median of the
    collection: 1 is usual, and 5 is five times as far.
    """

    percentile: float
    distance: float  # the mean of 1 - cosine to the nearest images
    beyond: float
    nearest: Image | None


def likelihoods(sample: Sample, vectors: Vectors) -> list[Likelihood]:
    """How typical each of `vectors` (n, d) is of a sample. A picture is not its own neighbour."""
    if not len(sample):
        return [Likelihood(0.0, 2.0, float("inf"), None) for _ in vectors]
    background = within(sample.vectors)
    median = max(float(np.median(background)), 1e-6)
    return [_likelihood(sample, vector, background, median) for vector in vectors]


def _likelihood(sample: Sample, vector: Vector, background: Distances, median: float) -> Likelihood:
    similarities = sample.vectors @ vector
    others = np.flatnonzero(similarities < SAME)
    if not len(others):  # the sample holds nothing but this picture
        return Likelihood(100.0, 0.0, 0.0, None)
    distance = to_nearest(vector[None], sample.vectors[others])
    nearest = sample.images[int(others[similarities[others].argmax()])]
    return Likelihood(
        float(percentiles(distance, background)[0]), float(distance[0]), float(distance[0]) / median, nearest
    )
