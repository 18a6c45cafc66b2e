"""Compares two thumbnails: whether one shows the other, or a part of it, everywhere alike.

A perceptual hash of the whole picture changes when a margin is cropped, and hardly changes when a small thing
does. So the smaller picture is laid on windows of the other, and the tile that differs most decides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from PIL.Image import Resampling

GRID, TILE = 32, 4  # pixels across a picture that is compared, and across a tile of it
LARGEST = 36  # pixels across a picture of which a crop has GRID: it leaves at least 89 % of a side
COARSE = 40.0  # of 255; pictures that differ more on average are not even laid on each other
DIFFERENT = 8.0, 29.0  # the average difference, and that of the worst tile, from which on they are others

Raster = NDArray[np.float32]  # shape (GRID, GRID, 3)


@dataclass(frozen=True, slots=True)
class PixelDifference:
    """How much two pictures differ, of 255: on average, and in the tile that differs most."""

    average: float
    worst: float

    @property
    def is_copy(self) -> bool:
        """Whether one is a copy of the other."""
        return self.average < DIFFERENT[0] and self.worst < DIFFERENT[1]


def difference(one: Picture, other: Picture) -> PixelDifference:
    """The difference between two pictures, laid on each other in the best way."""
    one, other = one.convert("RGB"), other.convert("RGB")
    whole = _best(_pixels(one)[None], _pixels(other))
    if whole.is_copy or whole.average > COARSE:
        return whole
    found = [whole, _laid_on(one, other), _laid_on(other, one)]
    return min(found, key=lambda each: each.average)


def _laid_on(picture: Picture, crop: Picture) -> PixelDifference:
    """The least difference between windows of a picture and what may be a crop of it."""
    windows = []
    for width in range(GRID, LARGEST + 1):
        for height in range(GRID, LARGEST + 1):
            pixels = _pixels(picture, (width, height))
            shifted = np.lib.stride_tricks.sliding_window_view(pixels, (GRID, GRID), (0, 1))
            windows.append(shifted.reshape(-1, 3, GRID, GRID).transpose(0, 2, 3, 1))
    return _best(np.concatenate(windows), _pixels(crop))


def _pixels(picture: Picture, size: tuple[int, int] = (GRID, GRID)) -> Raster:
    return np.asarray(picture.resize(size, Resampling.BILINEAR), np.float32)


def _best(windows: NDArray[np.float32], shown: Raster) -> PixelDifference:
    """The difference of the window (n, GRID, GRID, 3) that is most like what is shown."""
    apart = np.abs(windows - shown).mean(axis=3)
    average = apart.mean(axis=(1, 2))
    best = int(average.argmin())
    tiles = apart[best].reshape(GRID // TILE, TILE, GRID // TILE, TILE).mean(axis=(1, 3))
    return PixelDifference(float(average[best]), float(tiles.max()))
