"""The pictures of a library as they are shown: the file, else the stored thumbnail, else a grey square."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.errors import ImageError, PassedOver
from phosphene.images import open_picture, resized, small_picture
from phosphene.records import Image
from phosphene.sources import to_path
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class Gallery:
    """Shows what a store holds; the uris of its images are relative to `folder`."""

    store: Store
    folder: Path

    def picture(self, image: Image, *, side: int | None = None) -> Picture:
        """The image's picture, its longer side at most `side` pixels.

        A file that is there and cannot be read is named by a warning.
        """
        shown = self.full(image, side=side)
        if shown is None:
            [shown] = self.small([image])
        return shown if side is None else _shrunk(shown, side)

    def full(self, image: Image, *, side: int | None = None) -> Picture | None:
        """The picture in the image's file, or None where that is gone or cannot be read."""
        path = to_path(image.uri, self.folder)
        try:
            return open_picture(path, at_least=side)
        except (ImageError, ValueError) as error:  # ValueError: a uri with a NUL, which no file can have
            if image.uri and not _is_gone(path):
                warnings.warn(PassedOver(f"{error}: its thumbnail is shown"), stacklevel=2)
        return None

    def small(self, images: Sequence[Image]) -> list[Picture]:
        """The thumbnails that the store keeps, in order; a grey square for one that is lost."""
        kept = self.store.thumbnails([image.id for image in images])
        return [small_picture(kept.get(image.id)) for image in images]


def _is_gone(path: Path) -> bool:
    """Whether there is surely no file; one that cannot be looked at may be there."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def _shrunk(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return resized(picture, size, Resampling.LANCZOS)
