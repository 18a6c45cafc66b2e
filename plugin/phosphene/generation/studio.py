"""Making pictures for one library: neighbours in, pictures out, and back into the store."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.errors import GenerationError
from phosphene.files import write_whole
from phosphene.generation import Generator, Reference, Request
from phosphene.generation.making import Draft, OnStep, Plan, Source, make
from phosphene.images import image_id, no_picture, open_mask, open_picture
from phosphene.interrupt import uninterrupted
from phosphene.lineage import decode
from phosphene.novelty import Baseline, Novelty, measure
from phosphene.records import Filter, Image
from phosphene.sources import to_path
from phosphene.store import Store
from phosphene.transfer import Place
from phosphene.vectors import Vector

TRAINING = Filter(origin="training")


@dataclass(frozen=True, slots=True)
class Made:
    """A generated picture: `score` is its cosine to its own prompt.

    `novelty` is None in a library without training images.
    """

    image: Image
    picture: Picture
    score: float
    novelty: Novelty | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A picture made again from its recipe, and how near it came to the first one."""

    image: Image
    picture: Picture
    original: Picture | None  # None where its file is gone
    cosine: float | None
    largest_difference: int | None  # grey levels, 0 to 255, over all pixels and channels
    same_weights: bool

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest_difference == 0


@dataclass(frozen=True, slots=True)
class Studio:
    """What it takes to make pictures for a library. They are kept there, or `into` another one."""

    folder: Path
    store: Store
    embedder: Embedder
    generator: Generator
    into: Place | None = None

    def neighbours(self, target: Vector, count: int, where: Filter) -> tuple[Reference, ...]:
        """The `count` images nearest to a unit vector (d,), all of weight one, nearest first."""
        hits = self.store.near(target, count, where) if count else []
        vectors = {
            image.id: image.vector for image in self.store.get([h.image.id for h in hits], vectors=True)
        }
        return tuple(Reference(hit.image.id, _there(vectors[hit.image.id]), 1.0, hit.score) for hit in hits)

    def plan(self, prompt: str, request: Request, **words: Any) -> Plan:
        """A plan for one request; `words` are the parts of a Plan that say where things came from."""
        parents = self.store.get([reference.id for reference in request.references])
        return Plan(prompt, self._pictured(request), {image.id: image.sha256 for image in parents}, **words)

    def make(self, plans: Sequence[Plan], on_step: OnStep | None = None, *, keep: bool = True) -> list[Made]:
        """Make pictures and, with `keep`, store each group as soon as it is finished."""
        if keep:
            self._shelf.store.upsert([])  # one that is only read says so before anything is made
        baseline = Baseline.of(self.store, self.folder / "novelty.npz")
        made: list[Made] = []
        with ThreadPoolExecutor(cores()) as threads:  # a search waits more than it computes
            for drafts in make(plans, self.generator, self.embedder, on_step):
                if keep:
                    with uninterrupted():
                        self._keep(drafts)
                made += threads.map(partial(self._made, baseline), drafts)
        return made

    def replay(
        self, recipe: Mapping[str, Any], original: Picture | None, on_step: OnStep | None = None
    ) -> Replayed:
        """Make a picture again from its recipe. Raises GenerationError where a part of it is gone."""
        [made] = self.make([self._plan_of(recipe)], on_step, keep=False)
        return Replayed(
            made.image,
            made.picture,
            original,
            None if original is None else self._cosine(made.picture, original),
            None if original is None else _largest_difference(made.picture, original),
            recipe["weights"] == self.generator.abilities.weights,
        )

    def source(self, path: Path, opened: Callable[[Path], Picture] = open_picture) -> Source:
        """A file as the start of a generation; `opened` with `open_mask` as its mask."""
        return Source(str(path.absolute()), hashlib.sha256(path.read_bytes()).hexdigest(), opened(path))

    def _keep(self, drafts: Sequence[Draft]) -> None:
        """Store what is new: the file first, so that every stored image has one."""
        store, folder = self._shelf.store, self._shelf.folder
        known = {image.id for image in store.get([draft.image.id for draft in drafts])}
        for draft in drafts:
            if draft.image.id not in known or not (folder / draft.image.uri).exists():
                write_whole(folder / draft.image.uri, draft.file)
        store.upsert([draft.image for draft in drafts if draft.image.id not in known])

    @property
    def _shelf(self) -> Place:
        """Where what is finished goes."""
        return self.into or Place(self.store, self.folder)

    def _made(self, baseline: Baseline, draft: Draft) -> Made:
        parents = [parent.id for parent in draft.image.parents]
        novelty = measure(self.store, baseline, _there(draft.image.vector), parents)
        return Made(draft.image, draft.picture, draft.score, novelty)

    def _plan_of(self, recipe: Mapping[str, Any]) -> Plan:
        init = self._source_of(recipe["init"], "init")
        as_painted = recipe.get("transparent") == "kept"
        mask = self._source_of(recipe["mask"], "mask", open_mask if as_painted else open_picture)
        request = Request(
            space=recipe["space"],
            seed=recipe["seed"],
            candidate=recipe.get("candidate", 0),
            candidates=1,
            text=None if recipe["vector"] is None else decode(recipe["vector"]),
            references=self._references_of(recipe),
            negative=tuple(decode(negative["vector"]) for negative in recipe["negative"]),
            init=init.picture if init else None,
            mask=mask.picture if mask else None,
            fit=recipe.get("fit", "stretch"),  # those of old were stretched
            strength=recipe.get("strength", 1.0),
            size=(recipe["size"][0], recipe["size"][1]),
            steps=recipe["steps"],
            text_guidance=recipe["text_guidance"],
            neighbour_guidance=recipe["neighbour_guidance"],
            neighbour_strength=recipe.get("neighbour_strength", 1.0),  # those of old started from noise
        )
        negative = tuple(entry["prompt"] for entry in recipe["negative"])
        return self.plan(recipe["prompt"], request, negative=negative, init=init, mask=mask)

    def _references_of(self, recipe: Mapping[str, Any]) -> tuple[Reference, ...]:
        ids = [parent["id"] for parent in recipe["parents"]]
        vectors = {image.id: _there(image.vector) for image in self.store.get(ids, vectors=True)}
        if gone := [id for id in ids if id not in vectors]:
            raise GenerationError(
                f"{len(gone)} of its {len(ids)} parents are no longer in the library: {', '.join(gone)}",
                hint="add their pictures again; the same files get the same ids",
            )
        return tuple(
            Reference(parent["id"], vectors[parent["id"]], parent["weight"], parent["similarity"])
            for parent in recipe["parents"]
        )

    def _pictured(self, request: Request) -> Request:
        """The request with pictures of the neighbours that the generator starts from, if it does.

        They are the store's small ones, which are there whatever became of the files.
        """
        if request.init is not None or request.neighbour_strength == 1:
            return request
        near = [reference.id for reference in request.references if reference.weight > 0]
        small = self.store.thumbnails(near[: self.generator.abilities.starts])
        pictures = {id: open_picture(content) for id, content in small.items() if content != no_picture()}
        shown = (replace(reference, picture=pictures.get(reference.id)) for reference in request.references)
        return replace(request, references=tuple(shown))

    def _source_of(
        self,
        named: Mapping[str, str] | None,
        role: str,
        opened: Callable[[Path], Picture] = open_picture,
    ) -> Source | None:
        """The picture that a recipe names: where it was, or wherever the library knows those bytes."""
        if named is None:
            return None
        known = [to_path(image.uri, self.folder) for image in self.store.get([image_id(named["sha256"])])]
        for path in [Path(named["uri"]), *known]:
            if path.exists():
                source = self.source(path, opened)
                if source.sha256 == named["sha256"]:
                    return source
        raise GenerationError(
            f"the {role} picture `{named['uri']}` is gone or has changed",
            hint=f"bring back the file with the sha256 {named['sha256']}, or add it to the library",
        )

    def _cosine(self, first: Picture, second: Picture) -> float:
        embedded = self.embedder.pictures([self.embedder.prepare(first), self.embedder.prepare(second)])
        return float(embedded.vectors[0] @ embedded.vectors[1])


def _there(vector: Vector | None) -> Vector:
    assert vector is not None, "asked for with its vector"
    return vector


def _largest_difference(first: Picture, second: Picture) -> int | None:
    if first.size != second.size:
        return None
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())
