"""A few images that stand for many: each is as far as possible from those that were chosen before it.

Gonzalez 1985, "Clustering to minimize the maximum intercluster distance".
"""

from dataclasses import dataclass

import numpy as np

from phosphene.explore.sample import Sample
from phosphene.records import Image


@dataclass(frozen=True, slots=True)
class Representative:
    """An image, and its distance to the nearest one that was chosen before it: 1 - cosine, 0 for the first.

    `covers` is how many images of the sample are nearer to this one than to all others that were chosen.
    """

    image: Image
    distance: float
    covers: int


def unique(sample: Sample, count: int) -> list[Representative]:
    """The `count` images that are farthest from each other, beginning with the most typical one."""
    if not len(sample) or count < 1:
        return []
    mean = sample.vectors.mean(axis=0)
    places, distances = [int(np.argmax(sample.vectors @ mean))], [0.0]
    nearest = np.full(len(sample), np.inf, np.float32)  # the distance of each image to the chosen ones
    owner = np.zeros(len(sample), np.int64)
    while True:
        apart = 1 - sample.vectors @ sample.vectors[places[-1]]
        owner[apart < nearest] = len(places) - 1
        nearest = np.minimum(nearest, apart)
        nearest[places] = -np.inf
        farthest = int(np.argmax(nearest))
        if len(places) == min(count, len(sample)):
            break
        places.append(farthest)
        distances.append(float(max(nearest[farthest], 0)))
    covers = np.bincount(owner, minlength=len(places)).tolist()
    return [
        Representative(sample.images[place], distance, covered)
        for place, distance, covered in zip(places, distances, covers, strict=True)
    ]
