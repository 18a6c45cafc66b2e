"""Makes the planned pictures: generates candidates, chooses, embeds, and writes a recipe into each PNG."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.generation import Capabilities, Generator, Lane, OnStep
from phosphene.generation.choosing import Chosen, choose
from phosphene.generation.keeping import Keeper
from phosphene.generation.novelty import Baseline, Novelty, measure
from phosphene.generation.planning import Plan
from phosphene.generation.recording import recipe_of
from phosphene.images import png, thumbnail
from phosphene.recipes.description import described
from phosphene.recipes.lineage import generated_id, parents_of, texts
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector

COMMIT_SECONDS = 5.0  # finished pictures are stored at least this often, so that a kill loses little


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A generated picture and its record. `score` is the cosine similarity of the picture to its prompt.

    `novelty` is None in a library without imported images.
    """

    image: Image[Vector]
    picture: Picture
    score: float
    novelty: Novelty | None = None
    file: bytes = field(default=b"", repr=False)  # the PNG with its recipe

    @property
    def seed(self) -> int:
        """The seed of the noise that it was made from."""
        assert self.image.recipe is not None, "a generated image has a recipe"
        return int(self.image.recipe["seed"])

    @property
    def lane(self) -> Lane:
        """The way that neighbours took into it."""
        assert self.image.recipe is not None, "a generated image has a recipe"
        return cast("Lane", self.image.recipe["lane"])


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes pictures for a library. Novelty is measured against its `store`, and cached in its `folder`."""

    generator: Generator
    embedder: Embedder
    store: Store
    folder: Path
    commit_seconds: float = COMMIT_SECONDS

    def make(
        self, plans: Sequence[Plan], on_step: OnStep | None = None, *, keeper: Keeper | None = None
    ) -> list[GeneratedImage]:
        """Make the planned pictures, in order. A `keeper` stores each group of them once it is finished."""
        if keeper:
            keeper.check()
        baseline = Baseline.of(self.store, self.folder / "novelty.npz")
        made: list[GeneratedImage] = []
        with ThreadPoolExecutor(cores()) as threads:  # a search mostly waits for the store
            for group in self._groups(plans, on_step):
                if keeper:
                    keeper.keep([(one.image, one.file) for one in group])
                made += threads.map(partial(self._measured, baseline), group)
        return made

    def _groups(self, plans: Sequence[Plan], on_step: OnStep | None = None) -> Iterator[list[GeneratedImage]]:
        """The finished pictures in groups. Each group is large enough for a commit of its own.

        If the generator fails or is interrupted, the pictures that are already finished come as a last group
        before the error is raised.
        """
        waiting: list[tuple[Plan, Chosen]] = []
        since = time.monotonic()
        try:
            for finished in choose(plans, self.generator, self.embedder, on_step):
                waiting.append(finished)
                if time.monotonic() - since > self.commit_seconds:
                    yield self._recorded(waiting)
                    waiting, since = [], time.monotonic()
        except (Exception, KeyboardInterrupt):  # is raised again once the finished pictures are stored
            if waiting:
                yield self._recorded(waiting)
            raise
        if waiting:
            yield self._recorded(waiting)

    def _recorded(self, finished: Sequence[tuple[Plan, Chosen]]) -> list[GeneratedImage]:
        plans, chosen = zip(*finished, strict=True)
        embedded = self.embedder.pictures([self.embedder.prepare(one.picture) for one in chosen])
        record = partial(generated_image, self.generator.capabilities)
        with ThreadPoolExecutor(cores()) as threads:  # most of the time goes into writing PNGs
            return list(threads.map(record, plans, chosen, embedded.vectors, embedded.norms.tolist()))

    def _measured(self, baseline: Baseline, made: GeneratedImage) -> GeneratedImage:
        parents = [parent.id for parent in made.image.parents]
        return replace(made, novelty=measure(self.store, baseline, made.image.vector, parents))


def generated_image(
    capabilities: Capabilities, plan: Plan, chosen: Chosen, vector: Vector, norm: float
) -> GeneratedImage:
    """The record of a picture whose unit vector (d,) and norm are known."""
    recipe, picture = recipe_of(plan, chosen, capabilities), chosen.picture
    file, id = png(picture, texts(recipe)), generated_id(recipe)
    image = Image(
        id=id,
        sha256=hashlib.sha256(file).hexdigest(),
        uri=f"pictures/{id}.png",
        caption=plan.prompt,
        captions=(plan.prompt,),
        origin="generated",
        width=picture.width,
        height=picture.height,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        norm=norm,
        recipe=recipe,
        parents=parents_of(recipe),
        fields=described(recipe),
        vector=vector,
        thumbnail=thumbnail(picture),
    )
    target = plan.request.vector
    score = float("nan") if target is None else float(np.dot(vector, target))
    return GeneratedImage(image, picture, score, file=file)
