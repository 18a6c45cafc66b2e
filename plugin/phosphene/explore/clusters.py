"""Clusters: groups of images that lie close together, found by their density and named by their captions.

HDBSCAN (Campello, Moulavi & Sander 2013) finds how many there are: the leaves of its tree, because in real
collections most clusters touch. It compares images along the principal axes of most variance, since distances
of 512 numbers are nearly all alike. What it leaves out joins the nearest cluster, if it is near enough.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from phosphene.explore.sample import Sample
from phosphene.extras import require
from phosphene.folding import FUNCTION_WORDS, words_of
from phosphene.records import Image
from phosphene.vectors import Vectors, principal_axes

AXES = 20  # principal axes that HDBSCAN compares
SMOOTHING = 2  # its `min_samples`: with more, ever fewer images are in a cluster
MOST = 10_000  # images that HDBSCAN compares, which takes half a minute; the others join the nearest cluster
REACH = 0.97  # of a cluster's members are nearer to its middle than what joins them at most
NAMING = 3  # words of a cluster's name
FEWEST = 5  # images of a cluster, if the user does not say it
EVERYWHERE = 0.5  # a word in the captions of more than this share of all images names no cluster

Labels = NDArray[np.int64]  # shape (n,): the number of each image's cluster, or -1


@dataclass(frozen=True, slots=True)
class Cluster:
    """Images that lie close together.

    `members` begin with the one that is nearest to the middle. `name` holds the words that tell the captions
    of this cluster from those of the others. It is empty if there are none.
    """

    number: int
    name: tuple[str, ...]
    members: tuple[Image, ...]
    spread: float  # the mean distance of the members to the middle, in 1 - cosine


@dataclass(frozen=True, slots=True)
class Clusters:
    """All clusters, largest first, and the images that belong to none."""

    clusters: tuple[Cluster, ...]
    between: tuple[Image, ...]


def clusters(sample: Sample, fewest: int | None = None) -> Clusters:
    """The clusters of a sample, each of at least `fewest` images.

    Raises MissingExtraError if scikit-learn is not installed.
    """
    require("explore")
    labels = _labels(sample.vectors, fewest or max(FEWEST, round(sqrt(len(sample)) / 2)))
    found = [np.flatnonzero(labels == label) for label in range(labels.max(initial=-1) + 1)]
    found.sort(key=len, reverse=True)
    names = named([[sample.images[place] for place in places] for places in found])
    between = tuple(sample.images[place] for place in np.flatnonzero(labels < 0))
    return Clusters(
        tuple(
            _cluster(number, name, sample, places)
            for number, (name, places) in enumerate(zip(names, found, strict=True), 1)
        ),
        between,
    )


def named(groups: Sequence[Sequence[Image]]) -> list[tuple[str, ...]]:
    """The words that name each group: those that are frequent in its captions and rare in all others.

    Their weight is that of c-TF-IDF (Grootendorst 2022, "BERTopic"). A caption counts a word once.
    """
    counted = [Counter(word for image in group for word in words_of(image.caption)) for group in groups]
    images = sum(map(len, groups))
    overall = sum(counted, Counter[str]())
    mean = overall.total() / max(len(groups), 1)
    return [
        _name(count, len(group), overall, mean, images) for count, group in zip(counted, groups, strict=True)
    ]


def _name(count: Counter[str], size: int, overall: Counter[str], mean: float, images: int) -> tuple[str, ...]:
    weights = {
        word: count[word] / size * log(1 + mean / overall[word])
        for word in sorted(count)
        if word not in FUNCTION_WORDS and (overall[word] <= EVERYWHERE * images or images == size)
    }
    return tuple(sorted(weights, key=lambda word: -weights[word])[:NAMING])


def _labels(vectors: Vectors, fewest: int) -> Labels:
    """The clusters of vectors. Those that are not compared, or lie between, join one within its reach."""
    if len(vectors) < fewest:
        return np.full(len(vectors), -1)
    from sklearn.cluster import HDBSCAN

    mean, axes = principal_axes(vectors, min(AXES, vectors.shape[1]))
    reduced = np.asarray((vectors - mean) @ axes.T, np.float32)
    found = HDBSCAN(
        min_cluster_size=fewest,
        min_samples=min(SMOOTHING, fewest),
        cluster_selection_method="leaf",
        copy=True,
    ).fit_predict(reduced[:MOST].astype(np.float64))
    labels = np.append(found, np.full(len(vectors) - len(found), -1))
    if (found >= 0).any():
        others = labels < 0
        labels[others] = _joined(reduced[others], reduced[~others], labels[~others])
    return labels


def _joined(others: Vectors, members: Vectors, labels: Labels) -> Labels:
    """The cluster whose middle is nearest to each of the others, unless nearly all its members are nearer."""
    groups = [members[labels == number] for number in range(labels.max() + 1)]
    middles = np.stack([group.mean(axis=0) for group in groups])
    reach = np.array([np.quantile(_apart(group, group.mean(axis=0)[None]), REACH) for group in groups])
    apart = _apart(others, middles)
    nearest = apart.argmin(axis=1)
    return np.where(apart[np.arange(len(others)), nearest] <= reach[nearest], nearest, -1)


def _apart(points: Vectors, middles: Vectors) -> NDArray[np.float64]:
    """The squared distances (n, m) of points to middles."""
    squares = (points**2).sum(axis=1)[:, None] + (middles**2).sum(axis=1)
    return np.asarray(squares - 2 * points @ middles.T, np.float64)


def _cluster(number: int, name: tuple[str, ...], sample: Sample, places: NDArray[np.int64]) -> Cluster:
    vectors = sample.vectors[places]
    middle = vectors.mean(axis=0)
    near = vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-6))
    order = np.argsort(-near, kind="stable")
    return Cluster(
        number, name, tuple(sample.images[place] for place in places[order]), float(1 - near.mean())
    )
