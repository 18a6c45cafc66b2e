"""A snapshot of the images: arrays that a search maps into memory, instead of importing LanceDB.

`vectors` has a row for each image, in the order in which they were written. `rows` holds the other columns as
JSON, one image after another, and `ends` says where each one ends. `addresses` says where LanceDB keeps a
row. LanceDB never changes a row in its place, so a newer snapshot takes over all addresses that still exist.
`filter_columns` says which columns answer filters.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from phosphene.errors import StoreError
from phosphene.filters import (
    GENERATED,
    And,
    Compare,
    Comparison,
    Equals,
    Filter,
    HasWords,
    In,
    Not,
    Or,
    matches,
)
from phosphene.manifest import space_of
from phosphene.records import Hit, Image, Space
from phosphene.store import keywords
from phosphene.store.filterable import checked
from phosphene.store.invalid import normalised
from phosphene.store.lance import filter_columns
from phosphene.store.lance.array_files import Columns, load
from phosphene.store.lance.problems import repair
from phosphene.store.lance.snapshot_folder import ROWS
from phosphene.store.lance.versions import Version
from phosphene.store.properties import image_of
from phosphene.vectors import Vector

TYPES = {
    "space": "u1",  # JSON
    **ROWS,
    "generated": "?",
    "lengths": "<f4",  # of the vectors, which need not be exactly 1
    "vectors": "<f4",
    "ends": "<i8",
    "rows": "u1",
    **filter_columns.TYPES,
}
TEXTS = {"rows": "ends", "words": "word_ends"}  # the arrays of texts, and those that say where each one ends
Selected = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The images of one version of the table. Its methods are those of a Store."""

    folder: Path
    space: Space
    arrays: Columns

    @classmethod
    def of(cls, folder: Path, version: Version) -> "Snapshot":
        """The snapshot in a folder. Raises OSError, ValueError or LibraryError if it is damaged."""
        arrays = load(folder, TYPES, mapped=("vectors", "rows", *filter_columns.MAPPED))
        space = space_of(arrays["space"].tobytes(), str(folder))
        count, ends = len(arrays["ids"]), arrays["ends"]
        if any(len(arrays[name]) != count for name in ("addresses", "generated", "lengths", "ends")):
            raise ValueError("the arrays have different lengths")
        if arrays["vectors"].shape != (count, space.dimension):
            raise ValueError("the vectors have another shape")
        if np.any(np.diff(ends, prepend=0) < 0) or (count and ends[-1] != len(arrays["rows"])):
            raise ValueError("the rows do not end where they should")
        filter_columns.check(arrays, count)
        return cls(folder, space, arrays)

    @property
    def exact(self) -> bool:
        """Whether a search compares with every image."""
        return True

    def __len__(self) -> int:
        return len(self.arrays["ids"])

    def near(self, query: Vector, count: int, where: Filter, *, vectors: bool = False) -> list[Hit[Any]]:
        """The images of highest cosine similarity to a unit vector (d,), best first."""
        scores = (self.arrays["vectors"] @ query) / self.arrays["lengths"]
        places = np.flatnonzero(self._holds(checked(where)))
        found = scores[places]
        if count < len(places):
            best = np.argpartition(-found, count)[:count]
            places, found = places[best], found[best]
        order = np.argsort(-found, kind="stable")
        images = self._images(places[order].tolist(), vectors)
        return [
            Hit(image, score)
            for image, score in zip(images, np.clip(found[order], -1, 1).tolist(), strict=True)
        ]

    def by_words(self, words: Collection[str], count: int, where: Filter) -> list[Hit]:
        """The images whose captions or prompt have most of these words, best first."""
        has = filter_columns.having_each(self.arrays, keywords.FIELDS, words)
        lengths = [filter_columns.lengths(self.arrays, field) for field in keywords.FIELDS]
        scores = np.where(self._holds(checked(where)), keywords.bm25(has, np.max(lengths, axis=0)), 0)
        places = keywords.best(scores, count)
        images = zip(places, self._images(places, vectors=False), strict=True)
        return [Hit(image, float(scores[place])) for place, image in images]

    def iterate(self, where: Filter, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match."""
        return self._images(np.flatnonzero(self._holds(checked(where))).tolist(), vectors)

    def count(self, where: Filter) -> int:
        """How many images match."""
        return int(np.count_nonzero(self._holds(checked(where))))

    def ids_beginning(self, start: str) -> list[str]:
        """The ids that begin with at least eight characters, which are four bytes of each id."""
        try:
            first = bytes.fromhex(start[:8])
        except ValueError:
            return []
        places = np.flatnonzero(self.arrays["ids"].view("S4")[::4] == first)
        ids = [str(UUID(bytes=self.arrays["ids"][place].ljust(16, b"\0"))) for place in places]
        return [id for id in ids if id.startswith(start)]

    def text(self, name: str, place: int) -> bytes:
        """The bytes of an image in one of the arrays of texts, such as its row in JSON."""
        ends = self.arrays[TEXTS[name]]
        return self.arrays[name][ends[place - 1] if place else 0 : ends[place]].tobytes()

    def _images(self, places: Sequence[int], vectors: bool) -> Iterator[Image[Any]]:
        for place in places:
            row = self._row(place)
            yield image_of(row["id"], row, self._vector(place) if vectors else None)

    def _vector(self, place: int) -> Vector:
        vector: Vector = normalised(self.arrays["vectors"][place : place + 1])[0][0]
        return vector

    def _row(self, place: int) -> dict[str, Any]:
        try:
            row: dict[str, Any] = json.loads(self.text("rows", place))
        except ValueError as error:
            message = f"The snapshot in `{self.folder}` is damaged: {error}."
            raise StoreError(message, repair(self.folder.parents[1])) from error
        return row

    def _holds(self, where: Filter) -> Selected:
        """For which images (n,) a filter holds."""
        if isinstance(where, Not):
            return ~self._holds(where.filter)
        if isinstance(where, And | Or):
            joined = np.logical_and if isinstance(where, And) else np.logical_or
            masks = [self._holds(each) for each in where.filters]
            start = np.full(len(self), isinstance(where, And))
            return np.asarray(joined.reduce([start, *masks]))
        return self._compared(where)

    def _compared(self, where: Comparison) -> Selected:
        if where == GENERATED:
            return self.arrays["generated"]
        if isinstance(where, Equals | In) and where.field == "id":
            values = where.values if isinstance(where, In) else [str(where.value)]
            wanted = [packed(id) for id in values]
            return np.isin(self.arrays["ids"], np.array([each for each in wanted if each], dtype="S16"))
        if isinstance(where, Compare):
            return filter_columns.compared(self.arrays, where)
        if isinstance(where, HasWords):
            return filter_columns.having(self.arrays, where)
        return self._matches(where)

    def _matches(self, where: Equals | In) -> Selected:
        """For which images (n,) a text is equal. Only those rows are read in which it occurs at all."""
        text, held = self.arrays["rows"].tobytes(), np.zeros(len(self), np.bool_)
        for value in where.values if isinstance(where, In) else [where.value]:
            found = np.unique(filter_columns.places(text, json.dumps(value).encode(), self.arrays["ends"]))
            images = zip(found, self._images(found.tolist(), vectors=False), strict=True)
            held[[place for place, image in images if matches(where, image)]] = True
        return held


def packed(id: str) -> bytes | None:
    """The 16 bytes of an id, or None if the text is not an id."""
    try:
        found = bytes.fromhex(id.replace("-", ""))
    except ValueError:
        return None
    is_id = len(found) == 16 and len(id) == 36 and id == id.lower()
    return found if is_id else None
