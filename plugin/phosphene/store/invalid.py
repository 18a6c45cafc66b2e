"""Entries of a store that are no images: another program, or a stranger, put them there.

What an entry leaves out gets a plain value, see `properties.image_of`. An entry that cannot be an image at
all is skipped: one warning names it, and the rest is read.
"""

import uuid
import warnings

import numpy as np
from numpy.typing import NDArray

from phosphene.errors import PassedOver
from phosphene.vectors import Vectors

MAX_NAMED = 3  # entries of a store that warnings name; a copy counts all of them
MAX_LETTERS = 80  # letters of an id that are shown
TOLERANCE = 1e-3  # by which the length of a unit vector may differ from 1: float16 keeps it within 5e-4


def is_id(text: object) -> bool:
    """Whether it is the id of an image: a UUID in lower case with hyphens, as every store writes it."""
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def normalised(vectors: NDArray[np.float32]) -> tuple[Vectors, NDArray[np.bool_]]:
    """Vectors (n, d) scaled to length one, and which of them (n,) have a direction at all."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    valid = np.isfinite(norms) & (norms > 0)
    scale = np.where(valid & (np.abs(norms - 1) > TOLERANCE), norms, 1.0)
    return np.asarray(vectors / scale[:, None], dtype=np.float32), valid


class InvalidEntries:
    """The entries of one store that are no images. The first few of them are named in warnings."""

    def __init__(self, place: object) -> None:
        self._place = place
        self._named: set[str] = set()

    def skip(self, id: object, reason: str) -> None:
        """Name an entry in a warning, the first time it is met."""
        name = repr(id)[:MAX_LETTERS]
        if name in self._named or len(self._named) >= MAX_NAMED:
            return
        self._named.add(name)
        more = "; further ones are not named" if len(self._named) == MAX_NAMED else ""
        told = f"`{self._place}` holds an entry that is no image and is skipped: {name} {reason}{more}"
        warnings.warn(PassedOver(told), stacklevel=2)
