"""From a plan to images: requests, pictures, vectors, recipe. Storing them is the library's part.

Of each picture several candidates are made, and the one is kept whose vector lies nearest to what was
asked for, as DALL-E had its pictures chosen by CLIP (Ramesh et al. 2021). The space that
searches is the space that chooses, so that what is kept is what a search will find.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.generation import Generated, Generator, Request, Step
from phosphene.images import png, thumbnail
from phosphene.lineage import FORMAT, encode, generated_id, parents_of, texts
from phosphene.records import Image
from phosphene.vectors import Vector, Vectors

OnStep = Callable[[Step], bool | None]
COMMIT_SECONDS = 2.0  # at most this much finished work waits to be stored


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that a generation starts from, or its mask, and how to find it again."""

    uri: str
    sha256: str  # of the file's bytes
    picture: Picture


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture to make: the request, and the words that its recipe will keep."""

    prompt: str
    request: Request
    parents: Mapping[str, str]  # id → sha256
    candidates: int | None = None  # None: as many as the generator advises
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
    tries = [candidates(plan, generator) for plan in plans]
    results = generator.generate([request for requests in tries for request in requests], on_step=on_step)
    waiting: list[tuple[Plan, list[Generated]]] = []
    since = time.monotonic()
    try:
        for plan, requests in zip(plans, tries, strict=True):
            finished = list(islice(results, len(requests)))
            if len(finished) < len(requests):  # it was stopped
                break
            waiting.append((plan, finished))
            if time.monotonic() - since > COMMIT_SECONDS:
                yield _drafts(waiting, embedder)
                waiting, since = [], time.monotonic()
    except (Exception, KeyboardInterrupt):  # raised again below; what is finished is not lost
        if waiting:
            yield _drafts(waiting, embedder)
        raise
    if waiting:
        yield _drafts(waiting, embedder)


def candidates(plan: Plan, generator: Generator) -> list[Request]:
    """The requests of a plan: its own, and the same with further noises of its seed."""
    first = plan.request.candidate
    count = plan.candidates or generator.abilities.candidates
    return [replace(plan.request, candidate=first + number) for number in range(count)]


def recipe_of(plan: Plan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that is needed to make the picture again, as JSON; see `lineage.identity`."""
    request = plan.request
    return {
        "format": FORMAT,
        "prompt": plan.prompt,
        "space": request.space,
        "vector": None if request.text is None else encode(request.text),
        "parents": [
            {
                "id": reference.id,
                "sha256": plan.parents[reference.id],
                "weight": round(reference.weight, 6),
                "similarity": round(reference.similarity, 6),
            }
            for reference in request.references
        ],
        "negative": [
            {"prompt": prompt, "vector": encode(vector)}
            for prompt, vector in zip(plan.negative, request.negative, strict=True)
        ],
        "init": _named(plan.init),
        "mask": _named(plan.mask),
        **settings,
    }


def _named(source: Source | None) -> dict[str, str] | None:
    return None if source is None else {"uri": source.uri, "sha256": source.sha256}


def _drafts(finished: Sequence[tuple[Plan, Sequence[Generated]]], embedder: Embedder) -> list[Draft]:
    """Of each plan's candidates the best one."""
    prepared = [embedder.prepare(result.picture) for _, results in finished for result in results]
    embedded = embedder.pictures(prepared)
    drafts, first = [], 0
    for plan, results in finished:
        vectors = embedded.vectors[first : first + len(results)]
        best = int(np.argmax(nearness(plan.request, vectors)))
        drafts.append(_draft(plan, results[best], vectors[best], float(embedded.norms[first + best])))
        first += len(results)
    return drafts


def nearness(request: Request, vectors: Vectors) -> Vector:
    """How near candidates (n, d) lie to what was asked for: the text, or without one the neighbours; (n,)."""
    if request.text is not None:
        return vectors @ request.text
    weighted = [reference.weight * (vectors @ reference.vector) for reference in request.references]
    return np.sum(weighted, axis=0) if weighted else np.zeros(len(vectors), dtype=np.float32)


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
