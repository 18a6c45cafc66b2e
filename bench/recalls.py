"""How often captions find their pictures, and pictures one of their captions, as published figures count it.

A picture or a caption that scores as high as the right one counts as found before it. So a model that gives
everything the same vector finds nothing.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from phosphene.vectors import Vectors

RANKS = (1, 5, 10)
ROWS = 500  # of the scores that are computed at once
Owners = NDArray[np.int64]  # the number of each caption's picture


def text_to_image(captions: Vectors, pictures: Vectors, owners: Owners) -> list[float]:
    """For each of RANKS, the share of captions whose picture is among so many that score highest."""
    before = [np.count_nonzero(scores >= own, axis=1) - 1 for scores, own in _own(captions, pictures, owners)]
    return _shares(np.concatenate(before))


def image_to_text(captions: Vectors, pictures: Vectors, owners: Owners) -> list[float]:
    """For each of RANKS, the share of pictures with a caption of theirs among so many that score highest."""
    before = []
    for start in range(0, len(pictures), ROWS):
        scores = pictures[start : start + ROWS] @ captions.T
        mine = owners == np.arange(start, start + len(scores))[:, None]
        best = np.where(mine, scores, -np.inf).max(axis=1, keepdims=True)
        before.append(np.count_nonzero((scores >= best) & ~mine, axis=1))
    return _shares(np.concatenate(before))


def _own(captions: Vectors, pictures: Vectors, owners: Owners) -> Iterator[tuple[Vectors, Vectors]]:
    """The scores of some captions with all pictures, and those with their own ones."""
    for start in range(0, len(captions), ROWS):
        scores = captions[start : start + ROWS] @ pictures.T
        yield scores, np.take_along_axis(scores, owners[start : start + ROWS, None], axis=1)


def _shares(before: NDArray[np.int64]) -> list[float]:
    return [float(np.mean(before < rank)) for rank in RANKS]
