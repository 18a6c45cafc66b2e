"""The store: where images and their vectors lie. One Protocol, one module per implementation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, overload

from phosphene.filters import EVERYTHING, Filter
from phosphene.records import Hit, Image, Space
from phosphene.vectors import Vector


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store is: its kind, whether `near` compares with every image, and whether it can be written."""

    kind: str  # such as `lancedb` and `weaviate`
    exact: bool  # false: `near` asks an index, which may miss some of the nearest
    writable: bool


class Store(Protocol):
    """Images with unit vectors of one space.

    Every implementation passes the conformance suite in `phosphene.testing.stores`.
    All methods raise StoreError for what the store cannot do. Unknown ids are skipped.
    """

    @property
    def space(self) -> Space:
        """The space whose vectors it holds."""
        ...

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images (with vector and thumbnail) by id; the last of equal ids wins.

        One without a thumbnail keeps the one that is stored.
        What is written is in the very next search. Raises VectorError for a vector of
        another dimension; then nothing of the batch is written.
        """
        ...

    @overload
    def get(self, ids: Sequence[str], *, vectors: Literal[True]) -> list[Image[Vector]]: ...
    @overload
    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]: ...
    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Any]:
        """The images of these ids, in the order asked for."""
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
        `store.diversity` chooses them. With `vectors` the images carry their vectors. Raises QueryError
        for a diversity outside [0, 1].
        """
        ...

    @overload
    def iterate(self, where: Filter = EVERYTHING, *, vectors: Literal[True]) -> Iterator[Image[Vector]]: ...
    @overload
    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]: ...
    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Any]:
        """All images, in no particular order, in bounded memory."""
        ...

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        ...

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images there are."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Take images out; returns how many were there."""
        ...

    def info(self) -> StoreInfo:
        """What kind of store it is."""
        ...

    def close(self) -> None:
        """Let go of files and connections; what was written stays."""
        ...
