"""Entries of a store that are not images, because another program or a stranger wrote them.

A property that an entry lacks gets a default value, see `properties.image_of`. An entry that cannot be an
image at all is skipped with a warning, and the other entries are read.
"""

import uuid
import warnings

import numpy as np
from numpy.typing import NDArray

from phosphene.errors import PassedOver
from phosphene.vectors import Vectors

MAX_NAMED = 3  # entries of a store that warnings name. A copy counts all of them
MAX_LETTERS = 80  # letters of an id that are shown
TOLERANCE = 1e-3  # by which the length of a unit vector may differ from 1. With float16 it differs by 5e-4


def is_id(text: object) -> bool:
    """Whether a text is the id of an image: a UUID in lower case with hyphens, as every store writes it."""
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def normalised(vectors: NDArray[np.float32]) -> tuple[Vectors, NDArray[np.bool_]]:
    """Scale vectors (n, d) to length one. Also returns which of them (n,) have a direction."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    valid = np.isfinite(norms) & (norms > 0)
    scale = np.where(valid & (np.abs(norms - 1) > TOLERANCE), norms, 1.0)
    return np.asarray(vectors / scale[:, None], dtype=np.float32), valid


class InvalidEntries:
    """The entries of one store that are not images. Warnings name the first of them."""

    def __init__(self, place: object) -> None:
        self._place = place
        self._named: set[str] = set()

    def skip(self, id: object, reason: str) -> None:
        """Name an entry in a warning when it is found for the first time."""
        name = repr(id)[:MAX_LETTERS]
        if name in self._named or len(self._named) >= MAX_NAMED:
            return
        self._named.add(name)
        message = f"`{self._place}` has an entry that is not an image, and is skipped: {name} {reason}."
        if len(self._named) == MAX_NAMED:
            message += " Further ones are not named."
        warnings.warn(PassedOver(message), stacklevel=2)
