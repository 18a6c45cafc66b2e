"""Reading objects of a collection: by their ids, by a condition, or all of them page by page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from weaviate.classes.query import Filter as Condition
from weaviate.classes.query import MetadataQuery

from phosphene.batches import batched
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.objects import valid_ids


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads objects with some of their properties, and with or without their vectors.

    `vectors` are the names of the vectors to read. True stands for the only vector of a collection that does
    not name it, and False for none.
    """

    connection: Connection
    properties: list[str]
    page_size: int
    metadata: MetadataQuery | None = None

    def by_id(self, ids: Iterable[str], *, vectors: bool | list[str] = False) -> Iterator[Any]:
        """The objects of these ids, in no particular order. Unknown ids are skipped."""
        for batch in batched(valid_ids(ids), self.page_size):
            yield from self.matching(Condition.by_id().contains_any(batch), len(batch), vectors=vectors)

    def matching(self, condition: Any, limit: int, *, vectors: bool | list[str] = False) -> list[Any]:
        """The first `limit` objects for which a condition holds."""
        return self._fetch(vectors, filters=condition, limit=limit)

    def all(self, *, vectors: bool | list[str] = False) -> Iterator[Any]:
        """Every object. Each page goes on after the last object of the page before."""
        after: str | None = None
        while objects := self._fetch(vectors, limit=self.page_size, after=after):
            yield from objects
            after = str(objects[-1].uuid)

    def _fetch(self, vectors: bool | list[str], **how: Any) -> list[Any]:
        answer = self.connection.request_collection(
            "read",
            lambda found: found.query.fetch_objects(
                return_properties=self.properties,
                return_metadata=self.metadata,
                include_vector=vectors,
                **how,
            ),
        )
        return list(answer.objects)
