"""From a picture to the model's input, by open_clip's own steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.images import middle, resized
from phosphene.vectors import Pixels


class Preprocessing:
    """The steps of one model but for the last two, to a tensor and normalising.

    The result is that of open_clip, bit for bit. Only a picture that is so thin that its steps would
    take far more memory than the picture itself is cropped or shrunk before them.
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
        """One picture at the model's size, uint8 (height, width, 3); safe in many threads at once."""
        picture = self._bounded(picture)
        for step in self._steps:
            picture = step(picture)
        return np.asarray(picture)

    def _bounded(self, picture: Picture) -> Picture:
        """The picture in a shape that no step makes huge. Where it has the final size, steps keep it."""
        if self._mode == "shortest":
            return middle(picture, (self._width, self._height))
        if self._mode == "squash":
            return resized(picture, (self._width, self._height), self._resample)
        ratio = max(picture.width / self._width, picture.height / self._height)
        width, height = round(picture.width / ratio), round(picture.height / ratio)
        return resized(picture, (max(1, width), max(1, height)), self._resample)
