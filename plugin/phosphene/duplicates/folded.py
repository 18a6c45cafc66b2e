"""Folds copies of pictures in what a search finds, so that each picture is shown once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from phosphene.duplicates.pairs import near_pairs
from phosphene.duplicates.pixels import difference
from phosphene.images import small_picture
from phosphene.records import Hit
from phosphene.store import Store

WIDER = 2  # how many hits are looked at for each one that is wanted, at first
PICTURES = 256  # thumbnails that are in memory at once

Search = Callable[[int], Sequence[Hit]]  # finds as many hits as it is asked for, best first


def folded(store: Store, search: Search, count: int) -> list[Hit]:
    """The first `count` hits that are no copies of better ones, each with the ids of its copies.

    The search is asked for more hits until so many are left, or until it finds no more.
    """
    asked = WIDER * count
    while True:
        hits = search(asked)
        found = _without_copies(store, hits, count)
        if len(found) == count or len(hits) < asked:
            return found
        asked *= WIDER


def _without_copies(store: Store, hits: Sequence[Hit], count: int) -> list[Hit]:
    """The first `count` hits that are no copies of better ones. All hits may be copies of these."""
    near = _near_better(store, [hit.image.id for hit in hits])
    is_copy = _comparison(store, near)
    copies: dict[str, list[str]] = {}
    for id in (hit.image.id for hit in hits):
        shown = (better for better in near.get(id, ()) if better in copies)
        best = next((better for better in shown if is_copy(id, better)), None)
        if best is not None:
            copies[best].append(id)
        elif len(copies) < count:
            copies[id] = []
    return [replace(hit, copies=tuple(copies[hit.image.id])) for hit in hits if hit.image.id in copies]


def _near_better(store: Store, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Of images in the order of a search, those before each one to which its vector is near."""
    images = store.get(ids, vectors=True)
    near: dict[str, list[str]] = {}
    if images:
        for better, place in near_pairs(np.stack([image.vector for image in images])).tolist():
            near.setdefault(images[place].id, []).append(images[better].id)
    return near


def _comparison(store: Store, near: Mapping[str, Sequence[str]]) -> Callable[[str, str], bool]:
    """A function that says whether the thumbnails of two of these images are copies of each other."""
    content = store.thumbnails(sorted({*near, *(better for some in near.values() for better in some)}))
    picture = lru_cache(PICTURES)(lambda id: small_picture(content[id]))

    def is_copy(one: str, other: str) -> bool:
        both = one in content and other in content
        return both and difference(picture(one), picture(other)).is_copy

    return is_copy
