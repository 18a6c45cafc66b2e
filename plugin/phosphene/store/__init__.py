"""The store: where images and their vectors lie. One Protocol, one module per implementation."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from phosphene.errors import LibraryError
from phosphene.records import Filter, Hit, Image, Space
from phosphene.store.weaviate.address import Address
from phosphene.vectors import Vector

EVERYTHING = Filter()


class Store(Protocol):
    """Images with unit vectors of one space.

    Every implementation passes the conformance suite in `tests/test_store.py`.
    All raise StoreError for what the store cannot do; unknown ids are passed over.
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

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]:
        """The images of these ids, in the order asked for."""
        ...

    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        The images come with their vectors where `vectors` are asked for.
        With a `diversity` in (0, 1] those that are far from each other, too, in the order in which
        `store.diversity` chooses them. Raises QueryError for one outside [0, 1].
        """
        ...

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]:
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

    def exact(self) -> bool:
        """Whether `near` compares with every image (true) or asks an index (false)."""
        ...

    def close(self) -> None:
        """Let go of files and connections; what was written stays."""
        ...


def open_store(place: Path | Address, space: Space) -> Store:
    """The store in a folder or at an address, made where there is none.

    Raises LibraryError where it holds vectors of another space, StoreError where it cannot be read.
    """
    store = _server(place, space) if isinstance(place, Address) else _embedded(place, space)
    if (store.space.id, store.space.dimension) != (space.id, space.dimension):
        store.close()
        raise LibraryError(
            f"`{place}` holds vectors of `{store.space.name}` ({store.space.id}),"
            f" not of `{space.name}` ({space.id})",
            hint=f"make a new library with `--space {space.name}`, or ask this one in its own space",
        )
    return store


def _embedded(folder: Path, space: Space) -> Store:
    from phosphene.store.lance.store import LanceStore

    return LanceStore.open(folder) if LanceStore.is_in(folder) else LanceStore.create(folder, space)


def _server(address: Address, space: Space) -> Store:
    from phosphene.store.weaviate.store import WeaviateStore

    return WeaviateStore.create(address, space)
