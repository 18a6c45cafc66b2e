"""Images as they lie in a store, with vectors that are like those of embeddings.

The vectors have 24 latent dimensions and some noise, because only few dimensions of embeddings matter, and
with uniformly random vectors every index looks bad. They have no clusters, which makes it harder for an index
that looks into some of its cells.
"""

from collections.abc import Iterator

import numpy as np

from phosphene.records import Image
from phosphene.vectors import Vectors, unit

LATENT = 24
NOISE = 0.3  # of the length of what the latent dimensions give
PART = 10_000
THUMBNAIL = 5_000  # bytes, as in a JPEG of 192 pixels


def vectors(count: int, dimension: int, seed: int) -> Vectors:
    """Unit vectors (count, dimension)."""
    return np.concatenate(list(parts(count, dimension, seed)))


def parts(count: int, dimension: int, seed: int, rows: int = PART) -> Iterator[Vectors]:
    """Unit vectors, some of them at a time. `rows` is how many, on which the vectors depend."""
    axes = np.random.default_rng(LATENT).normal(size=(LATENT, dimension)).astype(np.float32)
    random = np.random.default_rng(seed)
    for begin in range(0, count, rows):
        shape = min(rows, count - begin), dimension
        latent = random.standard_normal((shape[0], LATENT), dtype=np.float32) @ axes
        noise = random.standard_normal(shape, dtype=np.float32)
        yield unit(latent + NOISE * np.sqrt(LATENT) * noise)


def images(vectors: Vectors, first: int, *, thumbnail: int = THUMBNAIL) -> Iterator[Image]:
    """Images with these vectors, numbered from `first`. Every tenth one is generated."""
    random = np.random.default_rng(first)
    for number, vector in enumerate(vectors, first):
        yield Image(
            id=id_of(number),
            sha256=f"{number:064x}",
            uri=str(number),
            caption=f"a red house in the snow at night, number {number}",
            captions=("a red house in the snow at night", "a house", "snow"),
            origin="imported" if number % 10 else "generated",
            width=640,
            height=480,
            created="2026-01-31T12:00:00Z",
            norm=10.0,
            vector=vector,
            thumbnail=random.bytes(thumbnail),
        )


def id_of(number: int) -> str:
    """The id of an image."""
    return f"00000000-0000-5000-8000-{number:012}"
