"""Making pictures for one library: neighbours in, pictures out, and back into the store."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.files import write_whole
from phosphene.generation import Generator, Reference, Request
from phosphene.generation.making import Draft, OnStep, Plan, Source, make
from phosphene.generation.novelty import Baseline, Novelty, measure
from phosphene.generation.replaying import Replayed, largest_difference
from phosphene.images import no_picture, small_picture
from phosphene.interrupt import uninterrupted
from phosphene.maintenance.copying import Place
from phosphene.records import Filter, Image
from phosphene.store import Store
from phosphene.vectors import Vector, away, there

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
class Studio:
    """What it takes to make pictures for a library. They are kept there, or `into` another one."""

    folder: Path
    store: Store
    embedder: Embedder
    generator: Generator
    into: Place | None = None

    def neighbours(
        self, target: Vector, count: int, where: Filter, negative: Sequence[Vector] = ()
    ) -> tuple[Reference, ...]:
        """The `count` images nearest to a unit vector (d,), all of weight one, nearest first.

        Images like what is to be avoided, the `negative` unit vectors, count as further away: their
        pictures and vectors would bring it in.
        """
        asked = away(target, negative) if negative else target
        ids = [hit.image.id for hit in self.store.near(asked, count, where)] if count else []
        vectors = {image.id: there(image.vector) for image in self.store.get(ids, vectors=True)}
        return tuple(Reference(id, vectors[id], 1.0, float(vectors[id] @ target)) for id in ids)

    def plan(
        self,
        prompt: str,
        request: Request,
        *,
        negative: Sequence[str] = (),
        init: Source | None = None,
        mask: Source | None = None,
    ) -> Plan:
        """A plan for one request, with the words and the sources that its recipe will name."""
        parents = self.store.get([reference.id for reference in request.references])
        return Plan(
            prompt,
            self._pictured(request),
            {image.id: image.sha256 for image in parents},
            tuple(negative),
            self._compared(init, request.text),
            mask,
        )

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
        self, plan: Plan, weights: str, original: Picture | None, on_step: OnStep | None = None
    ) -> Replayed:
        """Make the picture of a plan again that was first made by a generator of these weights."""
        [made] = self.make([plan], on_step, keep=False)
        return Replayed(
            made.image,
            made.picture,
            original,
            None if original is None else self._cosine(made.picture, original),
            None if original is None else largest_difference(made.picture, original),
            weights == self.generator.capabilities.weights,
        )

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
        novelty = measure(self.store, baseline, there(draft.image.vector), parents)
        return Made(draft.image, draft.picture, draft.score, novelty)

    def _compared(self, init: Source | None, text: Vector | None) -> Source | None:
        """The start with its cosine to the query, where it is an image of the library."""
        if init is None or init.id is None or text is None:
            return init
        similarity = [float(there(it.vector) @ text) for it in self.store.get([init.id], vectors=True)]
        return replace(init, similarity=similarity[0]) if similarity else init

    def _pictured(self, request: Request) -> Request:
        """The request with pictures of the neighbours that the generator starts from, if it does.

        They are the store's small ones, which are there whatever became of the files.
        """
        if request.init is not None or request.neighbour_strength == 1:
            return request
        near = [reference.id for reference in request.references if reference.weight > 0]
        small = self.store.thumbnails(near[: self.generator.capabilities.starts])
        pictures = {id: small_picture(content) for id, content in small.items() if content != no_picture()}
        shown = (replace(reference, picture=pictures.get(reference.id)) for reference in request.references)
        return replace(request, references=tuple(shown))

    def _cosine(self, first: Picture, second: Picture) -> float:
        embedded = self.embedder.pictures([self.embedder.prepare(first), self.embedder.prepare(second)])
        return float(embedded.vectors[0] @ embedded.vectors[1])
