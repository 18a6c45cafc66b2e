"""Repairing a library: what can be brought back is, and what is damaged is set aside, never deleted.

The parts are repaired in the order in which they depend on each other:

    manifest ◄─ the store's space
    store    ◄─ its newest whole version
    journal  ◄─ the store
    images   ◄─ generated pictures with their recipes, and the files that the journal knows
    thumbnails ◄─ pictures

Each step leaves alone what is whole, so that a repair that was stopped can be run again.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from phosphene import ingest
from phosphene.embedding import Embedder
from phosphene.errors import ImageError, LibraryError, StoreError
from phosphene.files import aside_in, require_writable, write_whole
from phosphene.images import open_picture, thumbnail
from phosphene.ingest.commit import fill, lost
from phosphene.ingest.lock import writing
from phosphene.journal import Journal, Seen
from phosphene.maintenance.check import (
    Finding,
    bad_thumbnails,
    check_folder,
    left_over,
    open_whole,
    orphans,
    unsound,
)
from phosphene.manifest import NAME as MANIFEST
from phosphene.manifest import Manifest
from phosphene.records import Image, Space
from phosphene.sources import Item, file_item, to_path
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore

Load = Callable[[str], Embedder]  # a model by its name
BATCH = 500  # images that are written at once


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done, in sentences, and what is still wrong."""

    done: tuple[str, ...]
    left: tuple[Finding, ...]


def repair(
    folder: Path,
    load: Load,
    *,
    space: str | None = None,
    on_done: Callable[[str], None] = lambda done: None,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Repaired:
    """Repair the library in a folder. The model is loaded only where pictures have to be embedded again.

    `space` names it where neither manifest nor store say which one it is. `on_done` is told of each step.
    Raises LibraryError where there is no library, or where nothing says of which space it is.
    """
    check = check_folder(folder)
    if not check:
        return Repaired((), ())
    require_writable(folder)
    with writing(folder, on_done):
        run = _Run(folder, load, space, on_done, on_progress)
        run.over()
    return Repaired(tuple(run.done), tuple(check_folder(folder)))


@dataclass(slots=True)
class _Run:
    """One repair: where damaged files go, and what was done."""

    folder: Path
    load: Load
    asked: str | None
    on_done: Callable[[str], None]
    on_progress: Callable[[int, int | None], None]
    done: list[str] = field(default_factory=list)
    model: Embedder | None = None

    def over(self) -> None:
        self._set_left_over_aside()
        space = self._space()
        store = self._store(space)
        with self._journal() as journal:
            self._rows(store, journal)
            self._twice(store)
            if filled := fill(store, journal):
                self._say(f"wrote {filled:,} files of the store into the journal")
            self._generated(store, journal)
            self._added(store, journal)
            self._thumbnails(store)
        store.close()

    # ── the parts ─────────────────────────────────────────────────────────────────────────

    def _space(self) -> Space:
        """The library's space, by its manifest, or else by its store. The manifest is written anew."""
        manifest = self._manifest()
        store, _ = open_whole(self.folder)
        if store and (manifest is None or manifest.space != store.space):
            manifest = Manifest(store.space)
        elif manifest is None:
            manifest = Manifest(self._asked_space())
        if not (self.folder / MANIFEST).exists() or Manifest.read(self.folder) != manifest:
            manifest.write(self.folder)
            self._say(f"wrote `{MANIFEST}` for the space `{manifest.space.name}`")
        return manifest.space

    def _manifest(self) -> Manifest | None:
        """The manifest that is there; a damaged one is set aside."""
        if not (self.folder / MANIFEST).exists():
            return None
        try:
            return Manifest.read(self.folder)
        except LibraryError:
            self._set_aside([self.folder / MANIFEST])
            return None

    def _asked_space(self) -> Space:
        if self.asked is None:
            raise LibraryError(
                f"neither the manifest nor the store of `{self.folder}` can be read, and they say its space",
                hint=f"name it: `phosphene -L {quote(str(self.folder))} repair --space SPACE`",
            )
        return self._embedder(self.asked).space

    def _store(self, space: Space) -> LanceStore:
        place = self.folder / "store"
        store, wrong = open_whole(self.folder)
        if store is None:
            if place.exists() and any(place.iterdir()):
                self._set_aside([place])
            self._say("made a new store, since no version of the old one can be read")
            return LanceStore.create(place, space)
        if wrong or not _every_row_is_read(store):
            store.mend()
            self._say(f"repaired the store: {store.count():,} images can be read")
        return store

    @contextmanager
    def _journal(self) -> Iterator[Journal]:
        journal = Journal(self.folder / "journal.sqlite")
        try:
            if journal.problems():
                self._say(f"set the damaged journal aside in `{journal.restart()}`")
            yield journal
        finally:
            journal.close()

    def _rows(self, store: Store, journal: Journal) -> None:
        """Take rows out that cannot be used; they are written down, and their files are added again."""
        bad = [row for rows in unsound(store).values() for row in rows]
        if not bad:
            return
        write_whole(aside_in(self.folder) / "images.jsonl", "\n".join(map(json.dumps, bad)).encode())
        noted = journal.ids()
        unknown = [row for row in bad if row["id"] not in noted and row["uri"]]
        added = [row for row in unknown if row["uri"] != f"pictures/{row['id']}.png"]
        journal.record(Seen(row["uri"], "", row["id"], tuple(row["captions"] or ())) for row in added)
        store.delete([row["id"] for row in bad])
        self._say(f"set {len(bad):,} rows aside that cannot be used")

    def _twice(self, store: Store) -> None:
        """Leave one row of each image."""
        counts = Counter(image.id for image in store.iterate())
        twice = [id for id, count in counts.items() if count > 1]
        if not twice:
            return
        images, small = store.get(twice, vectors=True), store.thumbnails(twice)
        store.delete(twice)
        store.upsert([replace(image, thumbnail=small.get(image.id)) for image in images])
        self._say(f"left one row each of {len(twice):,} images that were there more than once")

    def _generated(self, store: Store, journal: Journal) -> None:
        """Bring generated pictures back by their recipes."""
        paths = orphans((image.id for image in store.iterate()), journal)
        self._add([file_item(path) for path in paths], store, journal, "generated pictures by their recipes")
        journal.forget(path.stem for path in paths)  # they are the library's own, not added ones

    def _added(self, store: Store, journal: Journal) -> None:
        """Add the files again that were added and are not in the store any more."""
        gone = lost(store, journal)
        places = [(to_path(seen.uri, self.folder), seen) for seen in journal.files() if seen.id in gone]
        items = [file_item(path, seen.captions) for path, seen in places if os.path.isfile(path)]  # noqa: PTH113
        self._add(items, store, journal, "pictures that had been added")

    def _add(self, items: Sequence[Item], store: Store, journal: Journal, what: str) -> None:
        if not items:
            return
        embedder = self._embedder(store.space.name)
        if embedder.space.id != store.space.id:
            raise LibraryError(
                f"the model `{store.space.name}` is {embedder.space.id} here, not {store.space.id} as before",
                hint="repair the library where its own model is",
            )
        added = ingest.add_locked(
            items,
            embedder=embedder,
            store=store,
            journal=journal,
            on_progress=lambda progress: self.on_progress(progress.done, progress.total),
        )
        self._say(f"brought back {added.added:,} {what}")

    def _thumbnails(self, store: Store) -> None:
        """Make thumbnails again from the pictures that are there."""
        bad = list(bad_thumbnails(store, [image.id for image in store.iterate()]))
        made = 0
        for start in range(0, len(bad), BATCH):
            images = store.get(bad[start : start + BATCH], vectors=True)
            mended = [image for image in map(self._with_thumbnail, images) if image.thumbnail is not None]
            store.upsert(mended)
            made += len(mended)
        if made:
            self._say(f"made {made:,} thumbnails again from their pictures")

    def _with_thumbnail(self, image: Image) -> Image:
        try:
            return replace(image, thumbnail=thumbnail(open_picture(to_path(image.uri, self.folder))))
        except ImageError:
            return image

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _set_left_over_aside(self) -> None:
        if parts := left_over(self.folder):
            self._set_aside(parts)

    def _set_aside(self, paths: Sequence[Path]) -> None:
        aside = aside_in(self.folder)
        for path in paths:
            target = aside / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        names = ", ".join(f"`{path.relative_to(self.folder)}`" for path in paths[:3])
        self._say(f"set {names}{' …' if len(paths) > 3 else ''} aside in `{aside}`")

    def _embedder(self, name: str) -> Embedder:
        self.model = self.model or self.load(name)
        return self.model

    def _say(self, done: str) -> None:
        self.done.append(done)
        self.on_done(done)


def _every_row_is_read(store: LanceStore) -> bool:
    try:
        ids = [image.id for image in store.iterate(vectors=True)]
        for start in range(0, len(ids), BATCH):
            store.thumbnails(ids[start : start + BATCH])
    except StoreError:
        return False
    return True
