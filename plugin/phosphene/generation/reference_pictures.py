"""Opens the pictures of neighbours. Nothing is read before a generator opens the first one."""

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.images import no_picture, small_picture
from phosphene.images.sizes import THUMBNAIL
from phosphene.picture_loader import PictureLoader
from phosphene.records import Image
from phosphene.store import Store


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
