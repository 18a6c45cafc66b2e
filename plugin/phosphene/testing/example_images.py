"""Example images for tests of stores, and a simple store in memory to compare with."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from phosphene.errors import VectorError
from phosphene.fields import NONE, Fields
from phosphene.filters import EVERYTHING, Filter, matches
from phosphene.records import Hit, Image, Parent, Space
from phosphene.store import StoreInfo
from phosphene.store.keywords import ranked
from phosphene.vectors import Vector, Vectors, unit

SPACE = Space(id="tiny:0123", name="tiny", dimension=8)


class Oracle:
    """A simple Store in memory without shortcuts. It checks only the dimension of vectors."""

    def __init__(self, space: Space = SPACE) -> None:
        self.space = space
        self._images: dict[str, Image[Vector]] = {}

    @property
    def images(self) -> dict[str, Image[Vector]]:
        """All images by their ids."""
        return self._images

    def upsert(self, images: Sequence[Image[Any]]) -> None:
        """Write images. An image without a thumbnail keeps the one that it had."""
        if any(image.vector is None or image.vector.shape != (self.space.dimension,) for image in images):
            raise VectorError("A vector does not have the dimension of the space.")
        for image in images:
            kept = self.thumbnails([image.id]).get(image.id)
            self.images[image.id] = replace(image, thumbnail=image.thumbnail or kept)

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images with these ids."""
        return [self.images[id] for id in ids if id in self.images]

    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit[Any]]:
        """The nearest images, found by comparing all of them."""
        if diversity:
            return self._diverse(vector, count, where, 1 - diversity)
        hits = [Hit(image, float(image.vector @ vector)) for image in self.iterate(where)]
        return sorted(hits, key=lambda hit: -hit.score)[:count]

    def _diverse(self, vector: Vector, count: int, where: Filter, share: float) -> list[Hit[Vector]]:
        """Maximal marginal relevance, exactly by its definition. Every choice compares all pairs."""
        pool, taken = self.near(vector, 5 * count, where), list[Hit[Vector]]()

        def value(hit: Hit[Vector]) -> float:
            nearest = max((float(hit.image.vector @ other.image.vector) for other in taken), default=-1)
            return share * hit.score - (1 - share) * nearest

        while pool and len(taken) < count:
            taken.append(max(pool, key=value))
            pool.remove(taken[-1])
        return taken

    def by_words(self, words: Collection[str], count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The images that have most of these words."""
        scores = ranked(self.images.values(), words, count, where)
        return [Hit(self.images[id], score) for id, score in scores.items()]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match."""
        return (image for image in list(self.images.values()) if matches(where, image))

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails of these ids."""
        return {image.id: image.thumbnail for image in self.get(ids) if image.thumbnail is not None}

    def count(self, where: Filter = EVERYTHING) -> int:
        """The number of images that match."""
        return len(list(self.iterate(where)))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete images."""
        return len([id for id in set(ids) if self.images.pop(id, None)])

    def info(self) -> StoreInfo:
        """The kind of the store."""
        return StoreInfo("oracle", exact=True, writable=True)

    def close(self) -> None:
        """Does nothing."""


def vectors_like_embeddings(count: int, dimension: int, seed: int = 0) -> Vectors:
    """Unit vectors (n, d) with 24 latent dimensions and some noise, similar to those of a CLIP."""
    random = np.random.default_rng(seed)
    axes = np.random.default_rng(24).normal(size=(24, dimension))
    latent = random.normal(size=(count, 24)) @ axes
    return unit(latent + 0.3 * np.sqrt(24) * random.normal(size=(count, dimension)))


def made(count: int, *, start: int = 0, dimension: int = SPACE.dimension) -> list[Image[Vector]]:
    """`count` images with the numbers from `start` on. Every third one is generated."""
    vectors = vectors_like_embeddings(count, dimension, seed=start)
    return [image(start + place, vector) for place, vector in enumerate(vectors)]


def image(number: int, vector: Vector) -> Image[Vector]:
    """The image with this number and this vector (d,)."""
    generated = number % 3 == 2
    return Image(
        id=f"00000000-0000-5000-8000-{number:012}",
        sha256=f"{number:064x}",
        uri=f"pictures/{number}.png" if generated else f"/home/me/{number}.jpg",
        caption=f"a house, number {number}, in the snow",
        captions=(f"a house, number {number}, in the snow", "a house"),
        origin="generated" if generated else "imported",
        width=640,
        height=480 + number,
        created="2026-01-31T12:00:00Z",
        norm=10.25,
        recipe={"seed": 2**63 + number, "steps": 6, "prompt": "a house"} if generated else None,
        parents=(Parent(f"00000000-0000-5000-8000-{number - 1:012}", 0.75, 0.5),) if generated else (),
        fields=NONE if number % 5 == 0 else of_generator(number) if generated else of_camera(number),
        vector=vector,
        thumbnail=b"JPEG" + number.to_bytes(4, "big"),
    )


def of_camera(number: int) -> Fields:
    """The fields of the photograph with this number."""
    return Fields(
        taken=f"{2000 + number % 25}-07-05T14:30:00Z",
        camera=("Canon EOS R5", "NIKON Z 6_2", "iPhone 15 Pro")[number % 3],
        place="Montmartre, Paris, France" if number % 2 else "Zürich",
        latitude=48.8867 - number % 7,
        longitude=2.3431 - number % 11,
        rating=number % 7 - 1,
        keywords=("family", f"summer {number % 4}", "Straße"),
        tags=("house", "snow")[: number % 3],
        other=("album=Alps",),
    )


def of_generator(number: int) -> Fields:
    """The fields of the generated image with this number."""
    return Fields(
        prompt=f"a house, number {number}",
        negative="fog" if number % 2 else None,
        model=("landscape", "sd15", "sdxl")[number % 3],
        sampler="UniPC",
        seed=2**31 + number,
        steps=6 + number % 3,
        guidance=7.5 - number % 4,
    )
