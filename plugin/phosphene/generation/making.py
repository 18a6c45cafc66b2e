"""From a plan to images: requests, pictures, vectors, recipe. Storing them is the library's part."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.generation import Generated, Generator, Request, Step
from phosphene.images import png, thumbnail
from phosphene.recipes.lineage import FORMAT, WITH_INIT, encode, generated_id, parents_of, texts
from phosphene.records import Image
from phosphene.vectors import Vector

OnStep = Callable[[Step], bool | None]
COMMIT_SECONDS = 5.0  # at most this much finished work waits to be stored


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that a generation starts from, or its mask."""

    sha256: str  # of the file's bytes
    picture: Picture
    path: Path  # of the file, which no recipe tells
    id: str | None = None  # where it is an image of the library
    similarity: float = 1.0  # its cosine to the query, where it is an image of the library


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture to make: the request, and the words that its recipe will keep."""

    prompt: str
    request: Request
    parents: Mapping[str, str]  # id → sha256
    negative: tuple[str, ...] = ()
    init: Source | None = None
    mask: Source | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A picture that was made, with all that is needed to store it. `score`: cosine to its prompt."""

    image: Image
    picture: Picture
    file: bytes  # the PNG, with its recipe inside
    score: float


def make(
    plans: Sequence[Plan], generator: Generator, embedder: Embedder, on_step: OnStep | None = None
) -> Iterator[list[Draft]]:
    """Make the planned pictures, in order, in groups that are worth one commit each.

    What is finished when the generator fails or is interrupted still comes, as the last group.
    """
    results = generator.generate([plan.request for plan in plans], on_step=on_step)
    waiting: list[tuple[Plan, Generated]] = []
    since = time.monotonic()
    try:
        for plan, result in zip(plans, results, strict=False):  # fewer where it was stopped
            waiting.append((plan, result))
            if time.monotonic() - since > COMMIT_SECONDS:
                yield _drafts(waiting, embedder)
                waiting, since = [], time.monotonic()
    except (Exception, KeyboardInterrupt):  # raised again below; what is finished is not lost
        if waiting:
            yield _drafts(waiting, embedder)
        raise
    if waiting:
        yield _drafts(waiting, embedder)


def recipe_of(plan: Plan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that is needed to make the picture again, as JSON; see `lineage.identity`."""
    request = plan.request
    return {
        "format": WITH_INIT if plan.init else FORMAT,
        "prompt": plan.prompt,
        "space": request.space,
        "vector": None if request.text is None else encode(request.text),
        "parents": _parents(plan),
        "negative": [
            {"prompt": prompt, "vector": encode(vector)}
            for prompt, vector in zip(plan.negative, request.negative, strict=True)
        ],
        "init": _named(plan.init),
        "mask": _named(plan.mask),
        **settings,
    }


def _parents(plan: Plan) -> list[dict[str, Any]]:
    """The neighbours and, where it is an image of the library, what it started from."""
    entries: list[dict[str, Any]] = [
        {
            "id": reference.id,
            "sha256": plan.parents[reference.id],
            "weight": round(reference.weight, 6),
            "similarity": round(reference.similarity, 6),
        }
        for reference in plan.request.references
    ]
    if plan.init and plan.init.id:
        similarity = round(plan.init.similarity, 6)
        start = {"id": plan.init.id, "sha256": plan.init.sha256, "weight": 1.0, "similarity": similarity}
        entries.append({**start, "role": "init"})
    return entries


def _named(source: Source | None) -> dict[str, str] | None:
    """How a recipe names a picture: never by its place, which is its maker's own business."""
    if source is None:
        return None
    return {"sha256": source.sha256, **({"id": source.id} if source.id else {})}


def _drafts(finished: Sequence[tuple[Plan, Generated]], embedder: Embedder) -> list[Draft]:
    plans, results = zip(*finished, strict=True)
    embedded = embedder.pictures([embedder.prepare(result.picture) for result in results])
    with ThreadPoolExecutor(cores()) as threads:  # PNGs are most of it
        return list(threads.map(_draft, plans, results, embedded.vectors, embedded.norms.tolist()))


def _draft(plan: Plan, result: Generated, vector: Vector, norm: float) -> Draft:
    recipe = recipe_of(plan, result.settings)
    file = png(result.picture, texts(recipe))
    image_id = generated_id(recipe)
    image = Image(
        id=image_id,
        sha256=hashlib.sha256(file).hexdigest(),
        uri=f"pictures/{image_id}.png",
        caption=plan.prompt,
        captions=(plan.prompt,),
        origin="generated",
        width=result.picture.width,
        height=result.picture.height,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        norm=norm,
        recipe=recipe,
        parents=parents_of(recipe),
        vector=vector,
        thumbnail=thumbnail(result.picture),
    )
    target = plan.request.text
    return Draft(
        image, result.picture, file, float("nan") if target is None else float(np.dot(vector, target))
    )
