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
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType

from PIL.Image import Image as Picture

from phosphene import ingest
from phosphene.embedding import Embedder, open_embedder
from phosphene.embedding.consent import name_of
from phosphene.explore.family import with_relatives
from phosphene.explore.map import Map, map_of
from phosphene.explore.walk import Stop, walk
from phosphene.filters import GENERATED, IMPORTED, of_origin
from phosphene.generation import Fit, Generator, OnStep, Request, Value
from phosphene.generation.init_images import InitImages
from phosphene.generation.keeping import Keeper
from phosphene.generation.making import GeneratedImage, Maker
from phosphene.generation.planning import Planner, walk_plans
from phosphene.generation.replaying import Replayed, recipe_in, replay
from phosphene.generators import open_generator
from phosphene.ingest import Added, Progress
from phosphene.journal import Journal
from phosphene.maintenance.missing import Missing, missing
from phosphene.maintenance.upgrading import begin_writing
from phosphene.opening import Opened, compatible, opened, same_space
from phosphene.picture_loader import PictureLoader
from phosphene.query import Query, parse
from phosphene.query.terms import Terms, find, vector_of
from phosphene.records import Failure, Hit, Image, Origin, Shown, Space, Status
from phosphene.sources import Item, SourceName, is_remote, scan, to_path
from phosphene.vectors import Vector


def open(
    url: str | Path | None = None,
    *,
    model: str | None = None,
    space: Space | None = None,
    create: bool = False,
    generator: str | None = None,
    device: str = "auto",
    on_fetch: Callable[[int], None] | None = None,
) -> "Library":
    """Open a library by its folder or its address (None: the user's default one), or make it with `create`.

    `model` names the embedding model of a new library, see `phosphene.embedding`; a library that exists
    keeps its own. `space`, instead of `model`, is the space of another library: then no model loads.
    `generator` names a family of generators, see `phosphene.generators`; None takes the library's own
    generator or the shipped one. `on_fetch` is told how many bytes of a model have come since its last call.

    Raises LibraryError where there is no library, or one of another space, and ModelError where the
    model cannot be loaded.
    """
    load = partial(open_embedder, device=device, on_fetch=on_fetch)
    return Library(opened(url, space or model, create=create, load=load), generator=generator, device=device)


class Library:
    """A library of pictures that can be searched by meaning and generated into."""

    def __init__(self, parts: Opened, *, generator: str | None = None, device: str = "auto") -> None:
        self.url = parts.url  # what opens this library again
        self.folder = parts.folder
        self.store = parts.store
        self.space = parts.store.space
        self.device = device
        self.generator_name = generator
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

    @cached_property
    def embedder(self) -> Embedder:
        """The model of this library's space, loaded on first use."""
        name = name_of(self.space, self.url)
        return same_space(open_embedder(name, device=self.device), self.space, self.url)

    @cached_property
    def generator(self) -> Generator:
        """The generator that was named on opening, or the one for this library's space."""
        return open_generator(self.generator_name, self.folder, self.space, device=self.device)

    def begin_writing(self) -> None:
        """Upgrade a library of an older format, before it is written to; see `maintenance.upgrading`.

        Raises LibraryError for a library that may only be read.
        """
        begin_writing(self.folder, self.store)

    # ── adding and finding ────────────────────────────────────────────────────────────────

    def add(
        self,
        sources: SourceName | Sequence[SourceName] | Iterator[Item | Failure],
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Added:
        """Add pictures: folders, files, COCO captions files, `scheme:…` of plugins, or what `scan` yields.

        Adding twice changes nothing. What cannot be added is counted with its reason, and remembered.
        A kill loses at most the batch in flight. Raises ImageError for a path that does not exist.
        """
        self.begin_writing()
        with nullcontext(sources) if isinstance(sources, Iterator) else scan(sources) as items:
            return ingest.add(
                items,
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
        return with_relatives(self.store, self.get(id))

    def path(self, image: Image) -> Path:
        """Where the image's file is, or was."""
        return to_path(image.uri, self.folder)

    def where(self, image: Image) -> str:
        """Where the image's file is, for people and programs: a path, or a URL where it is one."""
        return image.uri if is_remote(image.uri) else str(self.path(image))

    @cached_property
    def pictures(self) -> PictureLoader:
        """What opens the pictures of this library."""
        return PictureLoader(self.store, self.folder)

    def picture(self, image: Image, *, side: int | None = None) -> Picture:
        """The image's picture, or its thumbnail where the file is gone or damaged.

        With `side`, its longer side has at most so many pixels.
        """
        return self.pictures.picture(image, side=side)

    def thumbnails(self, ids: Sequence[str]) -> dict[str, Picture]:
        """The stored thumbnails of images, by id: small pictures that need no file."""
        return self.pictures.thumbnails(ids)

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
    def init_images(self) -> InitImages:
        """What finds init images and masks, in files and in this library."""
        return InitImages(self.folder, self.store, self.journal)

    @property
    def planner(self) -> Planner:
        """What plans pictures for this library."""
        return Planner(
            self.store, self.space, self.init_images, self.vector, lambda: self.generator.capabilities
        )

    @property
    def maker(self) -> Maker:
        """What makes planned pictures for this library."""
        return Maker(self.generator, self.embedder, self.store, self.folder)

    @property
    def keeper(self) -> Keeper:
        """What keeps generated pictures in this library."""
        return Keeper(self.folder, self.store, self.journal)

    def generate(
        self,
        prompt: str | Sequence[str] | Query,
        count: int = 4,
        *,
        neighbours: int | None = None,
        origin: Origin | None = "imported",
        seed: int | None = None,
        negative: Sequence[str] = (),
        init: Path | str | None = None,
        strength: float | None = None,
        mask: Path | str | None = None,
        fit: Fit = "crop",
        size: tuple[int, int] | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        candidates: int | None = None,
        into: "Library | None" = None,
        on_step: OnStep | None = None,
        **options: Value,
    ) -> list[GeneratedImage]:
        """Make pictures from a prompt and its nearest images, and keep them with their lineage.

        So many `neighbours` (None: 6, or as many as the generator takes) of an `origin` lead each of
        the `count` pictures. Picture i has the seed `seed + i`; None chooses one at random.
        `negative` are queries to steer away from.

        `init` (a file or an id) is where image-to-image begins, at `strength` in (0, 1]. With a `mask`,
        what is white in it is made anew, and what is black or transparent is kept. `fit` says how an
        init image of other proportions is fitted, see `generation.fitting`.

        Of each picture so many `candidates` are made, and the one nearest to the prompt is kept.
        `options` are the generator's own, e.g. `image_guidance_scale` of the built-in one; what is None
        is the generator's default. Pictures are kept in the library `into`, which has the same space,
        or else here; making the same again changes nothing.

        `on_step` that returns False stops. Raises GenerationError for what the generator cannot do.
        """
        target = self._target(into)
        request = Request(
            seed=secrets.randbelow(2**32 - count) if seed is None else seed,
            fit=fit,
            strength=strength,
            size=size,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            options={name: value for name, value in options.items() if value is not None},
        )
        plan = self.planner.plan(
            prompt if isinstance(prompt, Query) else parse(prompt),
            request,
            where=of_origin(origin),
            neighbours=neighbours,
            negative=negative,
            init=init,
            mask=mask,
            candidates=candidates,
        )
        for library in {self, target}:
            library.init_images.remember(plan.init)
            library.init_images.remember(plan.mask)
        plans = [plan.with_seed(request.seed + place) for place in range(count)]
        return self.maker.make(plans, on_step, keeper=target.keeper)

    def walk(
        self,
        start: str,
        end: str,
        steps: int = 8,
        *,
        generate: bool = False,
        keep: bool = False,
        neighbours: int | None = None,
        seed: int | None = None,
        into: "Library | None" = None,
        on_step: OnStep | None = None,
    ) -> list[Stop]:
        """Walk the great circle between two queries: at every waypoint the nearest imported picture.

        With `generate` also a new one, all from the same noise so that only the place differs. They are
        kept only with `keep`: in the library `into`, or else here.
        """
        target = self._target(into) if keep else self
        stops = walk(self.store, self.vector(start), self.vector(end), steps)
        if not generate:
            return stops
        seed = secrets.randbelow(2**32) if seed is None else seed
        places = [(stop.t, stop.vector) for stop in stops]
        plans = walk_plans(self.planner, places, (parse(start), parse(end)), neighbours, seed)
        made = self.maker.make(plans, on_step, keeper=target.keeper if keep else None)
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

        `init` and `mask` name the files of its init image and mask where the library does not know
        them. Raises ImageError for a recipe that is not sound, GenerationError where a part is gone.
        """
        recipe, original = recipe_in(source, self.store, self.pictures)
        return replay(recipe, self.planner, self.maker, original, init=init, mask=mask, on_step=on_step)

    def _target(self, into: "Library | None") -> "Library":
        """The target library: where pictures are kept. Raises LibraryError for one of another space."""
        if into is not None:
            compatible(self.space, into.space, into.url)
        target = into or self
        target.begin_writing()
        return target

    # ── looking at the whole ──────────────────────────────────────────────────────────────

    def map(self, *, limit: int = 2000) -> Map:
        """Where images lie on the two axes of most variance: `limit` imported ones, all generated."""
        return map_of(self.store, limit)

    def examples(self) -> Iterator[Image]:
        """The imported images as a training reads them: with vectors, and with absolute paths."""
        for image in self.store.iterate(IMPORTED, vectors=True):
            yield replace(image, uri=str(self.path(image)))
