"""Queries: a weighted sum of texts, pictures and stored ids, minus others.

    2:red house + ./snow.jpg - trees

A term runs until the next `+` or `-` that stands alone; `N:` before it is its weight. It is a
picture where it begins like a path (`./`, `../`, `/`, `~/`), a stored image where it begins
with `id:`, and text otherwise. The grammar is the same for searching and for generating.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from phosphene.embedding import Embedder
from phosphene.errors import CutText, QueryError
from phosphene.images import open_picture
from phosphene.journal import Journal
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector, blend

Kind = Literal["text", "picture", "id"]
OPERATOR = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
WEIGHT = re.compile(r"(\d+(?:\.\d+)?):(?=\S)")
PATH_STARTS = ("./", "../", "/", "~/")
SHORTEST_ID = 8  # letters of an id that are enough, where only one image's begins with them
EXAMPLE = "2:red house + ./snow.jpg - trees"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query; a negative weight leads away from it."""

    kind: Kind
    value: str  # the text, the path as written, or the id
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: at least one term with a positive weight."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        """The query as a user would write it."""
        return " ".join(_written(term, first=index == 0) for index, term in enumerate(self.terms))


def parse(words: str | Sequence[str]) -> Query:
    """Read a query from one string or from the words of a command line.

    Raises QueryError where nothing is looked for, or where a weight is zero.
    """
    terms = tuple(_terms([words] if isinstance(words, str) else words))
    if not any(term.weight > 0 for term in terms):
        wrong = "has only terms to avoid" if terms else "is empty"
        raise QueryError(f"the query {wrong}", hint=f"name what to look for, e.g. `{EXAMPLE}`")
    return Query(terms)


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
                return _vector(find(self.store, term.value, vectors=True))
            case "picture":
                return self._picture(Path(term.value).expanduser())

    def _text(self, text: str) -> Vector:
        """Kept in the journal, so that a repeated query loads no model."""
        space = self.store.space.id
        if (kept := self.journal.text_vector(text, space)) is not None:
            return kept
        embedder = self.load()
        vector: Vector = embedder.texts([text])[0]
        if cut := embedder.cut(text):  # not kept: a text that is cut must warn the next time, too
            warnings.warn(CutText(text, cut.used), stacklevel=2)
        else:
            self.journal.keep_text_vector(text, space, vector)
        return vector

    def _picture(self, path: Path) -> Vector:
        if not path.exists():
            raise QueryError(
                f"there is no picture `{path}`",
                hint="a term that begins with `./`, `/` or `~/` is a file; `+` or `-` ends a term",
            )
        embedder = self.load()
        vector: Vector = embedder.pictures([embedder.prepare(open_picture(path))]).vectors[0]
        return vector


def find(store: Store, id: str, *, vectors: bool = False) -> Image:
    """The image of an id, or of enough first letters of one. Raises QueryError where it is not one."""
    found = store.get([id], vectors=vectors)
    if not found and len(id) >= SHORTEST_ID:
        begun = [image.id for image in store.iterate() if image.id.startswith(id)]
        found = store.get(begun, vectors=vectors)
    if len(found) != 1:
        wrong = f"{len(found)} images begin with" if found else "no image has"
        raise QueryError(f"{wrong} the id `{id}`", hint="`phosphene search … --json` prints whole ids")
    return found[0]


def _vector(image: Image) -> Vector:
    assert image.vector is not None, "asked for with its vector"
    return image.vector


def _terms(words: Sequence[str]) -> Iterator[Term]:
    sign, collected = 1.0, list[str]()
    for token in _tokens(words):
        if token in ("+", "-"):
            yield from _term(collected, sign)
            sign, collected = (1.0 if token == "+" else -1.0), []
        else:
            collected.append(token)
    yield from _term(collected, sign)


def _tokens(words: Sequence[str]) -> Iterator[str]:
    """Operators and the stretches between them; a file's name may hold ` - ` and spaces."""
    for word in words:
        name = WEIGHT.sub("", word, count=1)
        if name.startswith(PATH_STARTS) and Path(name).expanduser().exists():
            yield word
        else:
            yield from (part.strip() for part in OPERATOR.split(word) if part.strip())


def _term(collected: Sequence[str], sign: float) -> Iterator[Term]:
    text = " ".join(collected)
    if not text.strip():
        return
    weight = 1.0
    if found := WEIGHT.match(text.lstrip()):
        weight, text = float(found[1]), text.lstrip()[found.end() :]
    if weight == 0:
        raise QueryError(f"`{text}` has the weight 0", hint="leave the term out, or give it a weight above 0")
    yield _kinded(text, sign * weight)


def _kinded(text: str, weight: float) -> Term:
    if text.startswith(PATH_STARTS):
        return Term("picture", text, weight)
    if text.startswith("id:"):
        return Term("id", text.removeprefix("id:").strip(), weight)
    return Term("text", " ".join(text.split()), weight)


def _written(term: Term, *, first: bool) -> str:
    sign = "- " if term.weight < 0 else "" if first else "+ "
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{sign}{weight}{'id:' if term.kind == 'id' else ''}{term.value}"
