"""What a user wishes of a search, and what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from phosphene.explore.timeline import TimeField
    from phosphene.library import Library
    from phosphene.query import Query
    from phosphene.records import Hit, Image, Origin
    from phosphene.relevance.judging import Cutoff

    Found: TypeAlias = Sequence[Hit | Image]

TIMES: "dict[str | None, TimeField]" = {"taken": "taken", "added": "created", None: "created"}


@dataclass(frozen=True, slots=True)
class SearchWishes:
    """The options of `phosphene search` that say what is found and what becomes of it."""

    count: int
    offset: int
    origin: "Origin | None"
    where: str | None
    more_like: str | None  # the id of a picture
    sort: str | None
    diversity: float
    cut: "Cutoff | None"
    fold: bool
    hybrid: float | None
    html: bool  # whether a page is printed
    shown: bool  # whether the first hit is opened in the system's viewer
    copy_to: Path | None
    save: str | None

    @property
    def for_one_query(self) -> str:
        """An option that is wished for, and that only one query can have."""
        given = {
            "--as html": self.html,
            "--open": self.shown,
            "--copy-to": self.copy_to,
            "--save": self.save,
        }
        return next((name for name, value in given.items() if value), "")

    def words(self, library: "Library", words: Sequence[str]) -> Sequence[str]:
        """The words of the query, with the picture that the hits should be like, but should not be."""
        if self.more_like is None:
            return words
        id = library.get(self.more_like.removeprefix("id:")).id
        return [*words, "+", f"id:{id}", f"-id:{id}"]

    def find(self, library: "Library", query: "Query") -> "Found":
        """The hits of a query, or the newest images for which its filters hold if it has no terms."""
        from phosphene.explore.timeline import newness

        if not query.terms:
            return self._listed(library, query)
        hits = library.search(
            query,
            self.count,
            origin=self.origin,
            where=self.where,
            diversity=self.diversity,
            offset=self.offset,
            cut=self.cut,
            fold=self.fold,
            hybrid=self.hybrid,
        )
        if self.sort in (None, "score"):
            return hits
        key = newness(TIMES[self.sort])
        return sorted(hits, key=lambda hit: key(hit.image), reverse=True)

    def _listed(self, library: "Library", query: "Query") -> "Sequence[Image]":
        from phosphene.filters import all_of, of_origin
        from phosphene.query import as_filter

        if self.sort == "score":
            raise click.UsageError("--sort score compares pictures with words. Add words to the query.")
        if self.fold or self.hybrid is not None:
            option = "--fold" if self.fold else "--hybrid"
            raise click.UsageError(f"{option} is for the hits of a search. Add words to the query.")
        where = all_of(of_origin(self.origin), as_filter(self.where), query.where.filter)
        return library.newest(where, self.count, sort=TIMES[self.sort], offset=self.offset)
