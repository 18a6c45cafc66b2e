"""Plans pictures: everything that a generator is handed and that a recipe has to name.

The store is read once for each plan, see `neighbours`.
"""

import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.errors import InitImageWarning, QueryError
from phosphene.filters import all_of, of_origin
from phosphene.generation import Generator
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.checks import check, checked_candidates, completed
from phosphene.generation.fitting import fit_warnings, mask_warnings
from phosphene.generation.init_images import InitImage, InitImages
from phosphene.generation.lanes import VECTOR_LANES, LaneChoice, counted, in_lane
from phosphene.generation.masks import Mask, Masks
from phosphene.generation.neighbours import NeighbourSearch, knows_norms, named_neighbours
from phosphene.generation.references import References
from phosphene.generation.regions import Region, placed, region_of
from phosphene.generation.requests import Reference, Request
from phosphene.generation.style_references import StyleReferences
from phosphene.generation.style_vectors import Style, Styles
from phosphene.generation.wishes import Wishes, several
from phosphene.query import Query, as_filter, parse_terms
from phosphene.recipes.bounds import Lane
from phosphene.recipes.lineage import rounded
from phosphene.records import Image, Space
from phosphene.store import Store
from phosphene.vectors import Vector

SAME_MEANING = 0.99  # texts with a higher cosine mean the same: `a house` and `a home` have 0.999


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture to make: the request, and what else its recipe has to say."""

    prompt: str  # the whole query, as the user wrote it, without folders
    request: Request
    parents: Mapping[str, str]  # id → sha256
    negative: tuple[str, ...] = ()
    init: InitImage | None = None
    mask: Mask | None = None
    region: Region | None = None  # the part of the init image that is made anew, if it keeps its full size
    styles: tuple[Style, ...] = ()  # which the vector of the request contains, or which it has as references
    candidates: int = 1  # the number of tries, of which the best one is kept
    candidate: int = 0  # the number of the first try

    def finished(self, picture: Picture) -> Picture:
        """The finished picture, from what the generator made."""
        return self.region.pasted(picture) if self.region else picture

    def with_seed(self, seed: int) -> "Plan":
        """The same plan with another seed."""
        return replace(self, request=replace(self.request, seed=seed))


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans pictures for one library and one generator."""

    store: Store
    space: Space
    init_images: InitImages
    vector: Callable[[str | Query], Vector]  # gives the unit vector (d,) of a query
    load_generator: Callable[[], Generator]
    load_embedder: Callable[[], Embedder]

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the generator. The first access loads it."""
        return self.load_generator().capabilities

    def lane(self, forced: Lane | None = None, *, init: bool = False) -> Lane:
        """The lane that neighbours take, where `init` says whether the user has named a start picture.

        Raises GenerationError if the `forced` lane is not possible.
        """
        return self.lane_choice(init=init).lane(forced)

    def lane_choice(self, *, init: bool = False) -> LaneChoice:
        """The lanes between this library and the generator."""
        encoder, can = self.load_generator().image_encoder, self.capabilities
        norms = not can.needs_norms or can.space != self.space.id or knows_norms(self.store)
        return LaneChoice(can, self.space.id, encoder.space.id if encoder else None, init, norms)

    @property
    def masks(self) -> Masks:
        """Finds the masks of init images."""
        return Masks(self.init_images, self.vector, self.load_embedder)

    @property
    def styles(self) -> Styles:
        """Finds styles and adds them to prompts."""
        return Styles(self.store, self.vector)

    def plan(self, query: Query, request: Request, wishes: Wishes) -> Plan:
        """A plan for a query. `request` holds the numbers and options that the user wishes.

        Raises ImageError or QueryError for an init image or a mask that cannot be opened, QueryError for a
        negative that means the same as the prompt, and GenerationError for a request that the generator does
        not allow.
        """
        init, negative = wishes.get("init"), several(wishes.get("negative", ()))
        init_image = None if init is None else self.init_images.open(init)  # fails before a model is loaded
        mask = self.masks.open(wishes.get("mask"), wishes.get("outpaint"), init_image)
        styles = [self.styles.find(named) for named in several(wishes.get("style", ()))]
        references = self._style_references(styles, request.lane, init=init is not None)
        added = [] if references else styles
        target, search = map(rounded, self.styles.applied(self.vector(query), added))
        request = self._prompted(replace(request, styles=references), query, target, negative)
        request, region = self.placed(request, init_image, mask, whole=wishes.get("fit") is None)
        named = named_neighbours(self.store, wishes.get("weights", {}))
        origin = of_origin(wishes.get("origin", "imported"))
        where = all_of(origin, as_filter(wishes.get("where")), query.where.filter)
        plan = self.at(
            target,
            query.without_folders,
            request,
            NeighbourSearch(where, wishes.get("neighbours"), named),
            candidates=wishes.get("candidates"),
            search=search,
        )
        if init_image:
            _warn(plan.request, region)
        return replace(
            plan,
            region=region,
            styles=tuple(styles),
            negative=tuple(parse_terms(words).without_folders for words in negative),
            init=self._with_similarity(init_image, target) if init_image else plan.init,
            mask=mask,
        )

    def placed(
        self, request: Request, init: InitImage | None, mask: Mask | None, *, whole: bool
    ) -> tuple[Request, Region | None]:
        """The request with the init image and the mask.

        If a picture with a mask is to stay `whole`, the request has only the region around the mask.
        """
        region = None
        if init and mask and whole:
            size = completed(request, self.capabilities).size or self.capabilities.size
            region = region_of(mask.canvas(init.picture), mask.picture, size)
        return placed(request, init, mask, region), region

    def at(
        self,
        target: Vector,
        prompt: str,
        request: Request,
        neighbours: NeighbourSearch,
        *,
        candidates: int | None = None,
        search: Vector | None = None,
    ) -> Plan:
        """A plan for a unit vector (d,). `prompt` is its name in the recipe.

        Without a number of `neighbours` there are six, or as many as the generator takes in the lane. They
        are those of the vector `search` (d,) if it is given.
        """
        lane = self.lane(request.lane, init=request.init is not None)
        request = replace(in_lane(request, lane, self.capabilities), space=self.space.id, vector=target)
        check(request, self.capabilities)
        least = counted(len(neighbours.leading), lane, self.capabilities)
        count = max(least, counted(neighbours.count, lane, self.capabilities))
        sought = target if search is None else search
        found = neighbours.images(self.store, sought, count, request.negative_vectors)
        images, init = [image for image, _ in found.values()], None
        if lane == "start":
            init = self.init_images.of_neighbour(images[0], target) if images else None
            request = replace(request, init=init.picture if init else None)
        else:
            references = self.references(images, target, lane)
            weighted = tuple(replace(each, weight=found[each.id][1]) for each in references)
            request = replace(request, references=weighted)
        tries = self.capabilities.candidates if candidates is None else candidates
        return Plan(
            prompt,
            completed(request, self.capabilities),
            {image.id: image.sha256 for image in images},
            init=init,
            candidates=checked_candidates(tries),
        )

    def references(
        self,
        images: Sequence[Image[Vector]],
        target: Vector,
        lane: Lane | None = None,
        from_thumbnails: Container[str] = (),
    ) -> tuple[Reference, ...]:
        """The images as a generator takes them in a lane, with their cosine to `target`. See `References`."""
        found, kept = self.init_images, self.init_images.journal.pictures
        encoder = self.load_generator().image_encoder if lane == "embedded" else None
        return References(self.store, found.folder, kept, encoder).of(images, target, lane, from_thumbnails)

    def _style_references(
        self, styles: Sequence[Style], forced: Lane | None, *, init: bool
    ) -> tuple[Reference, ...]:
        """The styles as a generator reads them by itself. Empty if it does not."""
        if not styles or (lane := self.lane(forced, init=init)) not in VECTOR_LANES:
            return ()
        if "styles" not in self.capabilities.reads:
            return ()
        own = self.load_generator().image_encoder if lane == "embedded" else None
        made = StyleReferences(self.store, lane, self.references, own or self.load_embedder())
        return tuple(map(made.of, styles))

    def _prompted(self, request: Request, query: Query, target: Vector, negative: Sequence[str]) -> Request:
        """The request with its words and its vectors."""
        return replace(
            request,
            prompt=query.words,
            negative_prompt=", ".join([*query.negative_words, *negative]),
            negative_vectors=self._negatives(negative, target),
            space=self.space.id,
            vector=target,
        )

    def _negatives(self, negative: Sequence[str], target: Vector) -> tuple[Vector, ...]:
        vectors = tuple(rounded(self.vector(words)) for words in negative)
        for words, vector in zip(negative, vectors, strict=True):
            if vector @ target > SAME_MEANING:
                raise QueryError(
                    f"The negative prompt `{words}` means the same as the prompt.",
                    hint="name something that pictures of this prompt often show and this one should not",
                )
        return vectors

    def _with_similarity(self, init: InitImage | None, target: Vector) -> InitImage | None:
        """The init image with its cosine to the prompt, if it is an image of the library."""
        found = self.store.get([init.id], vectors=True) if init and init.id else []
        return replace(init, similarity=float(found[0].vector @ target)) if init and found else init


def _warn(request: Request, region: Region | None) -> None:
    """Warn of an init image that is cropped, and of a mask that keeps everything or nothing."""
    sentences: Iterable[str] = ()
    if region:
        sentences = mask_warnings(region.mask)
    elif request.init is not None and request.size is not None:
        sentences = fit_warnings(request.init, request.mask, request.fit, request.size)
    for sentence in sentences:
        warnings.warn(InitImageWarning(sentence), stacklevel=4)
