"""Stores: where images and their vectors are kept (the Store seam)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, overload, runtime_checkable

from phosphene.filters import EVERYTHING, Filter
from phosphene.records import Hit, Image, Space
from phosphene.vectors import Vector


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Facts about a store."""

    kind: str  # such as `lancedb` or `weaviate`
    exact: bool  # whether `near` compares with every image; an index may miss some of the nearest
    writable: bool  # whether images can be added and deleted


class Store(Protocol):
    """A store of images with unit vectors of one space.

    Every implementation passes the conformance suite in `phosphene.testing.stores`.
    All methods raise StoreError if the store fails, and skip unknown ids.
    """

    @property
    def space(self) -> Space:
        """The space of all vectors in the store."""
        ...

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images with their vectors and thumbnails. The last of equal ids wins.

        An image without a thumbnail keeps the stored one. The very next search finds what was written. Raises
        VectorError for a vector of another dimension, and then writes nothing.
        """
        ...

    @overload
    def get(self, ids: Sequence[str], *, vectors: Literal[True]) -> list[Image[Vector]]: ...
    @overload
    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]: ...
    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Any]:
        """The images of these ids, in this order."""
        ...

    @overload
    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: Literal[True],
    ) -> list[Hit[Vector]]: ...
    @overload
    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit]: ...
    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Any]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        With a `diversity` in (0, 1] the hits are also far from each other, in the order in which
        `store.diversity` chooses them. With `vectors` the images have their vectors. Raises QueryError for a
        diversity outside [0, 1].
        """
        ...

    @overload
    def iterate(self, where: Filter = EVERYTHING, *, vectors: Literal[True]) -> Iterator[Image[Vector]]: ...
    @overload
    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]: ...
    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Any]:
        """All images that match, in no particular order, in bounded memory."""
        ...

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        ...

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images match."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Delete images. Returns how many of them there were."""
        ...

    def info(self) -> StoreInfo:
        """Facts about this store."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...


@runtime_checkable
class FindsIds(Protocol):
    """What a store may have besides, if it need not read whole images to complete an id."""

    def ids_beginning(self, start: str) -> list[str]:
        """The ids that begin with at least eight characters."""
        ...


@runtime_checkable
class FindsWords(Protocol):
    """What a store may have besides, if it can find images by their texts."""

    def by_words(self, words: Collection[str], count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `count` images whose captions or prompt have most of these words, best first.

        The words are those that `folding.words_of` finds, and the scores are those of BM25. An image that
        has none of the words is not among them.
        """
        ...
