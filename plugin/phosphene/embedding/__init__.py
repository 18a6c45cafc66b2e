"""Text and pictures into one space of unit vectors: the Embedder seam."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors

SHIPPED = Path(__file__).parent.parent / "landscape" / "weights" / "clip"
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

    def prepare(self, picture: Picture) -> Pixels:
        """One picture at the model's size; safe in many threads at once."""
        ...

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures; safe in many threads at once."""
        ...


def open_embedder(
    name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None
) -> Embedder:
    """The embedder of a space, see `names` for how one is written; its weights are fetched if need be.

    `on_fetch` is told how many bytes have come since it was last called.

    The model itself is loaded when it is first asked for a vector. Raises ModelError where the
    weights cannot be had or trusted, or the device is not there.
    """
    from phosphene.embedding.hub import Absent
    from phosphene.embedding.identity import identify
    from phosphene.embedding.openclip import OpenClip
    from phosphene.embedding.weights import fetch, resolve

    try:
        weights = resolve(name)
    except Absent:
        weights = fetch(name, on_progress=on_fetch)
    return OpenClip(weights, identify(weights), device)
