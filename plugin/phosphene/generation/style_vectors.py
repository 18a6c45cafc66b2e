"""Styles: pictures that a new picture should look like, whatever it shows.

The vector of a style is the mean of its pictures' vectors less the mean of the collection: what they have in
common and the others do not. Added to the vector of a prompt, it finds neighbours that have the style. A
little of it is also added to the vector that leads the generator, which otherwise says what to show. The
pictures of a style should show different things, or what they show comes along.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.errors import GenerationError, QueryError
from phosphene.filters import IMPORTED
from phosphene.query import Query, Term, as_query
from phosphene.query.terms import file_or_id
from phosphene.store import Store
from phosphene.vectors import Vector, unit

# The shares of a style, where the prompt has 1. Chosen by looking at pictures, see docs/decisions.md.
SEARCH_SHARE = 2.5  # in the vector that finds neighbours: with 1.5 some of them have other styles
PROMPT_SHARE = 0.25  # in the vector that leads the generator: with 0.75 houses and boats go missing
LIKE = 6  # images that stand for the style of a query
SAMPLE = 5_000  # imported images of which the mean of the collection is computed


@dataclass(frozen=True, slots=True)
class Style:
    """A style that a user named, the images of the library that stand for it, and its mean vector (d,)."""

    prompt: str  # without folders
    ids: tuple[str, ...]
    vector: Vector
    file: Path | None = None  # that stands for it instead of images of the library

    @property
    def named(self) -> dict[str, Any]:
        """How a recipe names it."""
        return {"prompt": self.prompt, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True)
class Styles:
    """Finds styles in a library and adds them to the vectors of prompts."""

    store: Store
    vector: Callable[[str | Query], Vector]  # of a query, (d,)

    def find(self, named: Path | str) -> Style:
        """The style of a file, of an image, or of the images nearest to a query. A file wins over words.

        Raises QueryError for an id that does not exist and for a query without meaning.
        """
        query = _query_of(named)
        if len(query.terms) == 1 and query.terms[0].kind != "text":
            [term] = query.terms
            ids, file = ((term.value,), None) if term.kind == "id" else ((), term.path)
            return Style(query.without_folders, ids, self.vector(query), file)
        images = [hit.image for hit in self.store.near(self.vector(query), LIKE, IMPORTED, vectors=True)]
        if not images:
            raise GenerationError(
                f"The library has no imported images that could show the style `{query}`.",
                hint="add pictures in this style, or name a file",
            )
        mean = np.stack([image.vector for image in images]).mean(axis=0)
        return Style(query.without_folders, tuple(image.id for image in images), mean)

    def direction(self, styles: Sequence[Style]) -> Vector:
        """What the pictures of the styles have and the collection lacks, (d,)."""
        collection = [image.vector for image in islice(self.store.iterate(IMPORTED, vectors=True), SAMPLE)]
        common = np.mean(collection, axis=0) if collection else 0.0
        direction: Vector = np.mean([style.vector for style in styles], axis=0) - common
        return direction

    def applied(self, target: Vector, styles: Sequence[Style]) -> tuple[Vector, Vector]:
        """The unit vectors (d,) of a prompt in these styles: to lead the generator, and to find neighbours.

        Without styles both are the target itself.
        """
        if not styles:
            return target, target
        direction = self.direction(styles)
        return unit(target + PROMPT_SHARE * direction), unit(target + SEARCH_SHARE * direction)


def _query_of(named: Path | str) -> Query:
    """The query of a style. A name that is an existing file or like an id is not taken for words."""
    if isinstance(named, Path):
        return Query((Term("picture", str(named.absolute())),))
    query = as_query(named)
    if len(query.terms) == 1 and query.terms[0].kind == "text":
        try:
            found = file_or_id(named)
        except QueryError:
            return query
        return _query_of(found) if isinstance(found, Path) else Query((Term("id", found),))
    return query
