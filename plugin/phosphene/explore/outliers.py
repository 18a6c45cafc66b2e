"""Outliers: images that are far from all others. Planted noise and strays among photographs are found so."""

from dataclasses import dataclass

import numpy as np

from phosphene.explore.nearness import within
from phosphene.explore.sample import Sample
from phosphene.records import Image

# A distance counts as an outlier if it is so many deviations above the median (Iglewicz & Hoaglin 1993, "How
# to detect and handle outliers"). The deviation is the median absolute one, which outliers do not move.
DEVIATIONS = 3.5
NORMAL = 1.4826  # from the median absolute deviation to the standard deviation of a normal distribution


@dataclass(frozen=True, slots=True)
class Outlier:
    """An image, its mean distance to its nearest others, and how many deviations that is above the median."""

    image: Image
    distance: float  # 1 - cosine
    deviations: float


def outliers(sample: Sample, count: int | None = None) -> list[Outlier]:
    """The images that are farthest from their nearest others, farthest first.

    These are `count` of them, or all that are more than DEVIATIONS above the median.
    """
    if len(sample) < 3:
        return []
    distances = within(sample.vectors)
    median = float(np.median(distances))
    spread = NORMAL * float(np.median(np.abs(distances - median)))
    order = np.argsort(-distances, kind="stable")
    deviations = (distances - median) / max(spread, 1e-6)
    if count is None:
        count = int(np.count_nonzero(deviations > DEVIATIONS))
    return [
        Outlier(sample.images[place], float(distances[place]), float(deviations[place]))
        for place in order[:count].tolist()
    ]
