"""Prepares pictures for a model as open_clip does, with Pillow alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.images import middle, resized
from phosphene.images.sizes import Size
from phosphene.vectors import Pixels


class Preprocessing:
    """open_clip's steps for one model, except for the last two, which make a tensor and normalise it.

    The result is the same as open_clip's, bit for bit. There is one exception: a picture that is so thin that
    the steps would take far more memory than the picture itself is cropped or shrunk first.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        size: Any = config["size"]
        height, width = [size, size] if isinstance(size, int) else list[int](size)
        self._size = (width, height)
        self._mode = config.get("resize_mode", "shortest")
        self._fill = config.get("fill_color", 0)
        is_oblong = (
            self._mode == "shortest" and width != height
        )  # open_clip resizes such pictures bicubically
        linear = config.get("interpolation") == "bilinear" and not is_oblong
        self._resample = Resampling.BILINEAR if linear else Resampling.BICUBIC

    def __call__(self, picture: Picture) -> Pixels:
        """A picture at the model's size, uint8 (height, width, 3). Many threads may call this at once."""
        if self._mode == "squash":
            small = resized(picture, self._size, self._resample)
        elif self._mode == "shortest":
            picture = middle(picture, self._size)
            small = picture.resize(self._filling(picture.size), self._resample)
        else:
            small = resized(picture, self._inside(picture.size), self._resample)
        return np.asarray(self._centred(small.convert("RGB")))

    def _filling(self, source: Size) -> Size:
        """The size at which a picture of size `source` just covers the model's."""
        (width, height), (wide, high) = source, self._size
        if wide == high:  # torchvision's arithmetic, which rounds down
            short = min(source)
            return (wide, int(wide * height / short)) if width == short else (int(wide * width / short), wide)
        ratio = min(width / wide, height / high)
        return round(width / ratio), round(height / ratio)

    def _inside(self, source: Size) -> Size:
        """The size at which a picture of size `source` just fits into the model's."""
        ratio = max(source[0] / self._size[0], source[1] / self._size[1])
        return max(1, round(source[0] / ratio)), max(1, round(source[1] / ratio))

    def _centred(self, picture: Picture) -> Picture:
        """The middle of a picture at the model's size, with a border where the picture is smaller."""
        if picture.size == self._size:
            return picture
        fill = self._fill if self._mode == "longest" else 0
        canvas = Image.new("RGB", self._size, (fill, fill, fill))
        left, top = (_offset(*sides) for sides in zip(picture.size, self._size, strict=True))
        canvas.paste(picture, (left, top))
        return canvas


def _offset(side: int, target: int) -> int:
    """Where a side of a picture begins on a canvas, as torchvision rounds it."""
    return (target - side) // 2 if side <= target else -round((side - target) / 2)
