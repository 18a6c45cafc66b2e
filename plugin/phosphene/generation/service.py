"""Generating for one library: plan, make, keep. This is what `Library` delegates to."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.errors import GenerationError
from phosphene.explore.walk import Stop
from phosphene.filters import IMPORTED, all_of
from phosphene.generation import Generator, OnLane, OnStep
from phosphene.generation.comparison import Replayed, compared
from phosphene.generation.copies import make_no_copies
from phosphene.generation.init_images import InitImages
from phosphene.generation.keeping import Keeper
from phosphene.generation.making import GeneratedImage, Maker
from phosphene.generation.neighbours import NeighbourSearch
from phosphene.generation.planning import Plan, Planner
from phosphene.generation.regions import whole_mask
from phosphene.generation.replaying import plan_again, recipe_in
from phosphene.generation.variations import variation_query
from phosphene.generation.vocabulary import warn_of_unknown_words
from phosphene.generation.walking import walk_plans
from phosphene.generation.wishes import WalkWishes, Wishes, request_of
from phosphene.journal import Journal
from phosphene.picture_loader import PictureLoader
from phosphene.query import Query, as_filter
from phosphene.recipes import Recipe
from phosphene.store import Store
from phosphene.vectors import Vector

WALK_GROUP = 8  # stops that are planned at once, because a plan may hold full pictures
SEEDS = 2**32  # random seeds are below it


@dataclass(frozen=True, slots=True)
class GenerationService:
    """Makes pictures for the library in `folder`. The generator and the embedder load on first use."""

    folder: Path
    store: Store
    journal: Journal
    vector: Callable[[str | Query], Vector]  # of a query, (d,)
    load_generator: Callable[[], Generator]
    load_generator_of: Callable[[Recipe], Generator]  # for the replay of a recipe
    load_embedder: Callable[[], Embedder]

    @property
    def init_images(self) -> InitImages:
        """Finds init images and masks, in files and in the library."""
        return InitImages(self.folder, self.store, self.journal)

    @property
    def planner(self) -> Planner:
        """Plans pictures: it finds the neighbours and everything else that a recipe names."""
        return Planner(
            self.store,
            self.store.space,
            self.init_images,
            self.vector,
            self.load_generator,
            self.load_embedder,
        )

    @property
    def maker(self) -> Maker:
        """Makes planned pictures. Both models are loaded for it."""
        return Maker(self.load_generator(), self.load_embedder(), self.store, self.folder)

    @property
    def keeper(self) -> Keeper:
        """Keeps generated pictures in the library."""
        return Keeper(self.folder, self.store, self.journal)

    def generate(
        self,
        query: Query,
        count: int,
        wishes: Wishes,
        *,
        into: "GenerationService",
        on_step: OnStep | None,
        on_lane: OnLane | None,
    ) -> list[GeneratedImage]:
        """Make `count` pictures of consecutive seeds and keep them in the target library `into`.

        The init image and the mask are remembered in both libraries, so that a replay finds them.
        """
        seed = wishes.get("seed")
        request = request_of(wishes, random_seed(count) if seed is None else seed)
        plan = self.planner.plan(query, request, wishes)
        warn_of_unknown_words(plan.request, self.planner.capabilities)
        _tell(on_lane, [plan])
        for library in (self,) if into is self else (self, into):
            library.init_images.remember(plan.init)
            library.init_images.remember(plan.mask.file if plan.mask else None)
        plans = [plan.with_seed(request.seed + place) for place in range(count)]
        if wishes.get("refuse_copies"):
            return make_no_copies(self.maker, plans, into.keeper, on_step)
        return self.maker.make(plans, on_step, keeper=into.keeper)

    def variation_query(self, source: Path | str) -> Query:
        """The prompt for variations of a file or an image, see `variations`."""
        return variation_query(self.init_images, source)

    def shown_mask(
        self, init: Path | str, mask: Path | str | None, outpaint: Mapping[str, int] | None = None
    ) -> tuple[Picture, Picture]:
        """The init image, extended where it is to `outpaint`, and its mask in grey at the same size.

        Raises what `Masks.open` raises, and GenerationError if there is no mask.
        """
        image = self.init_images.open(init)
        found = self.planner.masks.open(mask, outpaint, image)
        if found is None:
            raise GenerationError("There is no mask to show.", hint="give a mask, or margins to outpaint")
        canvas = found.canvas(image.picture)
        return canvas, whole_mask(canvas, found.picture)

    def along(
        self,
        stops: Sequence[Stop],
        ends: tuple[Query, Query],
        wishes: WalkWishes,
        *,
        keeper: Keeper | None,
        on_step: OnStep | None,
        on_lane: OnLane | None,
    ) -> list[Stop]:
        """The stops of a walk with a generated picture each, all from the same noise.

        They are stored if there is a `keeper`.
        """
        given = wishes.get("seed")
        request = request_of(wishes, random_seed() if given is None else given)
        where = all_of(IMPORTED, as_filter(wishes.get("where")))
        neighbours = NeighbourSearch(where, wishes.get("neighbours"))
        made = list[GeneratedImage]()
        for first in range(0, len(stops), WALK_GROUP):
            group = [(stop.t, stop.vector) for stop in stops[first : first + WALK_GROUP]]
            plans = walk_plans(self.planner, group, ends, request, neighbours)
            _tell(None if first else on_lane, plans)
            done, share = first / len(stops), len(group) / len(stops)
            made += self.maker.make(plans, _part(on_step, done, share), keeper=keeper)
            if len(made) < first + len(group):  # `on_step` stopped it
                break
        return [
            replace(
                stop,
                made=one.picture,
                seed=request.seed,
                lane=one.lane,
                kept=one.image if keeper else None,
            )
            for stop, one in zip(stops, made, strict=False)
        ]

    def replay(
        self,
        source: str | Path,
        *,
        init: Path | str | None,
        mask: Path | str | None,
        on_step: OnStep | None,
        on_lane: OnLane | None,
    ) -> Replayed:
        """Make the picture of a file or of an image's id again, and compare the two."""
        recipe, original = recipe_in(source, self.store, PictureLoader(self.store, self.folder))
        generator = self.load_generator_of(recipe)
        service = replace(self, load_generator=lambda: generator)
        plan = plan_again(recipe, service.planner, init=init, mask=mask)
        _tell(on_lane, [plan])
        maker = service.maker
        [made] = maker.make([plan], on_step)
        return compared(made, recipe, original, maker.generator.capabilities.weights, maker.embedder)


def _part(on_step: OnStep | None, done: float, share: float) -> OnStep | None:
    """`on_step` for a part of a call: a `share` of the whole, after the part that is `done`."""
    if on_step is None:
        return None
    return lambda step: on_step(replace(step, share=done + share * step.share))


def _tell(on_lane: OnLane | None, plans: Sequence[Plan]) -> None:
    """Call `on_lane` with the lane of the plans, which all have the same one."""
    for lane in {plan.request.lane for plan in plans if plan.request.lane is not None}:
        if on_lane is not None:
            on_lane(lane)


def random_seed(count: int = 1) -> int:
    """A seed for the first of `count` pictures with consecutive seeds."""
    return secrets.randbelow(SEEDS - count + 1)
