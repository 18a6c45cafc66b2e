"""Finds the neighbours of a prompt, and opens their pictures.

One call of `near` returns the neighbours with their vectors. Their thumbnails and files are read only when
the first picture is opened.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.filters import Filter
from phosphene.generation.checks import check_weight
from phosphene.images import no_picture, small_picture
from phosphene.images.sizes import THUMBNAIL
from phosphene.picture_loader import PictureLoader
from phosphene.query.terms import find
from phosphene.records import Image
from phosphene.sources.contents import content_at
from phosphene.store import Store
from phosphene.vectors import Vector, steer_away


@dataclass(frozen=True, slots=True)
class NeighbourSearch:
    """Which images are to lead a picture: those that the user `named` with weights, then the nearest ones.

    An image of weight 0 is left out, and the next one takes its place. `count` is the number of all of them,
    or None for the default.
    """

    where: Filter
    count: int | None = None
    named: tuple[tuple[Image[Vector], float], ...] = ()

    @property
    def leading(self) -> list[tuple[Image[Vector], float]]:
        """The named images that are not left out."""
        return [(image, weight) for image, weight in self.named if weight > 0]

    def images(
        self, store: Store, target: Vector, count: int, negative: Sequence[Vector] = ()
    ) -> dict[str, tuple[Image[Vector], float]]:
        """At most `count` images with their weights, by their ids, for a unit vector (d,). See `nearest`."""
        known = {image.id for image, _ in self.named}
        missing = max(0, count - len(self.leading))
        near = nearest(store, target, missing + len(known), self.where, negative) if missing else []
        others = [(image, 1.0) for image in near if image.id not in known]
        return {image.id: (image, weight) for image, weight in [*self.leading, *others[:missing]]}


def named_neighbours(store: Store, weights: Mapping[str, float]) -> tuple[tuple[Image[Vector], float], ...]:
    """The images with these ids and their weights, as recipes hold them.

    Raises QueryError for an id that does not exist, and GenerationError for a weight that is not allowed.
    """
    for weight in weights.values():
        check_weight(weight)
    return tuple((find(store, id, vectors=True), round(weight, 6)) for id, weight in weights.items())


def knows_norms(store: Store) -> bool:
    """Whether a store knows the norms of its vectors. One image tells it of all."""
    first = next(iter(store.iterate(vectors=True)), None)
    return first is None or first.norm > 0


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


class NeighbourPictures:
    """Opens the pictures of some images, each file once. All thumbnails come from one call of the store.

    Of the images in `from_thumbnails` only the thumbnail is used, as when their files were gone.
    """

    def __init__(
        self, store: Store, folder: Path, images: Sequence[Image], from_thumbnails: Container[str] = ()
    ) -> None:
        self._pictures = PictureLoader(store, folder)
        self._images = {image.id: image for image in images}
        self._from_thumbnails = from_thumbnails
        self._opened = cache(self.file)

    def open(self, id: str, side: int | None) -> Picture | None:
        """The thumbnail if it is large enough for a longer side of `side` pixels, or else the full picture.

        None if there is none.
        """
        small = side is not None and side <= THUMBNAIL
        return self.thumbnail(id) if small else self._opened(id) or self.thumbnail(id)

    def has_file(self, id: str) -> bool:
        """Whether `open` returns the picture in the file rather than the thumbnail."""
        return self._opened(id) is not None

    def sources(self, id: str) -> tuple[bool, ...]:
        """Where a picture may come from, best first: whether each source is the thumbnail."""
        return (True,) if id in self._from_thumbnails else (False, True)

    def file(self, id: str) -> Picture | None:
        """The picture in the file, or None if that is gone, cannot be read, or holds another picture now.

        The file is read each time. What `open` returns is held, because a generator may need it again.
        """
        image = self._images[id]
        picture = None if id in self._from_thumbnails else self._pictures.full(image)
        if picture is None or not image.sha256 or image.origin == "generated":
            return picture
        content = content_at(image.uri, self._pictures.folder)
        return picture if sha256(content).hexdigest() == image.sha256 else None

    def thumbnail(self, id: str) -> Picture | None:
        """The stored thumbnail, or None if there is none."""
        content = self._thumbnails.get(id)
        return None if content is None else small_picture(content)

    def identity(self, id: str) -> str:
        """The sha256 of a picture's file; if the store does not know it, that of its thumbnail, or its id."""
        if known := self._images[id].sha256:
            return known
        content = self._thumbnails.get(id)
        return sha256(content).hexdigest() if content else id

    @cached_property
    def _thumbnails(self) -> dict[str, bytes]:
        kept = self._pictures.store.thumbnails(list(self._images))
        return {id: content for id, content in kept.items() if content != no_picture()}
