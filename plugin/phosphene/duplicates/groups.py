"""Groups of copies, with the best copy first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image as Picture

from phosphene.batches import batched
from phosphene.duplicates.pairs import Pairs, near_pairs
from phosphene.duplicates.pixels import difference
from phosphene.filters import EVERYTHING, Filter
from phosphene.images import small_picture
from phosphene.picture_loader import PictureLoader
from phosphene.records import Image
from phosphene.sources import is_remote, to_path
from phosphene.sources.uris import part_of
from phosphene.store import Store
from phosphene.vectors import Vectors

BATCH = 256  # pairs whose thumbnails are in memory at once

OnPairs = Callable[[int, int], None]  # takes how many pairs were compared, and how many there are


@dataclass(frozen=True, slots=True)
class Copies:
    """Images that show the same picture: the best copy, and the others from better to worse."""

    best: Image
    others: tuple[Image, ...]


def copies_in(
    pictures: PictureLoader, where: Filter = EVERYTHING, *, on_pairs: OnPairs | None = None
) -> list[Copies]:
    """The groups of copies among the images of a library.

    The best copy is the one of most pixels, of these the one of most bytes, and of these the oldest. Images
    without a file of their own on this machine come last.
    """
    store = pictures.store
    ids, vectors = _vectors(store, where)
    pairs = near_pairs(vectors)
    same = np.fromiter(_compared(store, ids, pairs, on_pairs), np.bool_, len(pairs))
    groups = [[ids[place] for place in group] for group in joined(pairs[same])]
    images = {image.id: image for image in store.get([id for group in groups for id in group])}
    found = [_sorted([images[id] for id in group if id in images], pictures.folder) for group in groups]
    return [Copies(group[0], tuple(group[1:])) for group in found if len(group) > 1]


def joined(pairs: Pairs) -> list[list[int]]:
    """The groups that pairs make, in the order of their first members."""
    group: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        first, second = group.setdefault(one, [one]), group.setdefault(other, [other])
        if first is not second:
            first += second
            group |= dict.fromkeys(second, first)
    return sorted({id(members): sorted(members) for members in group.values()}.values())


def _vectors(store: Store, where: Filter) -> tuple[list[str], Vectors]:
    """The ids and vectors (n, d) of all images. Nothing else of them stays in memory."""
    ids, vectors = [], []
    for image in store.iterate(where, vectors=True):
        ids.append(image.id)
        vectors.append(image.vector)
    return ids, np.array(vectors, np.float32).reshape(len(ids), store.space.dimension)


def _compared(store: Store, ids: Sequence[str], pairs: Pairs, on_pairs: OnPairs | None) -> Iterator[bool]:
    """For each pair, whether the thumbnails are copies of each other."""
    done = 0
    for batch in batched(pairs.tolist(), BATCH):
        thumbnails = _thumbnails(store, {ids[place] for pair in batch for place in pair})
        for one, other in batch:
            first, second = thumbnails.get(ids[one]), thumbnails.get(ids[other])
            yield first is not None and second is not None and difference(first, second).is_copy
        done += len(batch)
        if on_pairs:
            on_pairs(done, len(pairs))


def _thumbnails(store: Store, ids: set[str]) -> Mapping[str, Picture]:
    return {id: small_picture(content) for id, content in store.thumbnails(sorted(ids)).items()}


def _sorted(images: Sequence[Image], folder: Path) -> list[Image]:
    """Images from the best to the worst. One without a file of its own is worse than all that have one."""

    def rank(image: Image) -> tuple[bool, int, int, str, str]:
        size = _size(image, folder)
        return not size, -image.width * image.height, -size, image.created, image.id

    return sorted(images, key=rank)


def _size(image: Image, folder: Path) -> int:
    """The size in bytes of an image's file, or 0 if it has none of its own here."""
    if is_remote(image.uri) or part_of(image.uri):
        return 0
    try:
        return to_path(image.uri, folder).stat().st_size
    except (OSError, ValueError):
        return 0
