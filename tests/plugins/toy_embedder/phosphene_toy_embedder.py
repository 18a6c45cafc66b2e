"""A toy embedder. The vector of a picture is its pixels at 4×4."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.embedding import Cut, Embedded
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

DIMENSION = 48  # 4 × 4 pixels of 3 colours


class ToyEmbedder:
    """Turns texts and pictures into unit vectors. It needs no weights."""

    space = Space(id="toy:4x4", name="toy", dimension=DIMENSION)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors (n, d) of texts. The same text always has the same one."""
        seeds = [int.from_bytes(sha256(text.encode()).digest()[:8]) for text in texts]
        raw = [np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds]
        return unit(np.array(raw, np.float32).reshape(len(texts), DIMENSION))

    def cut(self, text: str) -> Cut | None:
        """No text is too long."""
        return None

    def prepare(self, picture: Picture) -> Pixels:
        """The picture at 4×4 pixels."""
        return np.asarray(picture.resize((4, 4), Resampling.BOX))

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The unit vectors (n, d) of prepared pictures, and the lengths that they had before."""
        raw = np.array(prepared, np.float32).reshape(len(prepared), DIMENSION) + 1
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))


def toy(name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None) -> ToyEmbedder:
    """Open the embedder. The entry point names this function."""
    return ToyEmbedder()
