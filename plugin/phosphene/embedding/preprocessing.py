"""Prepares pictures for a model, with open_clip's own steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.images import middle, resized
from phosphene.vectors import Pixels


class Preprocessing:
    """The steps of one model except for the last two, which make a tensor and normalise it.

    The result is the same as open_clip's, bit for bit. There is one exception: a picture that is so thin that
    the steps would take far more memory than the picture itself is cropped or shrunk first.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        settings = PreprocessCfg(**config)
        self._steps = image_transform_v2(settings, is_train=False).transforms[:-2]
        self._mode = settings.resize_mode
        size: Any = settings.size
        self._height, self._width = [size, size] if isinstance(size, int) else list[int](size)
        linear = settings.interpolation == "bilinear"
        self._resample = Resampling.BILINEAR if linear else Resampling.BICUBIC

    def __call__(self, picture: Picture) -> Pixels:
        """A picture at the model's size, uint8 (height, width, 3). Many threads may call this at once."""
        picture = self._bounded(picture)
        for step in self._steps:
            picture = step(picture)
        return np.asarray(picture)

    def _bounded(self, picture: Picture) -> Picture:
        """The picture in a shape that no step can make huge. A picture of the final size stays as it is."""
        if self._mode == "shortest":
            return middle(picture, (self._width, self._height))
        if self._mode == "squash":
            return resized(picture, (self._width, self._height), self._resample)
        ratio = max(picture.width / self._width, picture.height / self._height)
        width, height = round(picture.width / ratio), round(picture.height / ratio)
        return resized(picture, (max(1, width), max(1, height)), self._resample)
