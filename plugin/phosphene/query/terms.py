"""Computes the vectors of queries: the model embeds texts and pictures, and stored images have vectors."""

import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from phosphene.config import expanded
from phosphene.embedding import Embedder
from phosphene.errors import CutText, QueryError
from phosphene.journal import Journal
from phosphene.query.parser import Query, Term
from phosphene.records import Image
from phosphene.store import FindsIds, Store
from phosphene.vectors import Vector, blend

MIN_ID_LENGTH = 8  # characters; the beginning of an id is enough if no other id begins like it
ID = re.compile(rf"[0-9a-f-]{{{MIN_ID_LENGTH},36}}")  # a whole id, or its beginning


def vector_of(query: Query, embed: Callable[[Term], Vector]) -> Vector:
    """The unit vector (d,) of a query. `embed` returns the vector of a single term.

    Raises QueryError if there are no terms, and VectorError if they cancel out.
    """
    if not query.terms:
        raise QueryError(
            f"The query `{query}` has only filters, and nothing to look for.",
            hint="add words, a picture or an id",
        )
    vectors = np.stack([embed(term) for term in query.terms])
    if len(query.terms) == 1:
        return np.asarray(vectors[0], dtype=np.float32)
    return blend(vectors, [term.weight for term in query.terms])


@dataclass(frozen=True, slots=True)
class Terms:
    """Computes the vectors of query terms for one library. The model is loaded only if it is needed."""

    store: Store
    journal: Journal
    load: Callable[[], Embedder]

    def vector(self, term: Term) -> Vector:
        """The unit vector (d,) of a term. Raises QueryError for a picture or an id that does not exist."""
        match term.kind:
            case "text":
                return self._text(term.value)
            case "id":
                return find(self.store, term.value, vectors=True).vector
            case "picture":
                return self._picture(term.path)

    def _text(self, text: str) -> Vector:
        """The vector of a text. The journal keeps it, so that a repeated query loads no model."""
        space = self.store.space.id
        kept = self.journal.texts.get(text, space)
        if kept is not None and len(kept) == self.store.space.dimension:
            return kept
        embedder = self.load()
        vector: Vector = embedder.texts([text])[0]
        if cut := embedder.cut(text):  # it is not kept, so that the warning comes the next time too
            warnings.warn(CutText(text, cut.used), stacklevel=2)
        else:
            self.journal.texts.keep(text, space, vector)
        return vector

    def _picture(self, path: Path) -> Vector:
        if not _exists(path):
            raise QueryError(
                f"There is no picture `{path}`.",
                hint="correct the path, or end the term with `+` or `-`, because a term that begins like a"
                " path or ends like the name of a picture is a file",
            )
        from phosphene.images import open_picture

        embedder = self.load()
        vector: Vector = embedder.pictures([embedder.prepare(open_picture(path))]).vectors[0]
        return vector


def file_or_id(named: str) -> Path | str:
    """The file that a user names or, if there is no such file, the id of an image without `id:`.

    Raises QueryError if there is no such file and the name cannot be an id.
    """
    if named.startswith("id:"):
        return named.removeprefix("id:")
    path = expanded(named)
    if os.path.lexists(path):  # unlike Path.exists, this never raises
        return path
    if ID.fullmatch(named):
        return named
    raise QueryError(
        f"There is no file `{named}`.",
        hint="correct the path, or name an image of the library by its id: `id:ID`",
    )


@overload
def find(store: Store, id: str, *, vectors: Literal[True]) -> Image[Vector]: ...
@overload
def find(store: Store, id: str) -> Image: ...
def find(store: Store, id: str, *, vectors: bool = False) -> Image[Any]:
    """The only image whose id is this or begins like this. Raises QueryError unless there is exactly one."""
    found = store.get([id], vectors=vectors)
    if not found and len(id) >= MIN_ID_LENGTH:
        found = store.get(_ids_beginning(store, id), vectors=vectors)
    if len(found) != 1:
        wrong = f"The ids of {len(found)} images begin with" if found else "No image has the id"
        raise QueryError(f"{wrong} `{id}`.", hint="find whole ids with `phosphene search … --json`")
    return found[0]


def _ids_beginning(store: Store, start: str) -> list[str]:
    if isinstance(store, FindsIds):
        return store.ids_beginning(start)
    return [image.id for image in store.iterate() if image.id.startswith(start)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # the name is too long, or the folder needs a permission
        raise QueryError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}.") from error
