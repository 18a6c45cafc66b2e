"""From a prompt to plans: the neighbours are found and everything that a recipe names is collected.

The store is read once: `near` gives the neighbours with their vectors, and so also the sha256 of the
parents. Thumbnails and files are read when a generator opens them.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from phosphene.errors import GenerationError, QueryError, StartWarning
from phosphene.filters import IMPORTED, Filter
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.checks import completed
from phosphene.generation.fitting import remarks
from phosphene.generation.init_images import InitImage, InitImages
from phosphene.generation.reference_pictures import ReferencePictures
from phosphene.generation.requests import Reference, Request
from phosphene.images import open_mask
from phosphene.query import Query, parse
from phosphene.recipes.bounds import MOST_CANDIDATES
from phosphene.recipes.lineage import rounded
from phosphene.records import Image, Space
from phosphene.store import Store
from phosphene.vectors import Vector, steer_away

SAME_MEANING = 0.99  # cosine of two texts that say one thing: `a house` and `a home` have 0.999
NEIGHBOURS = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture to make: the request, and what its recipe says besides."""

    prompt: str  # the whole query, as the user wrote it
    request: Request
    parents: Mapping[str, str]  # id → sha256
    negative: tuple[str, ...] = ()
    init: InitImage | None = None
    mask: InitImage | None = None
    candidates: int = 1  # how many are made; the best one is kept
    candidate: int = 0  # the number of the first one

    def with_seed(self, seed: int) -> "Plan":
        """The same with another noise."""
        return replace(self, request=replace(self.request, seed=seed))


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans pictures for one library and one generator."""

    store: Store
    space: Space
    init_images: InitImages
    vector: Callable[[str | Query], Vector]  # of a query, (d,)
    load: Callable[[], Capabilities]  # of the generator

    @property
    def capabilities(self) -> Capabilities:
        """What the generator can do; it loads when this is first asked for."""
        return self.load()

    def plan(
        self,
        query: Query,
        request: Request,
        *,
        where: Filter,
        neighbours: int | None = None,
        negative: Sequence[str] = (),
        init: Path | str | None = None,
        mask: Path | str | None = None,
        candidates: int | None = None,
    ) -> Plan:
        """A plan for a query. `request` holds the numbers and options that the user gave.

        Raises ImageError and QueryError for an init image or a mask that is not there, QueryError for
        a negative that means the same as the prompt, and GenerationError for what the generator
        cannot do.
        """
        begin = None if init is None else self.init_images.open(init)  # before any model loads
        masked = None if mask is None else self.init_images.open(mask, open_mask)
        target = rounded(self.vector(query))
        request = replace(
            request,
            prompt=words_of(query),
            negative_prompt=", ".join([*_texts(query, negative=True), *negative]),
            negative_vectors=self._negatives(negative, target),
            init=begin.picture if begin else None,
            mask=masked.picture if masked else None,
        )
        plan = self.at(target, query.told, request, neighbours=neighbours, where=where, candidates=candidates)
        _warn(plan.request)
        told = tuple(parse(words).told for words in negative)
        return replace(plan, negative=told, init=self._compared(begin, target), mask=masked)

    def at(
        self,
        target: Vector,
        prompt: str,
        request: Request,
        *,
        where: Filter,
        neighbours: int | None = None,
        candidates: int | None = None,
    ) -> Plan:
        """A plan for a place in the space, a unit vector (d,), under the given words."""
        request = completed(replace(request, space=self.space.id, vector=target), self.capabilities)
        images = self.neighbours(target, neighbours, where, request.negative_vectors)
        references = self.references(images, target)
        request = completed(replace(request, references=references), self.capabilities)
        count = self.capabilities.candidates if candidates is None else candidates
        return Plan(prompt, request, {image.id: image.sha256 for image in images}, candidates=checked(count))

    def neighbours(
        self, target: Vector, count: int | None, where: Filter, negative: Sequence[Vector] = ()
    ) -> list[Image[Vector]]:
        """The `count` images nearest to a unit vector (d,), with vectors, nearest first.

        Images like the `negative` unit vectors count as further away: their pictures and vectors
        would bring in what is to be avoided. None: as many as are usual, where the generator takes some.
        """
        if count is None:
            count = min(NEIGHBOURS, self.capabilities.max_references)
        if not count:
            return []
        asked = steer_away(target, list(negative)) if negative else target
        return [hit.image for hit in self.store.near(asked, count, where, vectors=True)]

    def references(
        self, images: Sequence[Image[Vector]], target: Vector, weights: Sequence[float] | None = None
    ) -> tuple[Reference, ...]:
        """The images as a generator takes them; their similarity is the cosine to `target` (d,)."""
        pictures = ReferencePictures(self.store, self.init_images.folder, images)
        return tuple(
            Reference(
                image.id,
                image.vector,
                norm=image.norm or None,
                weight=weight,
                similarity=float(image.vector @ target),
                picture=partial(pictures.open, image.id),
            )
            for image, weight in zip(images, weights or [1.0] * len(images), strict=True)
        )

    def _negatives(self, negative: Sequence[str], target: Vector) -> tuple[Vector, ...]:
        vectors = tuple(rounded(self.vector(words)) for words in negative)
        for words, vector in zip(negative, vectors, strict=True):
            if vector @ target > SAME_MEANING:
                raise QueryError(
                    f"The negative `{words}` means the same as the prompt.",
                    hint="name something else that pictures of the prompt show, and that these should not",
                )
        return vectors

    def _compared(self, init: InitImage | None, target: Vector) -> InitImage | None:
        """The init image with its cosine to the prompt, where it is an image of the library."""
        if init is None or init.id is None:
            return init
        similarity = [float(it.vector @ target) for it in self.store.get([init.id], vectors=True)]
        return replace(init, similarity=similarity[0]) if similarity else init


def walk_plans(
    planner: Planner,
    stops: Sequence[tuple[float, Vector]],
    ends: tuple[Query, Query],
    neighbours: int | None,
    seed: int,
) -> list[Plan]:
    """A plan at every stop of a walk, a share of the way and a unit vector (d,), all with the same noise.

    For a generator that reads words, the words are those of the nearer end.
    """
    way, plans = f"{ends[0].told} → {ends[1].told}", []
    options = {"neighbour_strength": 1.0} if "neighbour_strength" in planner.capabilities.options else {}
    for share, vector in stops:
        request = Request(seed=seed, prompt=words_of(ends[share > 0.5]), options=options)
        where = f"{way} at {share:.2f}"
        target = rounded(vector)
        plans.append(planner.at(target, where, request, where=IMPORTED, neighbours=neighbours))
    return plans


def words_of(query: Query) -> str:
    """The texts of a query that lead towards it, for generators that read words."""
    return ", ".join(_texts(query, negative=False))


def checked(candidates: int) -> int:
    """The number of candidates. Raises GenerationError for one that makes no sense."""
    if not 1 <= candidates <= MOST_CANDIDATES:
        raise GenerationError(
            f"The number of candidates is {candidates}, and must be between 1 and {MOST_CANDIDATES}.",
            hint="leave out `--candidates` to use the generator's default",
        )
    return candidates


def _texts(query: Query, *, negative: bool) -> list[str]:
    return [term.value for term in query.terms if term.kind == "text" and (term.weight < 0) == negative]


def _warn(request: Request) -> None:
    """Warn of an init image that is cropped, and of a mask that keeps everything or nothing."""
    if request.init is not None and request.size is not None:
        for remark in remarks(request.init, request.mask, request.fit, request.size):
            warnings.warn(StartWarning(remark), stacklevel=4)
