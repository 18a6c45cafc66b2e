"""Makes several candidates of each picture and keeps the best one, as DALL-E did (Ramesh et al. 2021).

This works for every generator. Some generators predict the vectors of their pictures in the library's space.
Then the prediction decides, and only the chosen candidate has to be finished. Otherwise all candidates are
finished and embedded.
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
    """The candidate that is kept for a plan, and its number."""

    picture: Picture
    generated: Generated
    candidate: int


def choose(
    plans: Sequence[Plan], generator: Generator, embedder: Embedder, on_step: OnStep | None = None
) -> Iterator[tuple[Plan, Chosen]]:
    """The best candidate of each plan, in order. When `on_step` stops the generator, later plans get none."""
    requests = [request for plan in plans for request in candidate_requests(plan)]
    results = iter(generator.generate(requests, on_step=on_step))
    for plan in plans:
        tries = list(islice(results, plan.candidates))
        if len(tries) < plan.candidates:
            return
        best = _best(plan, tries, embedder, generator.capabilities.space)
        yield plan, replace(best, picture=plan.finished(best.picture))


def candidate_requests(plan: Plan) -> list[Request]:
    """One request per candidate of a plan. They differ in the seed of the noise."""
    numbers = range(plan.candidate, plan.candidate + plan.candidates)
    return [
        replace(plan.request, seed=noise_seed(plan.request.seed, number), candidate=number)
        for number in numbers
    ]


def noise_seed(seed: int, candidate: int) -> int:
    """The seed of a candidate's noise: the first one has the user's seed, the others have hashes of it."""
    if not candidate:
        return seed
    digest = hashlib.sha256(f"{seed}/{candidate}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def target_of(plan: Plan) -> Vector | None:
    """The vector (d,) that a picture should be near to: the prompt or the neighbours, less the negatives.

    None if a plan has no vectors of the library's space.
    """
    request = plan.request
    if request.vector is not None:
        target = request.vector
    elif request.references and request.vectors_space == request.space:
        weights = np.asarray([near.weight for near in request.references], dtype=np.float32)
        target = weights @ np.stack([near.vector for near in request.references])
    else:
        return None
    length = float(np.linalg.norm(target))
    if not request.negative_vectors or not length:
        return target
    return steer_away(target / length, list(request.negative_vectors))


def _best(plan: Plan, tries: Sequence[Generated], embedder: Embedder, space: str | None) -> Chosen:
    """The try nearest to the plan's target. Vectors that the generator predicts are of its own `space`."""
    target = target_of(plan)
    if len(tries) == 1 or target is None:
        return Chosen(tries[0].picture(), tries[0], plan.candidate)
    pictures: list[Picture] = []
    comparable = space == plan.request.space
    vectors = [one.vector for one in tries if one.vector is not None and comparable]
    if len(vectors) < len(tries):
        pictures = [one.picture() for one in tries]
        vectors = list(embedder.pictures([embedder.prepare(picture) for picture in pictures]).vectors)
    best = int(np.argmax(np.stack(vectors) @ target))
    picture = pictures[best] if pictures else tries[best].picture()
    return Chosen(picture, tries[best], plan.candidate + best)
