"""A collection of a Weaviate server as a Store: for those who outgrow one machine.

What Weaviate 1.39 and its client 4.23 do by themselves and is designed out here, each measured: a
query for more than 10,000 objects is refused, and so is a deletion; a filter cannot be combined with
a cursor; a query vector of another dimension is compared all the same; a stream of a batch
takes a second to end, whatever its size, so that a request of its own is faster up to 500 images.

Everything is keyed by id, so that a question can be asked twice: a batch that broke off is sent
again whole.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from weaviate.classes.query import Diversity, MetadataQuery
from weaviate.classes.query import Filter as Condition

from phosphene.errors import LibraryError
from phosphene.manifest import Manifest
from phosphene.records import Filter, Hit, Image, Origin, Space
from phosphene.store import EVERYTHING
from phosphene.store.diversity import POOL, checked, diverse
from phosphene.store.odd import Odd
from phosphene.store.properties import fitting
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.failures import Unwritten
from phosphene.store.weaviate.objects import NAMES, VECTOR, decoded, image_of_object, known, object_of
from phosphene.store.weaviate.registry import register, registered
from phosphene.vectors import Vector, unit

if TYPE_CHECKING:
    from weaviate.collections import Collection

Item = TypeVar("Item")

MOST = 10_000  # objects that a server gives, or deletes, at once: QUERY_MAXIMUM_RESULTS
WRITTEN = 256  # images in a request: 7 MB with thumbnails of 20 KB, of the 100 MB that gRPC carries
READ = 500  # images in a page, with vectors of 512 numbers 2 MB
SEEN = 200  # thumbnails in a page
DIVERSE_FROM = (1, 37)  # the first version that chooses diverse hits by itself
NAMED = 3  # refused objects that an error names


class WeaviateStore:
    """A Store on a server. Many processes, on many machines, may read and write it at once."""

    def __init__(self, address: Address, space: Space) -> None:
        self.space = space
        self._address = address
        self._connection = Connection(address)
        self._odd = Odd(address)

    @classmethod
    def open(cls, address: Address) -> Self:
        """Open the library at an address. Raises LibraryError where there is none."""
        manifest = registered(address)
        if manifest is None:
            raise LibraryError(f"there is no library at `{address}`", hint="name another collection")
        return cls(address, manifest.space)

    @classmethod
    def create(cls, address: Address, space: Space) -> Self:
        """Make a library at an address, or open the one that is there, whatever its space."""
        if registered(address) is None:
            register(address, Manifest(space))
        return cls.open(address)

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images with their thumbnails; the last of equal ids wins.

        An image without a thumbnail keeps the one that is stored. Raises VectorError for a vector
        that does not fit and StoreError for text that is no Unicode, and then nothing is written;
        StoreError, too, where the server refuses some, and names them.
        """
        last = {image.id: image for image in images}
        for image in last.values():
            unit(fitting(image.vector, self.space))  # refuses what has no direction: no search would find it
        kept = self.thumbnails([image.id for image in last.values() if image.thumbnail is None])
        objects = [object_of(image, image.thumbnail or kept.get(image.id)) for image in last.values()]
        # The last one twice: a server writes the log of its vector index one request late, and a search
        # would never find again what it had not written when it was killed.
        for batch in chain(_batches(objects, WRITTEN), [objects[-1:]] if objects else []):
            self._connection.ask_collection("write to", lambda found, batch=batch: _insert(found, batch))

    def delete(self, ids: Sequence[str]) -> int:
        """Take images and their thumbnails out; returns how many were there."""
        return sum(
            self._connection.ask_collection("write to", lambda found, batch=batch: _delete(found, batch))
            for batch in _batches(known(ids), READ)
        )

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]:
        """The images of these ids, in the order asked for; unknown ones are passed over."""
        found = {image.id: image for image in self._usable(self._by_id(known(ids), vectors), vectors)}
        return [found[id] for id in ids if id in found]

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

        Above 10,000 every image is compared here, since a server gives no more at once.
        """
        query, share = unit(fitting(vector, self.space)), checked(diversity)
        if count < 1 or _empty(where):
            return []
        if share and not self._chooses(count):
            return diverse(self, query, count, where, share, vectors=vectors)
        if count > MOST:
            return self._nearest_of_all(query, count, where)
        answer = self._connection.ask_collection(
            "search",
            lambda found: found.query.near_vector(
                near_vector=query.tolist(),
                target_vector=VECTOR,
                limit=POOL * count if share else count,
                filters=_condition(where),
                return_properties=NAMES,
                return_metadata=MetadataQuery(distance=True),
                include_vector=[VECTOR] if vectors else False,
                diversity_selection=Diversity.mmr(limit=count, balance=1 - share) if share else None,
            ),
        )
        return [
            Hit(image_of_object(each), float(np.clip(1 - (each.metadata.distance or 0.0), -1, 1)))
            for each in answer.objects
        ]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]:
        """All images, in no particular order, in bounded memory.

        What is written meanwhile may come or not.
        """
        ids = self._named(where)
        images = chain.from_iterable(self._pages(vectors)) if ids is None else self._by_id(ids, vectors)
        for image in self._usable(images, vectors):
            if image.id not in where.without and where.origin in (None, image.origin):
                yield image

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        found: dict[str, bytes] = {}
        for batch in _batches(known(ids), SEEN):
            for each in self._objects(batch, ["thumbnail"], vectors=False):
                if content := decoded(each.properties.get("thumbnail")):
                    found[str(each.uuid)] = content
        return found

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images there are."""
        if where.only is None:
            return self._count(where)
        batches = _batches(known(sorted(where.only - where.without)), MOST)
        return sum(self._count(Filter(where.origin, frozenset(batch))) for batch in batches)

    def exact(self) -> bool:
        """Whether `near` compares with every image (true) or asks an index (false)."""
        return False

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _usable(self, images: Iterable[Image], vectors: bool) -> Iterator[Image]:
        """The images; where vectors are asked for, those that have one."""
        for image in images:
            if vectors and image.vector is None:
                self._odd.pass_over(image.id, f"has no vector `{VECTOR}`, or one without a direction")
            else:
                yield image

    def _count(self, where: Filter) -> int:
        condition = _condition(where)
        answer = self._connection.ask_collection(
            "count", lambda found: found.aggregate.over_all(total_count=True, filters=condition)
        )
        return int(answer.total_count or 0)

    def _objects(self, ids: Sequence[str], properties: list[str], *, vectors: bool) -> list[Any]:
        answer = self._connection.ask_collection(
            "read",
            lambda found: found.query.fetch_objects(
                filters=Condition.by_id().contains_any(list(ids)),
                limit=len(ids),
                return_properties=properties,
                include_vector=[VECTOR] if vectors else False,
            ),
        )
        return list(answer.objects)

    def _by_id(self, ids: Sequence[str], vectors: bool) -> Iterator[Image]:
        for batch in _batches(ids, READ):
            yield from map(image_of_object, self._objects(batch, NAMES, vectors=vectors))

    def _pages(self, vectors: bool) -> Iterator[list[Image]]:
        """Everything, a page at a time; each goes on where the one before ended."""
        after: str | None = None
        while True:
            answer = self._connection.ask_collection(
                "read",
                lambda found, after=after: found.query.fetch_objects(
                    limit=READ,
                    after=after,
                    return_properties=NAMES,
                    include_vector=[VECTOR] if vectors else False,
                ),
            )
            if not answer.objects:
                return
            yield [image_of_object(each) for each in answer.objects]
            after = str(answer.objects[-1].uuid)

    def _named(self, where: Filter) -> list[str] | None:
        """The ids that may match, where they are few or were named; None where all are to be looked at."""
        if where.only is not None:
            return known(sorted(where.only - where.without))
        if where.origin is None or self.count(where) > MOST:
            return None
        condition = _condition(where)
        answer = self._connection.ask_collection(
            "read",
            lambda found: found.query.fetch_objects(filters=condition, limit=MOST, return_properties=[]),
        )
        return [str(each.uuid) for each in answer.objects]

    def _nearest_of_all(self, query: Vector, count: int, where: Filter) -> list[Hit]:
        """The nearest by comparing every image, in memory for `count`."""
        hits = (
            Hit(image, float(np.clip(unit(image.vector) @ query, -1, 1)))
            for image in self.iterate(where, vectors=True)
            if image.vector is not None
        )
        return heapq.nlargest(count, hits, key=lambda hit: hit.score)

    def _chooses(self, count: int) -> bool:
        """Whether the server itself can choose `count` diverse hits."""
        return POOL * count <= MOST and self._connection.version >= DIVERSE_FROM


def _insert(found: "Collection[Any, Any]", batch: Sequence[Any]) -> None:
    """Write a batch. Raises Unwritten that names what the server refused, and why."""
    errors = found.data.insert_many(batch).errors
    if errors:
        named = [f"{errors[place].object_.uuid}: {errors[place].message}" for place in sorted(errors)]
        raise Unwritten(f"{len(errors)} of {len(batch)} images: {'; '.join(named[:NAMED])}")


def _delete(found: "Collection[Any, Any]", ids: Sequence[str]) -> int:
    """Delete objects. Raises Unwritten where some are still there."""
    done = found.data.delete_many(Condition.by_id().contains_any(list(ids)))
    if done.failed:
        raise Unwritten(f"{done.failed} of {done.matches} images were not deleted")
    return done.successful


def _empty(where: Filter) -> bool:
    """Whether nothing can match: no id that is asked for can be one."""
    return where.only is not None and not known(list(where.only))


def _condition(where: Filter) -> Any:
    """A filter as the client takes it; None for all."""
    parts = [] if where.origin is None else [_made(where.origin)]
    if where.only is not None:
        parts.append(Condition.by_id().contains_any(known(list(where.only))))
    if without := known(list(where.without)):
        parts.append(Condition.by_id().contains_none(without))
    return Condition.all_of(parts) if parts else None


def _made(origin: Origin) -> Any:
    """Every image that phosphene did not generate is a training image, whatever else it says."""
    origins = Condition.by_property("origin")
    return origins.equal(origin) if origin == "generated" else origins.not_equal("generated")


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
