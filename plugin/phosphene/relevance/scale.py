"""The scale on which cosines become comparable between queries, pictures and models.

On it, a picture's mean cosine to random queries is 0, and its cosine to those that fit best, one in a hundred
of them, is 1. These are what is called r_T in CSLS (Conneau et al. 2018, "Word translation without parallel
data"), where they undo that some pictures are near to everything (hubs). A random query seldom fits a picture
well, so what reaches 1 fits it about as well as a few words of a hundred do.

The constants hold for all models, because they have no unit. They were chosen with the built-in model, see
`bench/relevance.py` and docs/decisions.md.
"""

from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from phosphene.vectors import Vectors

BEST_RANDOM = 0.01  # share of the random queries that fit a picture best
LEAST_SPREAD = 0.02  # in cosines; with less between 0 and 1, there is nothing to tell apart
COMPANIONS, COMPANION_SHARE = (
    10,
    0.03,
)  # the best hits that support each other: 3 % of the images, at most ten
CHANCE, USUAL_IMAGES, MOST_IMAGES = 0.5, 300, 6000  # measured up to 6,000 pictures
SAME = 0.9999  # a cosine from which on two vectors are those of the same picture
MIDDLE, WIDTH = 0.5, 0.25  # where a hit is as likely relevant as not, and how quickly that changes
CUT = 2 / 3  # the relevance at which `auto` cuts
SPELLED, SPELLED_WIDTH = 0.43, 0.02  # from which share of spelled words on a text is unknown

Numbers = NDArray[np.floating]


def on_scale(scores: Numbers, pictures: Vectors, random: Vectors) -> Numbers:
    """The cosines (n,) of pictures (n, d) to a query, on the scale that random queries (m, d) make."""
    cosines = np.sort(pictures @ random.T, axis=1)
    mean = cosines.mean(axis=1)
    best = cosines[:, -ceil(BEST_RANDOM * len(random)) :].mean(axis=1)
    return np.asarray((scores - mean) / np.maximum(best - mean, LEAST_SPREAD))


def support(fits: Numbers, images: int) -> float:
    """How well the best hits of a search among so many images fit together: no hit counts for more.

    The best of many irrelevant pictures may fit by chance, but then the next ones fit less. And the more
    pictures there are, the better the best one fits by chance, as the highest of n normal numbers does.
    """
    count = min(COMPANIONS, max(1, round(COMPANION_SHARE * images)))
    best = np.sort(fits)[::-1][:count]
    return float((best[0] + best.mean()) / 2 - CHANCE * (_highest(images) - _highest(USUAL_IMAGES)))


def _highest(images: int) -> float:
    """About the highest of so many numbers of a standard normal distribution."""
    return sqrt(2 * log(min(max(images, 1), MOST_IMAGES)))


def relevance(fits: Numbers, spelled: float = 0.0) -> Numbers:
    """How likely hits are relevant, in [0, 1], for a text of which this share is spelled."""
    unknown = 1 / (1 + np.exp((spelled - SPELLED) / SPELLED_WIDTH))
    return np.asarray(unknown / (1 + np.exp(-(np.asarray(fits, np.float64) - MIDDLE) / WIDTH)))
