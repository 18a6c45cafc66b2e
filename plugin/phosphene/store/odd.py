"""Entries of a store that phosphene did not write: another program, or a stranger, put them there.

What such an entry leaves out has a plain value (`properties.image_of`). One that cannot be an image at all is
passed over: it is named once in a warning, and the rest goes on.
"""

import uuid
import warnings

import numpy as np
from numpy.typing import NDArray

from phosphene.errors import PassedOver
from phosphene.vectors import Vectors

NAMED = 3  # entries of one store that warnings name; a copy counts all of them
LONGEST = 80  # letters of an id that are shown
UNIT = 1e-3  # by how much the length of a unit vector may differ from 1: float16 keeps it within 5e-4


def is_id(text: object) -> bool:
    """Whether it is the id of an image: a UUID as every store writes it, in lower case with hyphens."""
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def sound(vectors: NDArray[np.float32]) -> tuple[Vectors, NDArray[np.bool_]]:
    """Vectors (n, d) at length one, and which of them (n,) have a direction at all."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    usable = np.isfinite(norms) & (norms > 0)
    scale = np.where(usable & (np.abs(norms - 1) > UNIT), norms, 1.0)
    return np.asarray(vectors / scale[:, None], dtype=np.float32), usable


class Odd:
    """What a store holds that is no image."""

    def __init__(self, place: object) -> None:
        self._place = place
        self._named: set[str] = set()

    def pass_over(self, id: object, reason: str) -> None:
        """Name an entry in a warning, the first time that it is met."""
        name = repr(id)[:LONGEST]
        if name in self._named or len(self._named) >= NAMED:
            return
        self._named.add(name)
        more = ", and further ones are not named" if len(self._named) == NAMED else ""
        told = (
            f"`{self._place}` holds an entry that is no image, and it was passed over: {name} {reason}{more}"
        )
        warnings.warn(PassedOver(told), stacklevel=2)
