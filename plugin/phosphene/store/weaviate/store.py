"""A library in a collection of a Weaviate server, as a Store.

Weaviate 1.39 and its client 4.23 have limits that this module works around, each measured: the server
refuses a query for more than 10,000 objects, and such a deletion; a filter cannot be combined with a
cursor; a query vector of another dimension is compared all the same; a streamed batch takes a second
to end whatever its size, so a request of its own is faster up to 500 images.

Everything has an id, so a request can be repeated: a batch that broke off is sent again whole.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from weaviate.classes.query import Diversity, MetadataQuery
from weaviate.classes.query import Filter as Condition

from phosphene.batches import batched
from phosphene.errors import LibraryError
from phosphene.filters import EVERYTHING, NOTHING, Filter, all_of, matches, split_ids, with_ids
from phosphene.manifest import Manifest
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo
from phosphene.store.diversity import POOL, checked, diverse
from phosphene.store.invalid import InvalidEntries
from phosphene.store.keywords import FIELDS
from phosphene.store.properties import checked_vector
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.conditions import condition, usable
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.live_properties import LiveProperties
from phosphene.store.weaviate.objects import (
    PROPERTIES,
    VECTOR,
    decoded,
    image_of_object,
    object_of,
    valid_ids,
)
from phosphene.store.weaviate.problems import WriteRejected
from phosphene.store.weaviate.reader import Reader
from phosphene.store.weaviate.registry import register, register_again, registered
from phosphene.store.weaviate.upgrade import upgrade_objects
from phosphene.vectors import Vector, unit

if TYPE_CHECKING:
    from weaviate.collections import Collection as WeaviateCollection

MAX_RESULTS = 10_000  # objects that a server returns or deletes at once: QUERY_MAXIMUM_RESULTS
WRITE_BATCH = 256  # images in a request: 7 MB with thumbnails of 20 KB, of the 100 MB that gRPC carries
PAGE_SIZE = 500  # images in a page: 2 MB with vectors of 512 numbers
THUMBNAIL_BATCH = 200  # thumbnails in a page
MMR_SINCE = (1, 37)  # the first version of Weaviate that chooses diverse hits itself
MAX_NAMED = 3  # refused objects that an error names


class WeaviateStore:
    """A Store on a server. Many processes on many machines may read and write it at once.

    `max_results` is how many objects the server returns at once, and `page_size` how many are read at once.
    """

    def __init__(
        self, address: Address, space: Space, *, max_results: int = MAX_RESULTS, page_size: int = PAGE_SIZE
    ) -> None:
        self.space = space
        self._address = address
        self._connection = Connection(address)
        self._max_results = max_results
        self._page_size = page_size
        self._properties = LiveProperties(self._connection, PROPERTIES)
        self._invalid = InvalidEntries(address)

    @classmethod
    def open(cls, address: Address) -> Self:
        """Open the library at an address. Raises LibraryError if there is none."""
        manifest = registered(address)
        if manifest is None:
            raise LibraryError(f"There is no library at `{address}`.", hint="name another collection")
        return cls(address, manifest.space)

    @classmethod
    def create(cls, address: Address, space: Space) -> Self:
        """Make a library at an address, or open the existing one, whatever its space is."""
        if registered(address) is None:
            register(address, Manifest(space))
        return cls.open(address)

    def info(self) -> StoreInfo:
        """Facts about this store."""
        return StoreInfo("weaviate", exact=False, writable=True)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Write images with their thumbnails. The last of equal ids wins.

        An image without a thumbnail keeps the stored one. Raises VectorError for a vector that does not fit
        and StoreError for text that is not Unicode, and then writes nothing. Raises StoreError if the server
        refuses some of the images, and names them.
        """
        last = [self._checked(image) for image in {image.id: image for image in images}.values()]
        kept = self.thumbnails([image.id for image in last if image.thumbnail is None])
        objects = [object_of(image, image.thumbnail or kept.get(image.id)) for image in last]
        # The last object is sent twice. A server writes the log of its vector index one request late: if it
        # is killed, no search would ever find the last object again.
        for batch in chain(batched(objects, WRITE_BATCH), [objects[-1:]] if objects else []):
            self._connection.request_collection("written", lambda found, batch=batch: _insert(found, batch))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete images and their thumbnails. Returns how many there were."""
        return sum(
            self._connection.request_collection("written", lambda found, batch=batch: _delete(found, batch))
            for batch in batched(valid_ids(ids), self._page_size)
        )

    # ── the library's format ──────────────────────────────────────────────────────────────

    @property
    def library(self) -> str:
        """The library whose store this is, by the address of the collection."""
        return str(self._address)

    def read_manifest(self) -> Manifest | None:
        """The manifest of this library in the server's registry."""
        return registered(self._address)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace that manifest."""
        register_again(self._address, manifest)

    def upgrade_rows(self) -> bool:
        """Upgrade the objects to today's format, see `upgrade`. Returns False if some are out of reach."""
        return upgrade_objects(self._address)

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images of these ids, in this order. Unknown ids are skipped."""
        found = {image.id: image for image in self._by_id(ids, vectors)}
        return [found[id] for id in ids if id in found]

    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit[Any]]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        For more than 10,000 hits every image is compared here, because a server returns no more at once.
        """
        query, share = unit(checked_vector(vector, self.space)), checked(diversity)
        where = self._usable(where)
        if count < 1 or where == NOTHING:
            return []
        if share and not self._can_diversify(count):
            return diverse(self, query, count, where, share)
        if count > self._max_results:
            return self._nearest_of_all(query, count, where)
        answer = self._connection.request_collection(
            "searched",
            lambda found: found.query.near_vector(
                near_vector=query.tolist(),
                target_vector=VECTOR,
                limit=POOL * count if share else count,
                filters=condition(where),
                return_properties=self._properties.names(),
                return_metadata=MetadataQuery(distance=True),
                include_vector=_included(vectors),
                diversity_selection=Diversity.mmr(limit=count, balance=1 - share) if share else None,
            ),
        )
        distances = {str(each.uuid): each.metadata.distance or 0.0 for each in answer.objects}
        images = self._valid(map(image_of_object, answer.objects), vectors)
        return [Hit(image, float(np.clip(1 - distances[image.id], -1, 1))) for image in images]

    def by_words(self, words: Collection[str], count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `count` images whose captions or prompt have most of these words, best first: at most 10,000.

        The server passes over words that it counts as stopwords, such as `not`.
        """
        where = self._usable(where)
        searched = [name for name in FIELDS if name not in self._properties.lacking()]
        if not words or count < 1 or where == NOTHING:
            return []
        answer = self._connection.request_collection(
            "searched",
            lambda found: found.query.bm25(
                " ".join(sorted(words)),
                query_properties=searched,
                limit=min(count, self._max_results),
                filters=condition(where),
                return_properties=self._properties.names(),
                return_metadata=MetadataQuery(score=True),
            ),
        )
        return [Hit(image_of_object(each), each.metadata.score or 0.0) for each in answer.objects]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match, in no particular order, in bounded memory.

        Images that are written meanwhile may be included or not.
        """
        ids = self._candidates(where)
        if ids is None:
            images = self._valid(map(image_of_object, self._reader.all(vectors=_included(vectors))), vectors)
        else:
            images = self._by_id(ids, vectors)
        yield from (image for image in images if matches(where, image))

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails (encoded pictures) of these ids."""
        reader = Reader(self._connection, ["thumbnail"], THUMBNAIL_BATCH)
        found = {str(each.uuid): decoded(each.properties.get("thumbnail")) for each in reader.by_id(ids)}
        return {id: content for id, content in found.items() if content}

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many images match."""
        only, without, rest = split_ids(where)
        if only is None:
            return self._count(where)
        batches = batched(sorted(only - without), self._max_results)
        return sum(self._count(all_of(with_ids(batch), rest)) for batch in batches)

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _checked(self, image: Image) -> Image[Vector]:
        """The image. Raises VectorError for a vector without a direction, which no search would find."""
        vector = checked_vector(image.vector, self.space)
        unit(vector)
        return replace(image, vector=vector)  # type: ignore[return-value]

    @property
    def _reader(self) -> Reader:
        return Reader(self._connection, self._properties.names(), self._page_size)

    def _usable(self, where: Filter) -> Filter:
        return where if where == EVERYTHING else usable(where, self._properties.lacking())

    def _by_id(self, ids: Iterable[str], vectors: bool) -> Iterator[Image]:
        objects = self._reader.by_id(ids, vectors=_included(vectors))
        return self._valid(map(image_of_object, objects), vectors)

    def _valid(self, images: Iterable[Image], vectors: bool) -> Iterator[Image]:
        """The images. If vectors are asked for, only those that have one."""
        for image in images:
            if vectors and image.vector is None:
                self._invalid.skip(image.id, f"has no vector `{VECTOR}`, or one without a direction")
            else:
                yield image

    def _count(self, where: Filter) -> int:
        where = self._usable(where)
        if where == NOTHING:
            return 0
        answer = self._connection.request_collection(
            "counted", lambda found: found.aggregate.over_all(total_count=True, filters=condition(where))
        )
        return int(answer.total_count or 0)

    def _candidates(self, where: Filter) -> list[str] | None:
        """The ids that may match, if the filter names them or they are few. None: look at all objects."""
        only, without, rest = split_ids(where)
        if only is not None:
            return sorted(only - without)
        if rest == EVERYTHING or self.count(where) > self._max_results:
            return None
        where = self._usable(where)
        if where == NOTHING:
            return []
        reader = Reader(self._connection, [], self._page_size)
        return [str(each.uuid) for each in reader.matching(condition(where), self._max_results)]

    def _nearest_of_all(self, query: Vector, count: int, where: Filter) -> list[Hit]:
        """The nearest images, found by comparing all of them, in memory for `count`."""
        hits = (
            Hit(image, float(np.clip(unit(image.vector) @ query, -1, 1)))
            for image in self.iterate(where, vectors=True)
        )
        return heapq.nlargest(count, hits, key=lambda hit: hit.score)

    def _can_diversify(self, count: int) -> bool:
        """Whether the server itself can choose `count` diverse hits."""
        return POOL * count <= self._max_results and self._connection.version >= MMR_SINCE


def _included(vectors: bool) -> bool | list[str]:
    return [VECTOR] if vectors else False


def _insert(found: "WeaviateCollection[Any, Any]", batch: Sequence[Any]) -> None:
    """Write a batch. Raises WriteRejected that names what the server refused, and why."""
    errors = found.data.insert_many(batch).errors
    if errors:
        named = [f"{errors[place].object_.uuid}: {errors[place].message}" for place in sorted(errors)]
        more = "; …" if len(named) > MAX_NAMED else ""
        raise WriteRejected(
            f"the server refused {len(errors)} of {len(batch)} images: {'; '.join(named[:MAX_NAMED])}{more}"
        )


def _delete(found: "WeaviateCollection[Any, Any]", ids: Sequence[str]) -> int:
    """Delete objects. Raises WriteRejected if some are still there."""
    done = found.data.delete_many(Condition.by_id().contains_any(list(ids)))
    if done.failed:
        raise WriteRejected(f"the server did not delete {done.failed} of {done.matches} images")
    return done.successful
