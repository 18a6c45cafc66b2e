"""The vectors of queries: texts and pictures by the model, stored images by their ids."""

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
from phosphene.images import open_picture
from phosphene.journal import Journal
from phosphene.query import Query, Term
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector, blend

SHORTEST_ID = 8  # letters of an id that are enough, where only one image's begins with them
ID = re.compile(rf"[0-9a-f-]{{{SHORTEST_ID},36}}")  # a whole one, or its first letters


def vector_of(query: Query, embed: Callable[[Term], Vector]) -> Vector:
    """The unit vector (d,) of a query; `embed` gives that of a single term.

    Raises VectorError where the terms cancel out.
    """
    vectors = np.stack([embed(term) for term in query.terms])
    if len(query.terms) == 1:
        return np.asarray(vectors[0], dtype=np.float32)
    return blend(vectors, [term.weight for term in query.terms])


@dataclass(frozen=True, slots=True)
class Terms:
    """The vectors of a library's query terms. The model is loaded only where one is needed."""

    store: Store
    journal: Journal
    load: Callable[[], Embedder]

    def vector(self, term: Term) -> Vector:
        """The unit vector (d,) of a term. Raises QueryError for a picture or an id that is not there."""
        match term.kind:
            case "text":
                return self._text(term.value)
            case "id":
                return find(self.store, term.value, vectors=True).vector
            case "picture":
                return self._picture(term.path)

    def _text(self, text: str) -> Vector:
        """Kept in the journal, so that a repeated query loads no model."""
        space = self.store.space.id
        kept = self.journal.texts.get(text, space)
        if kept is not None and len(kept) == self.store.space.dimension:
            return kept
        embedder = self.load()
        vector: Vector = embedder.texts([text])[0]
        if cut := embedder.cut(text):  # not kept: a text that is cut must warn the next time, too
            warnings.warn(CutText(text, cut.used), stacklevel=2)
        else:
            self.journal.texts.keep(text, space, vector)
        return vector

    def _picture(self, path: Path) -> Vector:
        if not _exists(path):
            raise QueryError(
                f"there is no picture `{path}`",
                hint="a term that begins like a path or ends like a picture's name is a file; "
                "`+` or `-` ends a term",
            )
        embedder = self.load()
        vector: Vector = embedder.pictures([embedder.prepare(open_picture(path))]).vectors[0]
        return vector


def file_or_id(named: str) -> Path | str:
    """What a user names: the file of that name, or else an image by its id, with or without `id:`.

    Raises QueryError for what can only be the name of a file, where there is no such file.
    """
    if named.startswith("id:"):
        return named.removeprefix("id:")
    path = expanded(named)
    if os.path.lexists(path):  # unlike Path.exists, never raises
        return path
    if ID.fullmatch(named):
        return named
    raise QueryError(
        f"`{named}` was taken for a file, and there is none",
        hint="an image of the library is named by its id: `id:ID`",
    )


@overload
def find(store: Store, id: str, *, vectors: Literal[True]) -> Image[Vector]: ...
@overload
def find(store: Store, id: str) -> Image: ...
def find(store: Store, id: str, *, vectors: bool = False) -> Image[Any]:
    """The image of an id, or of enough first letters of one. Raises QueryError if it is not exactly one."""
    found = store.get([id], vectors=vectors)
    if not found and len(id) >= SHORTEST_ID:
        begun = [image.id for image in store.iterate() if image.id.startswith(id)]
        found = store.get(begun, vectors=vectors)
    if len(found) != 1:
        wrong = f"{len(found)} images begin with" if found else "no image has"
        raise QueryError(f"{wrong} the id `{id}`", hint="`phosphene search … --json` prints whole ids")
    return found[0]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name that is too long, a folder that nobody may read
        raise QueryError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from error
