"""The library: one store, one space, one journal, and everything that can be done with them.

    import phosphene

    with phosphene.open("photos.lib", create=True) as library:
        library.add([Path("~/Pictures").expanduser()])
        for hit in library.search("dog on a beach"):
            print(hit.score, hit.image.uri)
        library.generate("dog on a beach at night", count=4)

Models load when they are first needed: opening, counting and repeated searches need none.
"""

import secrets
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType

from PIL.Image import Image as Picture

from phosphene import ingest
from phosphene.embedding import Embedder, open_embedder
from phosphene.embedding.consent import name_of
from phosphene.errors import ImageError, QueryError, StartWarning
from phosphene.explore.map import Atlas, atlas
from phosphene.explore.walk import Stop, walk
from phosphene.filters import GENERATED, IMPORTED, of_origin
from phosphene.generation import Fit, Generator, Request
from phosphene.generation.fitting import remarks
from phosphene.generation.given import Given
from phosphene.generation.making import OnStep, Plan, Source
from phosphene.generation.replaying import Replayed, check_space, references_of, request_of
from phosphene.generation.studio import Made, Studio
from phosphene.generators import open_generator
from phosphene.images import open_mask, open_picture
from phosphene.ingest import Added, Progress
from phosphene.journal import Journal
from phosphene.maintenance.copying import Place
from phosphene.maintenance.missing import Missing, missing
from phosphene.maintenance.upgrading import begin_writing
from phosphene.opening import Opened, compatible, opened, same_space
from phosphene.picture_loader import Gallery
from phosphene.query import Query, parse
from phosphene.query.terms import Terms, find, vector_of
from phosphene.recipes import Recipe, check, in_picture
from phosphene.recipes.lineage import descendants, rounded
from phosphene.records import Failure, Hit, Image, Origin, Space
from phosphene.sources import Item, Named, is_remote, scan, to_path
from phosphene.vectors import Vector

THE_SAME = 0.99  # cosine of two texts that say one thing: `a house` and `a home` have 0.999


@dataclass(frozen=True, slots=True)
class Shown:
    """An image with its relatives; a parent that was removed is only its id."""

    image: Image
    parents: tuple[Image | str, ...]
    descendants: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds."""

    library: str
    store: str
    model: str
    dimension: int
    images: int
    imported: int
    generated: int


def open(
    url: str | Path | None = None,
    *,
    model: str | None = None,
    space: Space | None = None,
    create: bool = False,
    device: str = "auto",
    on_fetch: Callable[[int], None] | None = None,
) -> "Library":
    """Open a library by its folder or its address (None: the user's default one), or make it with `create`.

    `model` names the embedding model of a new library, see `phosphene.embedding`; a library that exists
    keeps its own. `space`, instead of `model`, is the space of another library: then no model loads.
    Raises LibraryError where there is no library, or one of another space, and ModelError where the
    model cannot be had.
    `on_fetch` is told how many bytes of a model have come since it was last called.
    """
    load = partial(open_embedder, device=device, on_fetch=on_fetch)
    return Library(opened(url, space or model, create=create, load=load), device=device)


class Library:
    """A library of pictures that can be searched by meaning and generated into."""

    def __init__(self, parts: Opened, *, device: str = "auto") -> None:
        self.url = parts.url  # what opens this library again
        self.folder = parts.folder
        self.store = parts.store
        self.space = parts.store.space
        self.device = device
        self.journal = Journal(self.folder / "journal.sqlite")
        self.terms = Terms(self.store, self.journal, load=lambda: self.embedder)
        if parts.embedder is not None:
            self.embedder = parts.embedder

    def __enter__(self) -> "Library":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store and the journal; what was written stays."""
        self.store.close()
        self.journal.close()

    def begin_writing(self) -> None:
        """Upgrade a library of an older format, before it is written to; see `maintenance.upgrading`.

        Raises LibraryError for a library that may only be read.
        """
        begin_writing(self.folder, self.store)

    @cached_property
    def embedder(self) -> Embedder:
        """The model of this library's space, loaded on first use."""
        name = name_of(self.space, self.url)
        return same_space(open_embedder(name, device=self.device), self.space, self.url)

    @cached_property
    def generator(self) -> Generator:
        """The generator for this library's space: its own, or the one that phosphene ships."""
        return open_generator(self.folder / "generator", self.space, device=self.device)

    # ── adding and finding ────────────────────────────────────────────────────────────────

    def add(
        self,
        sources: Named | Sequence[Named] | Iterator[Item | Failure],
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Added:
        """Add pictures: folders, files, COCO captions files, `scheme:…` of plugins, or what `scan` yields.

        Adding twice changes nothing. What cannot be added is counted with its reason, and remembered.
        A kill loses at most the batch in flight. Raises ImageError for a path that does not exist.
        """
        self.begin_writing()
        return ingest.add(
            sources if isinstance(sources, Iterator) else scan(sources),
            embedder=self.embedder,
            store=self.store,
            journal=self.journal,
            on_progress=on_progress,
        )

    def search(
        self,
        query: str | Sequence[str] | Query,
        count: int = 10,
        *,
        origin: Origin | None = None,
        diversity: float = 0.0,
    ) -> list[Hit]:
        """The `count` images nearest to a query, best first.

        With a `diversity` in (0, 1] those that are unlike each other, too, see `store.diversity`.
        """
        return self.store.near(self.vector(query), count, of_origin(origin), diversity=diversity)

    def vector(self, query: str | Sequence[str] | Query) -> Vector:
        """The unit vector (d,) of a query. Raises QueryError where it means nothing."""
        return vector_of(query if isinstance(query, Query) else parse(query), self.terms.vector)

    def get(self, id: str) -> Image:
        """The image of an id, or of the first eight or more letters of one."""
        return find(self.store, id)

    def show(self, id: str) -> Shown:
        """An image with its parents and everything that was made from it."""
        image = self.get(id)
        known = {parent.id: parent for parent in self.store.get([parent.id for parent in image.parents])}
        parents = tuple(known.get(parent.id, parent.id) for parent in image.parents)
        return Shown(image, parents, tuple(descendants(image.id, self.store.iterate(GENERATED))))

    def path(self, image: Image) -> Path:
        """Where the image's file is, or was."""
        return to_path(image.uri, self.folder)

    def where(self, image: Image) -> str:
        """Where the image's file is, for people and programs: a path, or a URL where it is one."""
        return image.uri if is_remote(image.uri) else str(self.path(image))

    @cached_property
    def gallery(self) -> Gallery:
        """What shows the images of this library."""
        return Gallery(self.store, self.folder)

    def picture(self, image: Image, *, side: int | None = None) -> Picture:
        """The image's picture, or its thumbnail where the file is gone or damaged.

        With `side`, its longer side has at most so many pixels.
        """
        return self.gallery.picture(image, side=side)

    def missing(self, *, under: Path | None = None) -> Missing:
        """The images whose files are gone, here and wherever another copy was added, see `absence`.

        Below the folder `under` those count, too, whose folders are gone or empty.
        """
        return missing(self.store, self.journal, under)

    def remove(self, ids: Sequence[str]) -> int:
        """Take images out of the library. Files that were added stay; descendants keep the id."""
        self.begin_writing()
        self.journal.remove(ids)  # first: a kill in between costs a second look, and no record is wrong
        return self.store.delete(ids)

    def status(self) -> Status:
        """What the library holds, and in which space."""
        imported, generated = self.store.count(IMPORTED), self.store.count(GENERATED)
        return Status(
            self.url,
            self.store.info().kind,
            self.space.name,
            self.space.dimension,
            imported + generated,
            imported,
            generated,
        )

    # ── making ────────────────────────────────────────────────────────────────────────────

    @property
    def given(self) -> Given:
        """What finds the pictures that a generation starts from."""
        return Given(self.folder, self.store, self.journal)

    @cached_property
    def studio(self) -> Studio:
        """What makes pictures for this library."""
        return Studio(self.folder, self.store, self.embedder, self.generator)

    def generate(
        self,
        prompt: str | Sequence[str] | Query,
        count: int = 4,
        *,
        neighbours: int = 6,
        origin: Origin | None = "imported",
        seed: int | None = None,
        negative: Sequence[str] = (),
        init: Path | str | None = None,
        strength: float | None = None,
        mask: Path | None = None,
        fit: Fit = "crop",
        size: tuple[int, int] | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        image_guidance_scale: float | None = None,
        neighbour_strength: float | None = None,
        candidates: int | None = None,
        into: "Library | None" = None,
        on_step: OnStep | None = None,
    ) -> list[Made]:
        """Make pictures from a prompt and its nearest images, and store them with their lineage.

        `neighbours` of `origin` condition each of the `count` pictures; picture i has seed + i,
        at random where None is given. It starts from the nearest ones' pictures at noise level
        `neighbour_strength` in (0, 1]; at 1 their vectors alone count. `init` (a file or an id) is
        where image-to-image starts from, at `strength`; `mask` is white where it is to be made anew,
        and black or transparent where the start is kept. A start that is not square is cropped to its
        middle, with a warning, or as `fit` says: see `generation.fitting`.
        `negative` are queries to steer away from: in choosing neighbours, in making the picture and in
        choosing among candidates. Of each picture so many `candidates` are made (None:
        as many as the generator advises), and the one nearest to the prompt is kept. Making the
        same again changes nothing. They are stored `into` another library of this space, where one is given.
        `on_step` that returns False stops. Raises GenerationError for what cannot be made.
        """
        (into or self).begin_writing()
        query = prompt if isinstance(prompt, Query) else parse(prompt)
        start = None if init is None else self.given.source(init)  # before any model loads
        masked = None if mask is None else self.given.source(mask, open_mask)
        target = rounded(self.vector(query))
        negatives = self._negatives(negative, target)
        for remark in remarks(start.picture, masked.picture if masked else None, fit) if start else ():
            warnings.warn(StartWarning(remark), stacklevel=2)
        first = secrets.randbelow(2**32 - count) if seed is None else seed
        request = Request(
            space=self.space.id,
            seed=first,
            text=target,
            references=self.studio.neighbours(target, neighbours, of_origin(origin), negatives),
            negative=negatives,
            init=start.picture if start else None,
            mask=masked.picture if masked else None,
            fit=fit,
            strength=_strength(strength, start, masked),
            size=size,
            steps=steps,
            guidance_scale=guidance_scale,
            image_guidance_scale=image_guidance_scale,
            neighbour_strength=neighbour_strength,
            candidates=candidates,
        )
        self._remember(into, start, masked)
        avoided = [parse(words).told for words in negative]
        plan = self.studio.plan(query.told, request, negative=avoided, init=start, mask=masked)
        plans = [_reseeded(plan, first + place) for place in range(count)]
        made = self._studio(into).make(plans, on_step)
        (into or self).journal.take_back(one.image.id for one in made)
        return made

    def walk(
        self,
        start: str,
        end: str,
        steps: int = 8,
        *,
        generate: bool = False,
        keep: bool = False,
        neighbours: int = 6,
        seed: int | None = None,
        into: "Library | None" = None,
        on_step: OnStep | None = None,
    ) -> list[Stop]:
        """Walk the great circle between two queries: at every waypoint the nearest imported picture.

        With `generate` also a new one, all from the same noise so that only the place differs; they
        are stored only with `keep`, and `into` another library where one is given.
        """
        if keep:
            (into or self).begin_writing()
        stops = walk(self.store, self.vector(start), self.vector(end), steps)
        if not generate:
            return stops
        seed = secrets.randbelow(2**32) if seed is None else seed
        way = f"{parse(start).told} → {parse(end).told}"
        plans = [self._plan_at(stop, f"{way} at {stop.t:.2f}", neighbours, seed) for stop in stops]
        made = self._studio(into).make(plans, on_step, keep=keep)
        if keep:
            (into or self).journal.take_back(one.image.id for one in made)
        return [
            replace(stop, made=one.picture, seed=seed, kept=one.image if keep else None)
            for stop, one in zip(stops, made, strict=False)
        ]

    def replay(
        self,
        source: str | Path,
        *,
        init: Path | str | None = None,
        mask: Path | str | None = None,
        on_step: OnStep | None = None,
    ) -> Replayed:
        """Make a generated picture again, from its id or its file, and compare the two.

        `init` and `mask` are where to find what it started from, and its mask, where the library does
        not know. Raises ImageError for a recipe that is not sound, GenerationError where a part is gone.
        """
        recipe, original = self._of_file(source) if isinstance(source, Path) else self._of_image(source)
        check_space(recipe, self.space)
        start = self.given.again(recipe, "init", init)
        opened_mask = open_mask if recipe.get("transparent") == "kept" else open_picture
        masked = self.given.again(recipe, "mask", mask, opened_mask)
        references = references_of(recipe, Place(self.store, self.folder))
        request = request_of(recipe, references, start, masked)
        negative = [entry["prompt"] for entry in recipe["negative"]]
        self._remember(self, start, masked)
        plan = self.studio.plan(recipe["prompt"], request, negative=negative, init=start, mask=masked)
        return self.studio.replay(plan, recipe["weights"], original, on_step)

    # ── looking at the whole ──────────────────────────────────────────────────────────────

    def map(self, *, limit: int = 2000) -> Atlas:
        """Where images lie on the two axes of most variance: `limit` imported ones, all generated."""
        return atlas(self.store, limit)

    def examples(self) -> Iterator[Image]:
        """The imported images as a training reads them: with vectors, and with absolute paths."""
        for image in self.store.iterate(IMPORTED, vectors=True):
            yield replace(image, uri=str(self.path(image)))

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _of_file(self, path: Path) -> tuple[Recipe, Picture]:
        """The recipe in a file, and its picture."""
        recipe = in_picture(path)
        if recipe is None:
            raise ImageError(
                f"`{path}` holds no phosphene recipe",
                hint="only pictures that phosphene made can be replayed",
            )
        return recipe, open_picture(path)

    def _of_image(self, id: str) -> tuple[Recipe, Picture | None]:
        """The recipe of an image, and its picture where its file is there."""
        image = self.get(id)
        if image.recipe is None:
            wrong = (
                "was added, not generated: it has no recipe"
                if image.origin == "imported"
                else "has no recipe that can be read"
            )
            raise QueryError(
                f"`{image.id}` {wrong}", hint="`phosphene search … --origin generated` finds generated ones"
            )
        recipe = dict(image.recipe)
        check(recipe, image.id)
        return recipe, open_picture(self.path(image)) if self.path(image).exists() else None

    def _remember(self, into: "Library | None", *sources: Source | None) -> None:
        """Remember where sources lay, here and where the picture is kept: either may make it again."""
        for source in sources:
            for library in {self, into or self}:
                library.given.remember(source)

    def _studio(self, into: "Library | None") -> Studio:
        """The studio, and where its pictures go."""
        if into is None:
            return self.studio
        compatible(self.space, into.space, into.url)
        return replace(self.studio, into=Place(into.store, into.folder))

    def _negatives(self, negative: Sequence[str], target: Vector) -> tuple[Vector, ...]:
        """The vectors of what is to be avoided. Raises QueryError where that is the prompt itself."""
        vectors = tuple(rounded(self.vector(words)) for words in negative)
        for words, vector in zip(negative, vectors, strict=True):
            if vector @ target > THE_SAME:
                raise QueryError(
                    f"the negative `{words}` means the same as the prompt",
                    hint="name something else that pictures of the prompt show, and that these should not",
                )
        return vectors

    def _plan_at(self, stop: Stop, prompt: str, neighbours: int, seed: int) -> Plan:
        target = rounded(stop.vector)
        nearest = self.studio.neighbours(target, neighbours, IMPORTED)
        request = Request(self.space.id, seed, text=target, references=nearest, neighbour_strength=1.0)
        return self.studio.plan(prompt, request)


def _strength(strength: float | None, init: Source | None, mask: Source | None) -> float:
    """How far to go from the start: image-to-image keeps the layout, inpainting makes its part anew."""
    if strength is not None:
        return strength
    return 0.6 if init and not mask else 1.0


def _reseeded(plan: Plan, seed: int) -> Plan:
    return replace(plan, request=replace(plan.request, seed=seed))
