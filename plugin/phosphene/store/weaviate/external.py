"""Somebody else's Weaviate collection as a Store that is only read.

Ids are the server's. What the collection does not say has a plain value: no sha256, a size of 0 x 0,
the time when the server got the object; all are training images. Objects without the vector that was
named are no images. Scores are cosines, whatever the distance and the length of the vectors.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, Self

import numpy as np
from weaviate.classes.query import Filter as Condition
from weaviate.classes.query import MetadataQuery

from phosphene.errors import LibraryError, StoreError
from phosphene.records import Filter, Hit, Image, Space
from phosphene.store import EVERYTHING
from phosphene.store.diversity import checked, diverse
from phosphene.store.properties import fitting
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import Collection as Settings
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.external_pictures import load, small
from phosphene.store.weaviate.external_schema import Reading, reading
from phosphene.store.weaviate.objects import known
from phosphene.vectors import Vector, unit

MOST = 10_000  # objects that a server gives at once: QUERY_MAXIMUM_RESULTS
PAGE = 200  # objects asked for at once
PICTURES = 8  # pictures asked for at once: an answer has at most 100 MB, and originals may be large
CREATED = MetadataQuery(creation_time=True)


class ForeignStore:
    """A collection that phosphene did not make."""

    def __init__(self, address: Address, reading: Reading, space: Space) -> None:
        self.space = space
        self._address = address
        self._reading = reading
        self._connection = Connection(address)

    @classmethod
    def open(cls, address: Address, space: Space) -> Self:
        """Open the collection of an address, which says how it is read.

        Raises LibraryError where there is none, or it has no such vector or properties.
        """
        settings = Settings(address).read()
        if settings is None:
            raise LibraryError(
                f"there is no collection `{address.collection}` at `{address}`",
                hint="name one that is there: `weaviate://HOST/Collection?space=SPACE&…`",
            )
        return cls(address, reading(address, settings), space)

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]:
        """The images of these ids, in the order asked for; unknown ones are passed over."""
        objects = self._by_id(ids, self._reading.properties, vectors=vectors)
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
    ) -> list[Hit]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first.

        Above 10,000 every image is compared here, since a server gives no more at once.
        """
        query, limit = unit(fitting(vector, self.space)), count + len(where.without)
        if count < 1 or where.origin == "generated" or (where.only is not None and not known([*where.only])):
            return []
        if checked(diversity):
            return diverse(self, query, count, where, diversity, vectors=vectors)
        hits = self._nearest(query, limit, where, vectors) if limit <= MOST else self._compared(query, where)
        there = (hit for hit in hits if hit.image.id not in where.without)
        return heapq.nlargest(count, there, key=lambda hit: hit.score)

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]:
        """All images, in no particular order, in bounded memory."""
        if where.origin == "generated":
            return
        if where.only is not None:
            yield from self.get(sorted(where.only - where.without), vectors=vectors)
            return
        for each in self._pages(vectors):
            if str(each.uuid) not in where.without and (each.vector or not vectors):
                yield self._image(each, vectors)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The pictures themselves, as the collection has them or where it says they are."""
        if not self._reading.image:
            return {}
        objects = self._by_id(ids, [self._reading.image], size=PICTURES)
        places = {str(each.uuid): each.properties.get(self._reading.image) for each in objects}
        loaded = {id: load(place, encoded=self._reading.blob) for id, place in places.items() if place}
        return {id: picture for id, picture in loaded.items() if picture is not None}

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Small pictures of these ids; a grey one where there is no picture."""
        made: dict[str, bytes] = {}
        for batch in _batches(ids, PICTURES):  # not all the originals at once in memory
            pictures = self.pictures(batch)
            made |= {id: small(pictures.get(id)) for id in batch}
        return made

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many objects there are."""
        if where.origin == "generated":
            return 0
        if where.only is not None:
            return len(self.get(sorted(where.only - where.without)))
        total = self._connection.ask_collection(
            "count", lambda found: found.aggregate.over_all(total_count=True).total_count
        )
        return int(total or 0) - len(self.get(sorted(where.without)))

    def exact(self) -> bool:
        """Whether `near` compares with every image (true) or asks an index (false)."""
        return self._reading.flat

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    # ── what is refused ───────────────────────────────────────────────────────────────────

    def upsert(self, images: Sequence[Image]) -> None:
        """Refused: raises StoreError."""
        self._refuse()

    def delete(self, ids: Sequence[str]) -> int:
        """Refused: raises StoreError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError(
            f"`{self._address}` is somebody else's collection: phosphene only reads it",
            hint="generate into a library of your own with `--into LIB`, or `phosphene copy` it into one",
        )

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _by_id(
        self, ids: Sequence[str], properties: list[str], *, vectors: bool = False, size: int = PAGE
    ) -> Iterator[Any]:
        for batch in _batches(known(ids), size):
            answer = self._connection.ask_collection(
                "read",
                lambda found, batch=batch: found.query.fetch_objects(
                    filters=Condition.by_id().contains_any(list(batch)),
                    limit=len(batch),
                    return_properties=properties,
                    return_metadata=CREATED,
                    include_vector=self._wanted(vectors),
                ),
            )
            yield from answer.objects

    def _pages(self, vectors: bool) -> Iterator[Any]:
        """Every object, a page at a time; each goes on where the one before ended."""
        after: str | None = None
        while True:
            answer = self._connection.ask_collection(
                "read",
                lambda found, after=after: found.query.fetch_objects(
                    limit=PAGE,
                    after=after,
                    return_properties=self._reading.properties,
                    return_metadata=CREATED,
                    include_vector=self._wanted(vectors),
                ),
            )
            if not answer.objects:
                return
            yield from answer.objects
            after = str(answer.objects[-1].uuid)

    def _nearest(self, query: Vector, limit: int, where: Filter, vectors: bool) -> list[Hit]:
        """What the server finds; for other distances than the cosine, vectors come along to be compared."""
        only = None if where.only is None else Condition.by_id().contains_any(known([*where.only]))
        answer = self._connection.ask_collection(
            "search",
            lambda found: found.query.near_vector(
                near_vector=query.tolist(),
                target_vector=self._reading.vector or None,
                limit=limit,
                filters=only,
                return_properties=self._reading.properties,
                return_metadata=MetadataQuery(distance=True, creation_time=True),
                include_vector=self._wanted(vectors or self._reading.distance != "cosine"),
            ),
        )
        return [self._hit(each, query, vectors) for each in answer.objects]

    def _compared(self, query: Vector, where: Filter) -> Iterator[Hit]:
        for image in self.iterate(where, vectors=True):
            if image.vector is not None:
                yield Hit(image, float(np.clip(image.vector @ query, -1, 1)))

    def _wanted(self, vectors: bool) -> bool | list[str]:
        """Which vectors to send along."""
        return [self._reading.vector] if vectors and self._reading.vector else vectors

    def _hit(self, found: Any, query: Vector, vectors: bool) -> Hit:
        if self._reading.distance == "cosine":
            return Hit(self._image(found, vectors), float(np.clip(1 - found.metadata.distance, -1, 1)))
        image = self._image(found, True)
        assert image.vector is not None, "asked for with its vector"
        return Hit(image, float(np.clip(image.vector @ query, -1, 1)))

    def _image(self, found: Any, vectors: bool) -> Image:
        properties: Mapping[str, Any] = found.properties
        said = properties.get(self._reading.caption) or []
        captions = tuple([said] if isinstance(said, str) else said)
        place = None if self._reading.blob else properties.get(self._reading.image)
        vector = self._vector(found) if vectors else None
        return Image(
            id=str(found.uuid),
            sha256=properties.get("sha256") or "",
            uri=place or f"{self._address}/{found.uuid}",
            caption=max(captions, key=len, default=""),
            captions=captions,
            origin="training",
            width=properties.get("width") or 0,
            height=properties.get("height") or 0,
            created=found.metadata.creation_time.isoformat(timespec="seconds"),
            norm=float(np.linalg.norm(vector)) if vector is not None else 1.0,
            vector=None if vector is None else unit(vector),
        )

    def _vector(self, found: Any) -> Vector:
        return np.asarray(found.vector[self._reading.vector or "default"], dtype=np.float32)


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
