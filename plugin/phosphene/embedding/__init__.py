"""Text and pictures into one space of unit vectors: the Embedder seam."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from phosphene.records import Space
from phosphene.vectors import Vectors

DEFAULT_SPACE = "ViT-B-32-256/datacomp_s34b_b86k"  # why this one: docs/decisions.md


@dataclass(frozen=True, slots=True)
class Embedded:
    """Unit vectors (n, d) and their lengths before normalising (n,)."""

    vectors: Vectors
    norms: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that was longer than the model's context, and the part of it that was used."""

    text: str
    used: str


class Embedder(Protocol):
    """Texts and pictures to unit vectors of one space."""

    @property
    def space(self) -> Space:
        """Whose vectors these are."""
        ...

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, d); a text beyond the context is cut, see `cut`."""
        ...

    def cut(self, text: str) -> Cut | None:
        """What would be left of a text that is longer than the context; None where it fits."""
        ...

    def prepare(self, picture: Picture) -> NDArray[np.float32]:
        """One picture as the model's input (3, height, width); safe in many threads at once."""
        ...

    def pictures(self, prepared: Sequence[NDArray[np.float32]]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        ...
