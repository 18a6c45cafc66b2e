"""Let phosphene add a folder with a model that costs nothing.

python fill_phosphene.py PICTURES LIBRARY MODEL
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image as Picture

import phosphene
from phosphene.embedding import Cut, Embedded
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

RANDOM = np.random.default_rng(0)


@dataclass(frozen=True, slots=True)
class FreeEmbedder:
    """An embedder with random vectors for pictures."""

    space: Space

    def prepare(self, picture: Picture) -> Pixels:
        """One black pixel."""
        return np.zeros((1, 1, 3), np.uint8)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """Random vectors."""
        vectors = RANDOM.standard_normal((len(prepared), self.space.dimension), dtype=np.float32)
        return Embedded(unit(vectors), np.linalg.norm(vectors, axis=1))

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Random vectors."""
        return self.pictures([self.prepare(Picture())] * len(texts)).vectors

    def cut(self, text: str) -> Cut | None:
        """No text is too long."""
        return None


def main(pictures: str, folder: str, model: str) -> None:
    with phosphene.open(folder, model=model, create=True) as library:
        library.embedder = FreeEmbedder(library.space)
        library.add([pictures])


if __name__ == "__main__":
    main(*sys.argv[1:])
