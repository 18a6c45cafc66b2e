"""An external Weaviate collection, which phosphene did not make, as a read-only Store.

Ids are those of the server. Properties that the collection does not have get default values: no sha256, a
size of 0 x 0, no fields, and the time when the server received the object. All images count as imported.
Objects without the named vector are not images. Scores are cosines for every distance and every length of the
vectors.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, Self

import numpy as np
from weaviate.classes.query import Filter as Condition
from weaviate.classes.query import MetadataQuery

from phosphene.batches import batched
from phosphene.errors import LibraryError, QueryError, StoreError
from phosphene.fields import fields_of
from phosphene.filters import EVERYTHING, GENERATED, NOTHING, Filter, simplified, split_ids
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo
from phosphene.store.diversity import checked, diverse
from phosphene.store.invalid import TOLERANCE
from phosphene.store.properties import checked_vector
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import CollectionSchema
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.external_pictures import load, small
from phosphene.store.weaviate.external_schema import FieldMapping, field_mapping
from phosphene.store.weaviate.objects import plain, valid_ids
from phosphene.store.weaviate.reader import Reader
from phosphene.vectors import Vector, unit

MAX_RESULTS = 10_000  # objects that a server returns at once: QUERY_MAXIMUM_RESULTS
PAGE_SIZE = 200  # objects that are read at once
UNKNOWN = 0.0  # the norm of a vector that the other program may have normalised
PICTURE_BATCH = 8  # pictures that are read at once: an answer has at most 100 MB, and originals may be large


class ExternalStore:
    """A collection that phosphene did not make."""

    def __init__(self, address: Address, mapping: FieldMapping, space: Space) -> None:
        self.space = space
        self._address = address
        self._mapping = mapping
        self._connection = Connection(address)
        created = MetadataQuery(creation_time=True)
        self._reader = Reader(self._connection, mapping.properties, PAGE_SIZE, created)

    @classmethod
    def open(cls, address: Address, space: Space) -> Self:
        """Open the collection at an address. The options of the address say how it is read.

        Raises LibraryError if there is no such collection, vector or property.
        """
        settings = CollectionSchema(address).read()
        if settings is None:
            raise LibraryError(
                f"There is no collection `{address.collection}` at `{address}`.",
                hint="name an existing one: `weaviate://HOST/Collection?model=MODEL&…`",
            )
        return cls(address, field_mapping(address, settings), space)

    def info(self) -> StoreInfo:
        """Facts about this store."""
        return StoreInfo("weaviate", exact=self._mapping.exact, writable=False)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images of these ids, in this order. Unknown ids are skipped."""
        objects = self._reader.by_id(ids, vectors=self._included(vectors))
        found = {str(each.uuid): self._image(each, vectors) for each in objects if each.vector or not vectors}
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
        query = unit(checked_vector(vector, self.space))
        only, without = _ids(where)
        if count < 1 or (only is not None and not only):
            return []
        if checked(diversity):
            return diverse(self, query, count, where, diversity)
        limit = count + len(without)
        if limit <= MAX_RESULTS:
            hits: Iterator[Hit] = iter(self._nearest(query, limit, only, vectors))
        else:
            hits = (_hit(image, query) for image in self.iterate(where, vectors=True))
        allowed = (hit for hit in hits if hit.image.id not in without)
        return heapq.nlargest(count, allowed, key=lambda hit: hit.score)

    def by_words(self, words: Collection[str], count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `count` images whose captions have most of these words, best first: at most 10,000."""
        only, without = _ids(where)
        if not words or not self._mapping.caption or count < 1 or (only is not None and not only):
            return []
        answer = self._connection.request_collection(
            "searched",
            lambda found: found.query.bm25(
                " ".join(sorted(words)),
                query_properties=[self._mapping.caption],
                limit=min(count + len(without), MAX_RESULTS),
                filters=_limited_to(only),
                return_properties=self._mapping.properties,
                return_metadata=MetadataQuery(score=True, creation_time=True),
                include_vector=self._included(True),
            ),
        )
        found = [each for each in answer.objects if each.vector and str(each.uuid) not in without]
        return [Hit(self._image(each, False), each.metadata.score or 0.0) for each in found[:count]]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match, in no particular order, in bounded memory."""
        only, without = _ids(where)
        if only is not None:
            yield from self.get(sorted(only - without), vectors=vectors)
            return
        for each in self._reader.all(vectors=self._included(vectors)):
            if str(each.uuid) not in without and (each.vector or not vectors):
                yield self._image(each, vectors)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The full pictures of these ids, from the collection itself or from the URLs and paths in it."""
        if not self._mapping.image:
            return {}
        reader = Reader(self._connection, [self._mapping.image], PICTURE_BATCH)
        places = {str(each.uuid): each.properties.get(self._mapping.image) for each in reader.by_id(ids)}
        loaded = {id: load(place, encoded=self._mapping.blob) for id, place in places.items() if place}
        return {id: picture for id, picture in loaded.items() if picture is not None}

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails of these ids. An image without a picture gets a grey one."""
        made: dict[str, bytes] = {}
        for batch in batched(ids, PICTURE_BATCH):  # so that not all the originals are in memory
            pictures = self.pictures(batch)
            made |= {id: small(pictures.get(id)) for id in batch}
        return made

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many objects match."""
        only, without = _ids(where)
        if only is not None:
            return len(self.get(sorted(only - without)))
        total = self._connection.request_collection(
            "counted", lambda found: found.aggregate.over_all(total_count=True).total_count
        )
        return int(total or 0) - len(self.get(sorted(without)))

    # ── writing ───────────────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Raises StoreError: an external collection is only read."""
        self._refuse()

    def delete(self, ids: Sequence[str]) -> int:
        """Raises StoreError: an external collection is only read."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError(
            f"`{self._address}` is an external collection, which phosphene only reads.",
            hint="generate into a library of your own with `--into LIB`, or `phosphene copy` it into one",
        )

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _nearest(
        self, query: Vector, limit: int, only: frozenset[str] | None, vectors: bool
    ) -> list[Hit[Any]]:
        """The hits that the server finds. If its distance is not the cosine, the scores are computed here."""
        with_vectors = vectors or self._mapping.distance != "cosine"
        answer = self._connection.request_collection(
            "searched",
            lambda found: found.query.near_vector(
                near_vector=query.tolist(),
                target_vector=self._mapping.vector or None,
                limit=limit,
                filters=_limited_to(only),
                return_properties=self._mapping.properties,
                return_metadata=MetadataQuery(distance=True, creation_time=True),
                include_vector=self._included(with_vectors),
            ),
        )
        images = [self._image(each, with_vectors) for each in answer.objects]
        if self._mapping.distance != "cosine":
            return [_hit(image, query) for image in images]
        distances = [each.metadata.distance for each in answer.objects]
        return [
            Hit(image, float(np.clip(1 - distance, -1, 1)))
            for image, distance in zip(images, distances, strict=True)
        ]

    def _included(self, vectors: bool) -> bool | list[str]:
        """The names of the vectors that the server sends."""
        return [self._mapping.vector] if vectors and self._mapping.vector else vectors

    def _image(self, found: Any, vectors: bool) -> Image[Any]:
        properties: Mapping[str, Any] = found.properties
        caption = properties.get(self._mapping.caption) or []
        captions = tuple([caption] if isinstance(caption, str) else caption)
        place = None if self._mapping.blob else properties.get(self._mapping.image)
        image: Image[Any] = Image(
            id=str(found.uuid),
            sha256=properties.get("sha256") or "",
            uri=place or f"{self._address}/{found.uuid}",
            caption=max(captions, key=len, default=""),
            captions=captions,
            origin="imported",
            width=properties.get("width") or 0,
            height=properties.get("height") or 0,
            created=found.metadata.creation_time.isoformat(timespec="seconds"),
            norm=UNKNOWN,
            fields=fields_of({name: plain(properties.get(name)) for name in self._mapping.shared}),
        )
        if not vectors:
            return image
        vector = np.asarray(found.vector[self._mapping.vector or "default"], dtype=np.float32)
        length = float(np.linalg.norm(vector))
        return replace(image, vector=unit(vector), norm=UNKNOWN if abs(length - 1) < TOLERANCE else length)


def _hit(image: Image[Vector], query: Vector) -> Hit[Vector]:
    return Hit(image, float(np.clip(image.vector @ query, -1, 1)))


def _limited_to(ids: frozenset[str] | None) -> Any:
    return None if ids is None else Condition.by_id().contains_any(sorted(ids))


def _ids(where: Filter) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The ids that a filter is limited to (None: no limit), and the ids that it leaves out.

    Raises QueryError for a filter by another field, since an external collection has only its own properties.
    """
    where = simplified(where, lambda each: NOTHING if each == GENERATED else each)
    if where == NOTHING:
        return frozenset(), frozenset()
    only, without, rest = split_ids(where)
    if rest != EVERYTHING:
        raise QueryError(
            "An external collection can be filtered only by id and origin.",
            hint="copy it into a library of your own with `phosphene copy`",
        )
    return None if only is None else frozenset(valid_ids(only)), without
