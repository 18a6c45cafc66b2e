"""Opening the picture of an image: its file, else its stored thumbnail, else a grey square."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.errors import ImageError, PassedOver
from phosphene.filters import IMPORTED, Filter
from phosphene.images import open_picture, resized, small_picture
from phosphene.records import Image
from phosphene.sources import is_remote
from phosphene.sources.contents import content_at
from phosphene.sources.uris import is_gone, where
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class PictureLoader:
    """Opens the pictures of a store's images. Relative uris are relative to `folder`."""

    store: Store
    folder: Path

    def picture(self, image: Image, *, side: int | None = None) -> Picture:
        """The picture of an image. With `side`, its longer side has at most so many pixels.

        Warns of a file that exists and cannot be read.
        """
        shown = self.full(image, side=side)
        if shown is None:
            shown = self.thumbnails([image.id])[image.id]
        return shown if side is None else _shrunk(shown, side)

    def full(self, image: Image, *, side: int | None = None) -> Picture | None:
        """The picture in the file of an image, or None if that is gone, elsewhere or cannot be read."""
        try:
            return open_picture(content_at(image.uri, self.folder), at_least=side)
        except ImageError as error:
            if image.uri and not self._is_absent(image):
                place, reason = where(image.uri, self.folder), error.message.rstrip(".")
                message = f"`{place}` is not a usable picture: {reason}. Its thumbnail is shown instead."
                warnings.warn(PassedOver(message), stacklevel=2)
        return None

    def _is_absent(self, image: Image) -> bool:
        """Whether there is certainly no file on this machine: one that cannot be looked at may exist."""
        return is_remote(image.uri) or is_gone(image.uri, self.folder)

    def thumbnails(self, ids: Sequence[str]) -> dict[str, Picture]:
        """The thumbnails that the store keeps, by id; a grey square in place of one that is lost."""
        kept = self.store.thumbnails(ids)
        return {id: small_picture(kept.get(id)) for id in ids}

    def examples(self, chosen: Filter = IMPORTED) -> Iterator[Image]:
        """Images as a training reads them: with vectors, and with absolute paths."""
        for image in self.store.iterate(chosen, vectors=True):
            yield replace(image, uri=where(image.uri, self.folder))


def _shrunk(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return resized(picture, size, Resampling.LANCZOS)
