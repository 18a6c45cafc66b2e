"""Finds the neighbours of a prompt, and opens their pictures.

One call of `near` returns the neighbours with their vectors. Their thumbnails and files are read only when
the first picture is opened.
"""

from collections.abc import Container, Sequence
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.filters import Filter
from phosphene.images import digest, no_picture, small_picture
from phosphene.images.sizes import THUMBNAIL
from phosphene.picture_loader import PictureLoader
from phosphene.records import Image
from phosphene.sources import to_path
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
        return picture if digest(to_path(image.uri, self._pictures.folder)) == image.sha256 else None

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
