"""Scores images by the words that their captions and prompts have: BM25, by Robertson & Zaragoza (2009, "The
Probabilistic Relevance Framework: BM25 and Beyond").

Each word of an image counts once, since captions hardly repeat any. An image is as long as its captions or
its prompt, whichever have more words, because a prompt is usually a caption, too.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from phosphene.filters import Filter, matches, value_of
from phosphene.folding import words_of
from phosphene.records import Image

FIELDS = ("captions", "prompt")  # whose words are searched
K1, B = 1.2, 0.75  # as in schemas/image.json

Scores = NDArray[np.float64]


def bm25(has: NDArray[np.bool_], lengths: NDArray[np.int64]) -> Scores:
    """The scores (n,) of images which have some of the words (words, n), and so many words (n,) in all."""
    images, having = has.shape[1], has.sum(axis=1)
    weights = np.log(1 + (images - having + 0.5) / (having + 0.5))
    longer = lengths / max(lengths.mean(), 1.0) if images else lengths
    return np.asarray(weights @ has * (K1 + 1) / (1 + K1 * (1 - B + B * longer)))


def best(scores: Scores, count: int) -> list[int]:
    """The places of the highest scores that are not zero, best first."""
    order = np.argsort(-scores, kind="stable")[:count]
    return [int(place) for place in order if scores[place] > 0]


def ranked(images: Iterable[Image], words: Collection[str], count: int, where: Filter) -> Mapping[str, float]:
    """The ids and scores of the best images for which a filter holds, among all images of a store."""
    ids, has, lengths, allowed = list[str](), [], list[int](), list[bool]()
    for image in images:
        by_field = [words_of(*_texts(image, field)) for field in FIELDS]
        ids.append(image.id)
        has.append([any(word in found for found in by_field) for word in words])
        lengths.append(max(map(len, by_field)))
        allowed.append(matches(where, image))
    scores = bm25(np.array(has, np.bool_).reshape(len(ids), len(words)).T, np.array(lengths, np.int64))
    places = best(np.where(allowed, scores, 0), count)
    return {ids[place]: float(scores[place]) for place in places}


def _texts(image: Image, field: str) -> tuple[str, ...]:
    value = value_of(image, field)
    return value if isinstance(value, tuple) else (value or "",)
