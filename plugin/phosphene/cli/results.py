"""Results that several commands print, with columns for people and records for `--json`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phosphene.cli.output import Column, nearby
from phosphene.fields import known

if TYPE_CHECKING:
    from phosphene.generation.making import GeneratedImage
    from phosphene.generation.novelty import Nearest, Novelty
    from phosphene.library import Library
    from phosphene.records import Hit, Image


def _nearness(novelty: Mapping[str, Any]) -> str:
    share = "" if novelty["percentile"] is None else f" ({novelty['percentile']:.0f} %)"
    return f"{novelty['similarity']:.3f}{share}"


def _likely(relevance: float | None) -> str:
    return "" if relevance is None else f"{relevance:.0%}"


def more_like_it(copies: Sequence[str]) -> str:
    """How many copies were folded into a hit, such as `+3 like it`."""
    return f"+{len(copies)} like it" if copies else ""


FILE = Column("uri", "file", nearby, path=True)
HITS = (
    Column("rank", "rank"),
    Column("score", "score", "{:.3f}".format),
    Column("relevance", "relevant", _likely),
    Column("origin", "origin"),
    Column("caption", "caption"),
    FILE,
)
FOLDED_HITS = (*HITS[:-1], Column("copies", "copies", more_like_it), FILE)
GENERATED = (
    Column("seed", "seed"),
    Column("score", "score", "{:.3f}".format),
    Column("novelty", "nearest", _nearness),
    FILE,
)


def image_of(found: "Hit | Image") -> "Image":
    """The image of what a search found: a hit, or an image that was only listed."""
    from phosphene.records import Image

    return found if isinstance(found, Image) else found.image


def hit_records(library: "Library", found: "Sequence[Hit | Image]") -> list[dict[str, Any]]:
    """The records of hits or of listed images, with the best or newest one first."""
    return [
        {
            "rank": rank,
            "id": image.id,
            **_compared(each),
            "origin": image.origin,
            "uri": library.where(image),
            "caption": image.caption,
            "missing": library.is_gone(image),
            "fields": known(image.fields),
        }
        for rank, each in enumerate(found, start=1)
        for image in [image_of(each)]
    ]


def _compared(found: "Hit | Image") -> dict[str, Any]:
    """The score of a hit, its relevance if that is known, and its copies. A listed image has none."""
    from phosphene.records import Image

    if isinstance(found, Image):
        return {"score": None, "relevance": None, "copies": []}
    relevance = None if found.relevance is None else round(found.relevance, 4)
    return {"score": round(float(found.score), 6), "relevance": relevance, "copies": list(found.copies)}


def labels(found: "Sequence[Hit | Image]") -> list[str]:
    """Labels of pictures in the terminal: rank, score, and a star if the image was generated."""
    return [_label(rank, each) for rank, each in enumerate(found, start=1)]


def _label(rank: int, found: "Hit | Image") -> str:
    score = _compared(found)["score"]
    shown = "" if score is None else f"  {score:.3f}"
    return f"{rank}{shown}{' *' if image_of(found).origin == 'generated' else ''}"


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
