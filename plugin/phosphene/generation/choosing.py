"""The best of several candidates is kept, as DALL-E had its pictures chosen by CLIP (Ramesh et al. 2021).

This works for every generator. One that guesses the vectors of its pictures itself is believed, so
that only the pictures that are kept have to be finished; those of another one are embedded here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.generation import Generated, Generator, OnStep, Request
from phosphene.generation.planning import Plan
from phosphene.vectors import Vector, steer_away


@dataclass(frozen=True, slots=True)
class Chosen:
    """The candidate that is kept of a plan, and its number."""

    picture: Picture
    generated: Generated
    candidate: int


def choose(
    plans: Sequence[Plan], generator: Generator, embedder: Embedder, on_step: OnStep | None = None
) -> Iterator[tuple[Plan, Chosen]]:
    """The best candidate of each plan, in order. When `on_step` stops the generator, the rest is missing."""
    requests = [one for plan in plans for one in candidates(plan)]
    results = iter(generator.generate(requests, on_step=on_step))
    for plan in plans:
        tries = list(islice(results, plan.candidates))
        if len(tries) < plan.candidates:
            return
        yield plan, _best(plan, tries, embedder)


def candidates(plan: Plan) -> list[Request]:
    """The request of a plan with as many noises of its seed as there are candidates."""
    numbers = range(plan.candidate, plan.candidate + plan.candidates)
    return [
        replace(plan.request, seed=noise_seed(plan.request.seed, number), candidate=number)
        for number in numbers
    ]


def noise_seed(seed: int, candidate: int) -> int:
    """The seed of a candidate's noise: the user's seed, and for further ones numbers that follow from it."""
    if not candidate:
        return seed
    digest = hashlib.sha256(f"{seed}/{candidate}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def wanted(plan: Plan) -> Vector | None:
    """What a picture should be near to, (d,): the prompt or else the neighbours, minus the negatives."""
    request = plan.request
    if request.vector is not None:
        asked = request.vector
    elif request.references:
        weights = np.asarray([near.weight for near in request.references], dtype=np.float32)
        asked = weights @ np.stack([near.vector for near in request.references])
    else:
        return None
    length = float(np.linalg.norm(asked))
    if not request.negative_vectors or not length:
        return asked
    return steer_away(asked / length, list(request.negative_vectors))


def _best(plan: Plan, tries: Sequence[Generated], embedder: Embedder) -> Chosen:
    target = wanted(plan)
    if len(tries) == 1 or target is None:
        return Chosen(tries[0].picture(), tries[0], plan.candidate)
    pictures: list[Picture] = []
    vectors = [one.vector for one in tries if one.vector is not None]
    if len(vectors) < len(tries):
        pictures = [one.picture() for one in tries]
        vectors = list(embedder.pictures([embedder.prepare(picture) for picture in pictures]).vectors)
    best = int(np.argmax(np.stack(vectors) @ target))
    picture = pictures[best] if pictures else tries[best].picture()
    return Chosen(picture, tries[best], plan.candidate + best)
