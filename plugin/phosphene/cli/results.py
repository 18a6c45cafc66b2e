"""Results of several commands: their columns for people, their records for `--json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from phosphene.cli.output import Column, nearby

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.records import Hit

FILE = Column("uri", "file", nearby, path=True)
HITS = (
    Column("rank", "rank"),
    Column("score", "score", "{:.3f}".format),
    Column("origin", "origin"),
    Column("caption", "caption"),
    FILE,
)


def hit_records(library: "Library", hits: "Sequence[Hit]") -> list[dict[str, Any]]:
    """Hits as the JSON says them."""
    return [
        {
            "rank": rank,
            "id": hit.image.id,
            "score": round(float(hit.score), 6),
            "origin": hit.image.origin,
            "uri": library.where(hit.image),
            "caption": hit.image.caption,
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def labels(hits: "Sequence[Hit]") -> list[str]:
    """What stands below hits in the terminal: rank, score, and a star for what was generated."""
    star = {"generated": " *", "imported": ""}
    return [f"{rank}  {hit.score:.3f}{star[hit.image.origin]}" for rank, hit in enumerate(hits, start=1)]
