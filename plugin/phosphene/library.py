"""The library: one store, one space, one journal, and everything that can be done with them.

`Library` parses and delegates; the work is done in the folders beside this file. Models, and what generates,
adds and draws, are loaded when they are first needed: opening, counting and a repeated search need none.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from phosphene.errors import QueryError
from phosphene.filters import EVERYTHING, Filter, all_of, of_origin, with_ids
from phosphene.journal import Journal
from phosphene.maintenance.status import status_of
from phosphene.maintenance.upgrading import begin_writing
from phosphene.opening import Opened, compatible, open_model_of
from phosphene.query import Query, as_filter, as_query
from phosphene.query.terms import Terms, find, vector_of
from phosphene.records import Failure, Hit, Image, Origin, Shown, Status
from phosphene.sources import Item, ScanOptions, SourceName, scan, to_path
from phosphene.sources.uris import is_gone, where
from phosphene.vectors import Vector

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.duplicates.groups import Copies, OnPairs
    from phosphene.embedding import Embedder
    from phosphene.explore.explorer import Explorer
    from phosphene.explore.facets import Facet
    from phosphene.explore.map import Map
    from phosphene.explore.timeline import TimeField
    from phosphene.explore.walk import Stop
    from phosphene.export import Exported
    from phosphene.generation import Additions, Generator, OnLane, OnStep
    from phosphene.generation.comparison import Replayed
    from phosphene.generation.making import GeneratedImage
    from phosphene.generation.service import GenerationService
    from phosphene.generation.wishes import WalkWishes, Wishes
    from phosphene.generators.of_library import LibraryGenerator
    from phosphene.ingest import Added, Progress
    from phosphene.ingest.on_ray import RayEngine
    from phosphene.maintenance.missing import Missing
    from phosphene.maintenance.pruning import Prunable, Scanned
    from phosphene.picture_loader import PictureLoader
    from phosphene.relevance.judging import Cutoff, Judge
    from phosphene.relevance.tagging import Tagger
    from phosphene.saved_queries import SavedQueries


class Library:
    """A library of pictures that can be searched by meaning and generated into."""

    def __init__(
        self,
        parts: Opened,
        *,
        generator: str | None = None,
        additions: "Additions | None" = None,
        compiled: bool = False,
        device: str = "auto",
    ) -> None:
        self.url = parts.url  # opens this library again
        self.folder, self.store, self.space = parts.folder, parts.store, parts.store.space
        self.device, self._wanted = device, (generator, additions, compiled)
        self.journal = Journal(self.folder / "journal.sqlite")
        self.terms = Terms(self.store, self.journal, load=lambda: self.embedder)
        if parts.embedder is not None:
            self.embedder = parts.embedder

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and the journal. Everything that was written stays."""
        self.store.close()
        self.journal.close()

    @cached_property
    def pictures(self) -> "PictureLoader":
        """Opens the pictures of images."""
        from phosphene.picture_loader import PictureLoader

        return PictureLoader(self.store, self.folder)

    @cached_property
    def judge(self) -> "Judge":
        """Searches the store, and judges how relevant hits are."""
        from phosphene.relevance.judging import Judge

        loaded = lambda: "embedder" in vars(self)  # noqa: E731
        return Judge(self.store, self.journal, lambda: self.embedder, loaded)

    @property
    def tagger(self) -> "Tagger":
        """Finds which words are relevant to which images, and writes them as tags."""
        from phosphene.relevance.tagging import Tagger

        return Tagger(self.store, self.terms, self.judge)

    @cached_property
    def generation(self) -> "GenerationService":
        """Plans, makes and keeps pictures."""
        from phosphene.generation.service import GenerationService

        return GenerationService(
            self.folder,
            self.store,
            self.journal,
            self.vector,
            load_generator=lambda: self.generator,
            load_generator_of=self.generators.get_for,
            load_embedder=lambda: self.embedder,
        )

    @cached_property
    def embedder(self) -> "Embedder":
        """The model of this library's space, loaded on first use."""
        return open_model_of(self.space, self.device, self.url, self.model_name)

    @property
    def model_name(self) -> str:
        """The name by which this machine opens the model. Raises ModelError if the user has to allow it."""
        from phosphene.embedding.consent import name_of

        return name_of(self.space, self.url)

    @cached_property
    def generators(self) -> "LibraryGenerator":
        """Opens the generator that was named, the preferred one, or that of the space."""
        from phosphene.generation import Additions
        from phosphene.generators.of_library import LibraryGenerator

        name, additions, compiled = self._wanted
        return LibraryGenerator(
            self.url, self.folder, self.space, name, additions or Additions(), compiled, self.device
        )

    @property
    def generator(self) -> "Generator":
        """The generator of this library, loaded on first use."""
        return self.generators.get()

    def begin_writing(self) -> None:
        """Upgrade a library of an older format. Raises LibraryError if the library can only be read."""
        begin_writing(self.folder, self.store)

    def add(
        self,
        sources: SourceName | Sequence[SourceName] | Iterator[Item | Failure],
        *,
        reread: bool = False,
        options: ScanOptions | None = None,
        engine: "RayEngine | None" = None,
        max_pixels: int | None = None,
        on_progress: "Callable[[Progress], None] | None" = None,
    ) -> "Added":
        """Add pictures: folders, files, COCO captions files, `scheme:…` of plugins, or what `scan` yields.

        Adding twice changes nothing. With `reread`, the metadata of pictures that have not changed are read
        again, too. Pictures of more than 179 million pixels are refused unless `max_pixels` allows them. What
        cannot be added is counted with its reason. If the process is killed, at most one batch is lost.
        `options` are those of the scan. An `engine` adds what has a name with the processes of a cluster.
        Raises ImageError for a path that does not exist.
        """
        from phosphene.images import pixel_limit
        from phosphene.ingest import add

        self.begin_writing()
        if engine is not None:
            return self._add_by(engine, sources, options, reread, on_progress)
        source = nullcontext(sources) if isinstance(sources, Iterator) else scan(sources, options)
        with pixel_limit(max_pixels), source as items:
            return add(
                items,
                load=lambda: self.embedder,
                store=self.store,
                journal=self.journal,
                reread=reread,
                on_progress=on_progress,
            )

    def _add_by(
        self,
        engine: "RayEngine",
        sources: SourceName | Sequence[SourceName] | Iterator[Item | Failure],
        options: ScanOptions | None,
        reread: bool,
        on_progress: "Callable[[Progress], None] | None",
    ) -> "Added":
        several = isinstance(sources, Sequence) and not isinstance(sources, str)
        return engine.add(
            cast("Sequence[SourceName]", sources if several else [sources]),
            load=partial(open_model_of, self.space, self.device, str(self.folder), self.model_name),
            store=self.store,
            journal=self.journal,
            options=options,
            reread=reread,
            on_progress=on_progress,
        )

    def search(
        self,
        query: str | Sequence[str] | Query,
        count: int = 10,
        *,
        origin: Origin | None = None,
        where: str | Filter | None = None,
        diversity: float = 0.0,
        offset: int = 0,
        cut: "Cutoff | None" = None,
        fold: bool = False,
        hybrid: float | None = None,
    ) -> list[Hit]:
        """The `count` images nearest to a query, best first, after the first `offset` of them.

        Those for which a filter of the query or `where` does not hold are left out. A `diversity` in (0, 1]
        avoids similar ones. A `cut` leaves out hits of less relevance, and so perhaps all: "auto", or a
        number in [0, 1]. With `fold`, copies of better hits are left out, and those name them. `hybrid` is
        the share of nearness in the scores, and the rest is that of words: 0 stands for the words of captions
        alone. Raises QueryError for a query of filters alone, which `newest` takes.
        """
        query, wanted = as_query(query), offset + count
        chosen = all_of(of_origin(origin), as_filter(where), query.where.filter)
        search = self._search(query, chosen, diversity, cut, hybrid)
        if not fold:
            return search(wanted)[offset:]
        from phosphene.duplicates.folded import folded

        return folded(self.store, search, wanted)[offset:]

    def _search(
        self, query: Query, where: Filter, diversity: float, cut: "Cutoff | None", hybrid: float | None
    ) -> Callable[[int], list[Hit]]:
        """A function that finds as many hits as it is asked for."""

        def near(count: int) -> list[Hit]:
            return self.judge.search(query, self.vector(query), count, where, diversity=diversity, cut=cut)

        if hybrid is None:
            return near
        from phosphene.query.hybrid import hybrid_search

        if diversity:
            raise QueryError(
                "A hybrid search cannot be diverse.", hint="leave out `--hybrid` or `--diversity`"
            )
        return lambda count: hybrid_search(self.store, query, near, hybrid, count, where)

    def newest(
        self,
        where: str | Filter | None = None,
        count: int = 10,
        *,
        sort: "TimeField" = "created",
        offset: int = 0,
    ) -> list[Image]:
        """The `count` newest images for which a filter holds, by when they were added or `taken`."""
        from phosphene.explore.timeline import listed

        return listed(self.store, as_filter(where), count, sort=sort, offset=offset)

    def vector(self, query: str | Sequence[str] | Query) -> Vector:
        """The unit vector (d,) of a query's terms. Raises QueryError if it has none that means something."""
        return vector_of(as_query(query), self.terms.vector)

    def get(self, id: str) -> Image:
        """The image of an id, or of its first eight or more letters. Raises QueryError if it is not one."""
        return find(self.store, id)

    def show(self, id: str) -> Shown:
        """An image with its parents and everything that was made from it."""
        from phosphene.explore.family import with_relatives

        return with_relatives(self.store, self.get(id))

    def path(self, image: Image) -> Path:
        """The path of an image's file, or of the file that it is a part of, whether it exists or not."""
        return to_path(image.uri, self.folder)

    def where(self, image: Image) -> str:
        """Where the file of an image is: an absolute path, or a URL of a remote file or a part of a file."""
        return where(image.uri, self.folder)

    def is_gone(self, image: Image) -> bool:
        """Whether the file of an image is certainly not on this machine, which it was on."""
        return is_gone(image.uri, self.folder)

    @property
    def queries(self) -> "SavedQueries":
        """The queries that were saved for this library."""
        from phosphene.saved_queries import SavedQueries

        return SavedQueries(self.folder)

    def picture(self, image: Image, *, side: int | None = None) -> "Picture":
        """The picture of an image, or its thumbnail if the file is lost. `side` limits the longer side."""
        return self.pictures.picture(image, side=side)

    def thumbnails(self, ids: Sequence[str]) -> "dict[str, Picture]":
        """The stored thumbnails of images, by id. No file is read."""
        return self.pictures.thumbnails(ids)

    def duplicates(
        self, *, where: str | Filter | None = None, on_pairs: "OnPairs | None" = None
    ) -> "list[Copies]":
        """The groups of images that show the same picture, each with its best copy."""
        from phosphene.duplicates.groups import copies_in

        return copies_in(self.pictures, as_filter(where), on_pairs=on_pairs)

    def missing(self, *, under: Path | None = None) -> "Missing":
        """The images whose files are gone. Below `under`, files in lost or empty folders count, too."""
        from phosphene.maintenance.missing import missing

        return missing(self.store, self.journal, under)

    def prunable(
        self, places: Sequence[Path], scanned: "Scanned", failures: Sequence[Failure] = ()
    ) -> "Prunable":
        """The images whose files have gone from folders and tars that were just scanned and added."""
        from phosphene.maintenance.pruning import prunable

        return prunable(self.store, self.journal, places, scanned, failures)

    def remove(self, ids: Sequence[str]) -> int:
        """Take images out of the library. Files that were added stay; descendants keep the id."""
        self.begin_writing()
        self.journal.remove(ids)  # first: a kill in between costs a second look, and no record is wrong
        return self.store.delete(ids)

    def status(self) -> Status:
        """What the library holds, and in which space."""
        return status_of(self.url, self.store)

    @cached_property
    def explore(self) -> "Explorer":
        """Looks at the library as a whole: clusters, outliers, and a few images that stand for all."""
        from phosphene.explore.explorer import Explorer

        return Explorer(self.store)

    def facets(
        self,
        fields: Sequence[str] | None = None,
        *,
        origin: Origin | None = None,
        where: str | Filter | None = None,
    ) -> "list[Facet]":
        """How many images have each value of these fields, such as `camera`, or of those people ask for most.

        `taken` counts by year. Raises QueryError for a field whose values cannot be counted.
        """
        from phosphene.explore.facets import FACETS, facets

        return facets(self.store, fields or FACETS, all_of(of_origin(origin), as_filter(where)))

    def map(self, *, where: str | Filter | None = None, limit: int = 2000) -> "Map":
        """Where images lie on the two axes of most variance: `limit` imported ones and all generated ones."""
        from phosphene.explore.map import map_of

        return map_of(self.store, limit, as_filter(where))

    def examples(
        self,
        query: str | Sequence[str] | Query | None = None,
        count: int = 200,
        *,
        origin: Origin | None = "imported",
        where: str | Filter | None = None,
    ) -> Iterator[Image]:
        """Images as a training reads them, with vectors and absolute paths: all, or those nearest to a query.

        A `count` without a query, or with one of filters alone, means nothing.
        """
        asked = Query(()) if query is None else as_query(query)
        if not asked.terms:
            chosen = all_of(of_origin(origin), as_filter(where), asked.where.filter)
            return self.pictures.examples(chosen)
        nearest = self.search(asked, count, origin=origin, where=where)
        return self.pictures.examples(with_ids(hit.image.id for hit in nearest))

    def export(
        self,
        target: Path,
        query: str | Sequence[str] | Query | None = None,
        count: int = 100,
        *,
        where: str | Filter | None = None,
        format: str | None = None,
        vectors: bool = False,
        pictures: bool = False,
        force: bool = False,
    ) -> "Exported":
        """Write the whole library, or the hits of a query, in one of `export.FORMATS` for other programs.

        `vectors` are written beside the rest, and `pictures` into a parquet file. Raises OutputError for a
        file or folder that is there already, except with `force`.
        """
        from phosphene.export import Exportable, ExportOptions, export

        asked = None if query is None else as_query(query)
        chosen = all_of(as_filter(where), asked.where.filter if asked else EVERYTHING)
        if asked and asked.terms:
            hits = self.store.near(self.vector(asked), count, chosen, vectors=True)
            found, total = iter([Exportable(hit.image, hit.score) for hit in hits]), len(hits)
        else:
            found, total = map(Exportable, self.store.iterate(chosen, vectors=True)), self.store.count(chosen)
        options = ExportOptions(self.folder, self.space, total, vectors, pictures, force)
        return export(found, target, options, format)

    def generate(
        self,
        prompt: str | Sequence[str] | Query,
        count: int = 4,
        *,
        into: "Library | None" = None,
        on_step: "OnStep | None" = None,
        on_lane: "OnLane | None" = None,
        **wishes: "Unpack[Wishes]",
    ) -> "list[GeneratedImage]":
        """Make pictures from a prompt and the images nearest to it, and keep them with their lineage.

        The nearest images lead each of the `count` pictures. `Wishes` lists what else can be asked for.
        `on_lane` is called with the way that neighbours take, before anything is made.

        The pictures are kept in the library `into`, which must be of the same space, or else in this one.
        Making the same picture again changes nothing. An `on_step` that returns False stops. Raises
        GenerationError for what the generator cannot do.
        """
        return self.generation.generate(
            as_query(prompt), count, wishes, into=self._target(into), on_step=on_step, on_lane=on_lane
        )

    def vary(self, source: str | Path, count: int = 6, **wishes: Any) -> "list[GeneratedImage]":
        """Make variations of a picture, which its file or its id names: they start from it.

        Its caption or its recipe's prompt leads them, or else its own vector. `wishes` are as in `generate`.
        """
        from phosphene.generation.wishes import varying

        return self.generate(self.generation.variation_query(source), count, **varying(source, wishes))

    def walk(
        self,
        start: str,
        end: str,
        steps: int = 8,
        *,
        generate: bool = False,
        keep: bool = False,
        into: "Library | None" = None,
        on_step: "OnStep | None" = None,
        on_lane: "OnLane | None" = None,
        **wishes: "Unpack[WalkWishes]",
    ) -> "list[Stop]":
        """Walk along the great circle between two queries, with the nearest imported image at every stop.

        With `generate` every stop also gets a new picture, all from the same noise; `WalkWishes` lists what
        can be asked for these. With `keep` they are stored in the library `into`, or else in this one.
        """
        from phosphene.explore.walk import walk

        keeper = self._target(into).keeper if keep else None
        ends = as_query(start), as_query(end)
        where = all_of(as_filter(wishes.get("where")), *(each.where.filter for each in ends))
        wishes["where"] = where
        stops = walk(self.store, self.vector(ends[0]), self.vector(ends[1]), steps, where)
        if not generate:
            return stops
        return self.generation.along(stops, ends, wishes, keeper=keeper, on_step=on_step, on_lane=on_lane)

    def replay(
        self,
        source: str | Path,
        *,
        init: Path | str | None = None,
        mask: Path | str | None = None,
        on_step: "OnStep | None" = None,
        on_lane: "OnLane | None" = None,
    ) -> "Replayed":
        """Make a generated picture again, from its id or its file, and compare the two.

        `init` and `mask` name the files that the library does not find. Raises ImageError for a recipe that
        is not valid, and GenerationError if something that it names is gone.
        """
        return self.generation.replay(source, init=init, mask=mask, on_step=on_step, on_lane=on_lane)

    def _target(self, into: "Library | None") -> "GenerationService":
        """What keeps the pictures. Raises LibraryError if the library `into` is of another space."""
        target = into or self
        compatible(self.space, target.space, target.url)
        target.begin_writing()
        return target.generation
