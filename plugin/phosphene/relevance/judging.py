"""Judges hits: how likely each one is relevant, and where relevance ends.

The model is not loaded for that alone, unless a cut is asked for. So a repeated search stays as quick as it
was, and its hits have no relevance if the random phrases or the spelling of the text are not kept yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Literal

import numpy as np

from phosphene.embedding import Embedder
from phosphene.embedding.embedder import Spells
from phosphene.errors import QueryError
from phosphene.filters import EVERYTHING, Filter
from phosphene.journal import Journal
from phosphene.query import Query
from phosphene.records import Hit
from phosphene.relevance import background
from phosphene.relevance.scale import COMPANIONS, CUT, SAME, Numbers, on_scale, relevance, support
from phosphene.store import Store
from phosphene.vectors import Vector, Vectors, unit

Cutoff = Literal["auto"] | float
FEW = 32  # pictures; with fewer, one cannot say what is usual between two of them
NEAR_ZERO = 1e-3  # the length of a sum of unit vectors that cancel each other


class Judge:
    """Searches a library, and judges what it finds.

    `load` loads the model, and `loaded` says whether that was done already.
    """

    def __init__(
        self, store: Store, journal: Journal, load: Callable[[], Embedder], loaded: Callable[[], bool]
    ) -> None:
        self._store, self._journal, self._load, self._loaded = store, journal, load, loaded

    def search(
        self,
        query: Query,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        cut: Cutoff | None = None,
    ) -> list[Hit]:
        """The `count` images nearest to a query and its vector, with their relevance if it is known.

        With a `cut`, those of less relevance are left out. Raises QueryError for a cut outside [0, 1].
        """
        least = least_relevance(cut)
        usual = self._usual(query, must=cut is not None)
        if usual is None:
            return self._store.near(vector, count, where, diversity=diversity)
        wanted = count if diversity else max(count, COMPANIONS)
        hits = self._store.near(vector, wanted, where, diversity=diversity, vectors=True)
        best = self._store.near(vector, COMPANIONS, where, vectors=True) if diversity else hits
        judged = usual.judged(hits[:count], best, self._store.count(where))
        return [hit for hit in judged if hit.relevance is None or hit.relevance >= least]

    def _usual(self, query: Query, *, must: bool) -> "Usual | None":
        """What is usual for queries of this form. None if the model would have to be loaded for it."""
        may_load = must or self._loaded()
        space = self._store.space
        phrases = background.made(space, self._load) if may_load else background.kept(space)
        spelled = self._spelled(query.words, may_load=may_load)
        if phrases is None or spelled is None:
            return None
        of_words = all(term.kind == "text" for term in query.terms)
        pictures = None if of_words else self._pictures
        return Usual(random_queries(query, phrases, pictures), spelled)

    @cached_property
    def _pictures(self) -> Vectors:
        """The vectors of some pictures of the library."""
        some = islice(self._store.iterate(vectors=True), background.PHRASES)
        vectors = [image.vector for image in some]
        return np.array(vectors, np.float32).reshape(len(vectors), self._store.space.dimension)

    def _spelled(self, text: str, *, may_load: bool) -> float | None:
        """The share of a text that is spelled, which the journal keeps. None if it is not known."""
        space = self._store.space.id
        if not text:
            return 0.0
        kept = self._journal.spellings.get(text, space)
        if kept is not None and len(kept) == 2:
            return float(kept[0])
        if not may_load:
            return None
        embedder = self._load()
        share = embedder.spelled(text) if isinstance(embedder, Spells) else 0.0
        self._journal.spellings.keep(text, space, np.array([share, 1 - share], np.float32))
        return share


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual: the vectors (m, d) of random queries of a form, and the spelled share of the text."""

    random: Vectors | None  # None if there are too few pictures
    spelled: float

    def judged(self, hits: Sequence[Hit[Any]], best: Sequence[Hit[Any]], images: int) -> list[Hit[Any]]:
        """Hits with their relevance. `best` are the best of all in a library of so many `images`."""
        if self.random is None or not hits:
            return [replace(hit, relevance=1.0) if hit.score > SAME else hit for hit in hits]
        fits, of_best = (_fits(some, self.random) for some in (hits, best))
        found = relevance(np.minimum(fits, support(of_best, images)), self.spelled)
        found[[hit.score > SAME for hit in hits]] = 1.0
        return [replace(hit, relevance=share) for hit, share in zip(hits, found.tolist(), strict=True)]


def _fits(hits: Sequence[Hit[Vector]], random: Vectors) -> Numbers:
    scores, vectors = [hit.score for hit in hits], [hit.image.vector for hit in hits]
    return on_scale(np.array(scores), np.stack(vectors), random)


def random_queries(query: Query, phrases: Vectors, pictures: Vectors | None) -> Vectors | None:
    """The vectors (m, d) of random queries that have the form of this one: as many terms of the same weights.

    A text is replaced by random phrases, and a picture by pictures of the library. None if there are too few.
    """
    total = np.zeros_like(phrases)
    for place, term in enumerate(query.terms):
        source = phrases if term.kind == "text" else pictures
        if source is None or len(source) < FEW:
            return None
        total += term.weight * source[(np.arange(len(phrases)) + place) % len(source)]
    with_direction = total[np.linalg.norm(total, axis=1) > NEAR_ZERO]
    return unit(with_direction) if len(with_direction) >= FEW else None


def least_relevance(cut: Cutoff | None) -> float:
    """The relevance below which hits are left out. Raises QueryError unless the cut is one."""
    if cut is None or cut == "auto":
        return CUT if cut else 0.0
    if not 0 <= float(cut) <= 1:
        raise QueryError(
            f"The cut is {cut:g}, and must be between 0 and 1.", hint="use `auto`, or a relevance such as 0.8"
        )
    return float(cut)
