"""Finds the neighbours of a prompt, and hands them to a generator as references.

One call of `near` returns the neighbours with their vectors. Their thumbnails and files are read only when a
generator opens the first picture.
"""

from collections.abc import Sequence
from functools import cache, cached_property, partial
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.filters import Filter
from phosphene.generation.requests import Reference
from phosphene.images import no_picture, small_picture
from phosphene.images.sizes import THUMBNAIL
from phosphene.picture_loader import PictureLoader
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector, steer_away


def nearest(
    store: Store, target: Vector, count: int, where: Filter, negative: Sequence[Vector] = ()
) -> list[Image[Vector]]:
    """The `count` images nearest to a unit vector (d,), with vectors, nearest first.

    Images near to the `negative` unit vectors rank lower, because a picture that is made from them would show
    things to avoid.
    """
    if not count:
        return []
    vector = steer_away(target, list(negative)) if negative else target
    return [hit.image for hit in store.near(vector, count, where, vectors=True)]


def references(
    store: Store, folder: Path, images: Sequence[Image[Vector]], target: Vector
) -> tuple[Reference, ...]:
    """The images of the library in `folder` as a generator takes them, with their cosine to `target` (d,)."""
    pictures = ReferencePictures(store, folder, images)
    return tuple(
        Reference(
            image.id,
            image.vector,
            norm=image.norm or None,
            similarity=float(image.vector @ target),
            picture=partial(pictures.open, image.id),
        )
        for image in images
    )


class ReferencePictures:
    """Opens the pictures of some images, each file once. All thumbnails come from one call of the store."""

    def __init__(self, store: Store, folder: Path, images: Sequence[Image]) -> None:
        self._pictures = PictureLoader(store, folder)
        self._images = {image.id: image for image in images}
        self._full = cache(self._opened)

    def open(self, id: str, side: int | None) -> Picture | None:
        """The thumbnail if it is large enough for a longer side of `side` pixels, or else the full picture.

        None if there is none.
        """
        small = self._thumbnails.get(id)
        return small if side is not None and side <= THUMBNAIL else self._full(id)

    @cached_property
    def _thumbnails(self) -> dict[str, Picture]:
        kept = self._pictures.store.thumbnails(list(self._images))
        return {id: small_picture(content) for id, content in kept.items() if content != no_picture()}

    def _opened(self, id: str) -> Picture | None:
        return self._pictures.full(self._images[id]) or self._thumbnails.get(id)
