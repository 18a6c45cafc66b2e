"""Somebody else's Weaviate collection as a Store that is only read.

Ids are the server's. What the collection does not say has a plain value: no sha256, a size of 0 x 0,
the time when the server got the object; all are training images. Objects without the vector that was
named are no images. Scores are cosines, whatever the distance and the length of the vectors.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, Self

import numpy as np

from phosphene.errors import LibraryError, StoreError, VectorError
from phosphene.records import Filter, Hit, Image, Space
from phosphene.store import EVERYTHING
from phosphene.store.address import Address
from phosphene.store.collection import Collection
from phosphene.store.loading import load, small
from phosphene.store.reading import Reading, reading
from phosphene.vectors import Vector, unit

BATCH = 200  # objects asked for by id at once
PICTURES = 8  # pictures asked for at once: an answer has at most 100 MB, and originals may be large


class ForeignStore:
    """A collection that phosphene did not make."""

    def __init__(self, address: Address, reading: Reading, space: Space) -> None:
        self.space = space
        self._address = address
        self._reading = reading
        self._client = _connect(address)
        self._collection = self._client.collections.use(address.collection)

    @classmethod
    def open(cls, address: Address, space: Space) -> Self:
        """Open the collection of an address, which says how it is read.

        Raises LibraryError where there is none, or it has no such vector or properties.
        """
        settings = Collection(address).read()
        if settings is None:
            raise LibraryError(
                f"there is no collection `{address.collection}` at `{address}`",
                hint="name one that is there: `weaviate://HOST/Collection?space=SPACE&…`",
            )
        return cls(address, reading(address, settings), space)

    # ── reading ───────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image]:
        """The images of these ids, in the order asked for; unknown ones are passed over."""
        found: dict[str, Image] = {}
        for batch in _batches([id for id in dict.fromkeys(ids) if _is_id(id)], BATCH):
            for each in self._by_id(batch, self._reading.properties, vectors=vectors):
                if not vectors or each.vector:
                    image = self._image(each, vectors)
                    found[image.id] = image
        return [found[id] for id in ids if id in found]

    def near(self, vector: Vector, count: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first."""
        from weaviate.classes.query import Filter as Condition
        from weaviate.classes.query import MetadataQuery

        query = unit(self._fitting(vector))
        only = None if where.only is None else [id for id in where.only if _is_id(id)]
        if count < 1 or where.origin == "generated" or only == []:
            return []
        cosine = self._reading.distance == "cosine"
        answer = self._collection.query.near_vector(
            near_vector=query.tolist(),
            target_vector=self._reading.vector or None,
            limit=count + len(where.without),
            filters=None if only is None else Condition.by_id().contains_any(only),
            return_properties=self._reading.properties,
            return_metadata=MetadataQuery(distance=True, creation_time=True),
            include_vector=False if cosine else self._wanted(True),
        )
        hits = [self._hit(each, query) for each in answer.objects]
        hits = [hit for hit in hits if hit.image.id not in where.without]
        return sorted(hits, key=lambda hit: -hit.score)[:count]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image]:
        """All images, in no particular order, in bounded memory."""
        if where.origin == "generated":
            return
        if where.only is not None:
            yield from self.get(sorted(where.only - where.without), vectors=vectors)
            return
        for each in self._collection.iterator(
            include_vector=self._wanted(vectors),
            return_properties=self._reading.properties,
            return_metadata=_created(),
        ):
            if str(each.uuid) not in where.without and (not vectors or each.vector):
                yield self._image(each, vectors)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The pictures themselves, as the collection has them or where it says they are."""
        if not self._reading.image:
            return {}
        places: dict[str, str | None] = {}
        for batch in _batches([id for id in ids if _is_id(id)], PICTURES):
            for each in self._by_id(batch, [self._reading.image], vectors=False):
                places[str(each.uuid)] = each.properties.get(self._reading.image)
        loaded = {id: load(place, encoded=self._reading.blob) for id, place in places.items() if place}
        return {id: picture for id, picture in loaded.items() if picture is not None}

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Small pictures of these ids; a grey one where there is no picture."""
        pictures = self.pictures(ids)
        return {id: small(pictures.get(id)) for id in ids}

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many objects there are."""
        if where.origin == "generated":
            return 0
        if where.only is not None:
            return len(self.get(sorted(where.only - where.without)))
        total = int(self._collection.aggregate.over_all(total_count=True).total_count or 0)
        return total - len(self.get(sorted(where.without)))

    def exact(self) -> bool:
        """Whether `near` compares with every image (true) or asks an index (false)."""
        return self._reading.flat

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

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

    def _by_id(self, ids: Sequence[str], properties: Sequence[str], *, vectors: bool) -> list[Any]:
        from weaviate.classes.query import Filter as Condition

        answer = self._collection.query.fetch_objects(
            filters=Condition.by_id().contains_any(list(ids)),
            limit=len(ids),
            return_properties=list(properties),
            return_metadata=_created(),
            include_vector=self._wanted(vectors),
        )
        return list(answer.objects)

    def _wanted(self, vectors: bool) -> bool | list[str]:
        """Which vectors to send along."""
        return [self._reading.vector] if vectors and self._reading.vector else vectors

    def _hit(self, found: Any, query: Vector) -> Hit:
        if self._reading.distance == "cosine":
            return Hit(self._image(found, False), float(np.clip(1 - found.metadata.distance, -1, 1)))
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

    def _fitting(self, vector: Vector) -> Vector:
        if np.shape(vector) != (self.space.dimension,):
            raise VectorError(
                f"a vector of shape {np.shape(vector)} does not fit `{self.space.name}`, whose vectors have"
                f" {self.space.dimension} numbers",
                hint="ask with the model that made the collection's vectors, in `space=`",
            )
        return np.asarray(vector, dtype=np.float32)


def _connect(address: Address) -> Any:
    import weaviate

    first = address.endpoints[0]
    return weaviate.connect_to_custom(
        http_host=first.host,
        http_port=first.rest,
        http_secure=address.secure,
        grpc_host=first.host,
        grpc_port=first.grpc,
        grpc_secure=address.secure,
        skip_init_checks=True,
    )


def _created() -> Any:
    from weaviate.classes.query import MetadataQuery

    return MetadataQuery(creation_time=True)


def _is_id(text: str) -> bool:
    """Whether it is a whole id: a server refuses all that is no UUID."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
