"""Results that several commands print, with columns for people and records for `--json`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phosphene.cli.output import Column, nearby

if TYPE_CHECKING:
    from phosphene.generation.making import GeneratedImage
    from phosphene.generation.novelty import Nearest, Novelty
    from phosphene.library import Library
    from phosphene.records import Hit


def _nearness(novelty: Mapping[str, Any]) -> str:
    share = "" if novelty["percentile"] is None else f" ({novelty['percentile']:.0f} %)"
    return f"{novelty['similarity']:.3f}{share}"


def _likely(relevance: float | None) -> str:
    return "" if relevance is None else f"{relevance:.0%}"


FILE = Column("uri", "file", nearby, path=True)
HITS = (
    Column("rank", "rank"),
    Column("score", "score", "{:.3f}".format),
    Column("relevance", "relevant", _likely),
    Column("origin", "origin"),
    Column("caption", "caption"),
    FILE,
)
GENERATED = (
    Column("seed", "seed"),
    Column("score", "score", "{:.3f}".format),
    Column("novelty", "nearest", _nearness),
    FILE,
)


def hit_records(library: "Library", hits: "Sequence[Hit]") -> list[dict[str, Any]]:
    """The records of hits, with the best one first."""
    return [
        {
            "rank": rank,
            "id": hit.image.id,
            "score": round(float(hit.score), 6),
            "relevance": None if hit.relevance is None else round(hit.relevance, 4),
            "origin": hit.image.origin,
            "uri": library.where(hit.image),
            "caption": hit.image.caption,
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def labels(hits: "Sequence[Hit]") -> list[str]:
    """Labels of hits in the terminal, with rank, score, and a star if the image was generated."""
    star = {"generated": " *", "imported": ""}
    return [f"{rank}  {hit.score:.3f}{star[hit.image.origin]}" for rank, hit in enumerate(hits, start=1)]


def generated_record(library: "Library", made: "GeneratedImage") -> dict[str, Any]:
    """The record of a generated image with its parents and its novelty."""
    image = made.image
    return {
        "id": image.id,
        "uri": library.where(image),
        "prompt": image.caption,
        "seed": made.seed,
        "lane": made.lane,
        "score": round(made.score, 6),
        "parents": [
            {
                "id": parent.id,
                "role": parent.role,
                "similarity": round(parent.similarity, 6),
                "weight": parent.weight,
            }
            for parent in image.parents
        ],
        "novelty": None if made.novelty is None else _novelty(made.novelty),
    }


def _novelty(novelty: "Novelty") -> dict[str, Any]:
    others = novelty.without_parents
    return {
        **_nearest(novelty),
        "exact": novelty.exact,
        "without_parents": None if others is None else _nearest(others),
    }


def _nearest(found: "Nearest | Novelty") -> dict[str, Any]:
    percentile = None if found.percentile is None else round(found.percentile, 2)
    return {"nearest": found.nearest, "similarity": round(found.similarity, 6), "percentile": percentile}
