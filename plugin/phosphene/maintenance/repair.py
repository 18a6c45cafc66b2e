"""Repairing a library. Damaged files are moved aside, and nothing is deleted.

The parts are repaired in the order in which they depend on each other:

    manifest ◄─ the store's space
    store    ◄─ its newest whole version
    journal  ◄─ the store
    images   ◄─ generated pictures with their recipes, and the files that the journal knows
    thumbnails ◄─ pictures

Each step changes only what is damaged, so a repair that was stopped can be run again. At the end, a library
of an older format is upgraded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from phosphene.batches import batched
from phosphene.errors import LibraryError, StoreError
from phosphene.files import require_writable
from phosphene.ingest.commit import fill
from phosphene.ingest.lock import writing
from phosphene.journal import Journal
from phosphene.maintenance import repair_images
from phosphene.maintenance.check import check_folder, open_whole
from phosphene.maintenance.check_files import left_over
from phosphene.maintenance.findings import Finding
from phosphene.maintenance.repairing import Repairing
from phosphene.maintenance.upgrading import upgrade_locked
from phosphene.manifest import FORMAT, OLDEST, Manifest
from phosphene.manifest import NAME as MANIFEST
from phosphene.records import Space
from phosphene.store.lance.store import LanceStore
from phosphene.store.location import LoadModel


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done, in sentences, and what is still wrong."""

    done: tuple[str, ...]
    left: tuple[Finding, ...]


def repair(
    folder: Path,
    load: LoadModel,
    *,
    model: str | None = None,
    on_done: Callable[[str], None] = lambda done: None,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Repaired:
    """Repair the library in a folder. The model is loaded only if pictures have to be embedded again.

    `model` names the embedding model, if neither the manifest nor the store says which one it is.
    `on_done` is told of each step. Raises LibraryError if there is no library, or if nothing says which
    model it was made with.
    """
    if not check_folder(folder):
        return Repaired((), ())
    require_writable(folder)
    with writing(folder, on_done):
        run = Repairing(folder, load, on_done, on_progress)
        _repair_parts(run, model)
    return Repaired(tuple(run.done), tuple(check_folder(folder)))


def _repair_parts(run: Repairing, model: str | None) -> None:
    if parts := left_over(run.folder):
        run.set_aside(parts)
    store = _repair_store(run, _repair_manifest(run, model))
    with _repaired_journal(run) as journal:
        repair_images.set_unsound_rows_aside(run, store, journal)
        repair_images.leave_one_row_each(run, store)
        if filled := fill(store, journal):
            run.say(f"wrote {filled:,} files of the store into the journal")
        repair_images.bring_generated_back(run, store, journal)
        repair_images.bring_added_back(run, store, journal)
        repair_images.make_thumbnails_again(run, store)
    upgrade_locked(run.folder, store)
    store.close()


def _repair_manifest(run: Repairing, model: str | None) -> Space:
    """The space of the library, by its manifest or else by its store. A wrong manifest is written anew."""
    before = _manifest(run)
    store, _ = open_whole(run.folder)
    manifest = before
    if store and (before is None or before.space != store.space):
        manifest = Manifest(store.space, OLDEST if store.holds_old_rows() else FORMAT)
    elif before is None:
        manifest = Manifest(_named_space(run, model))
    assert manifest is not None, "read, or made from the store or from the model"
    if manifest != before:
        manifest.write(run.folder)
        run.say(f"wrote `{MANIFEST}` for the model `{manifest.space.name}`")
    return manifest.space


def _manifest(run: Repairing) -> Manifest | None:
    """The manifest, or None if there is none. A damaged one is set aside."""
    if not (run.folder / MANIFEST).exists():
        return None
    try:
        return Manifest.read(run.folder)
    except LibraryError:
        run.set_aside([run.folder / MANIFEST])
        return None


def _named_space(run: Repairing, model: str | None) -> Space:
    if model is None:
        raise LibraryError(
            f"Neither the manifest nor the store of `{run.folder}` can be read, so its model is not known.",
            hint=f"name the model: `phosphene -L {quote(str(run.folder))} repair --model MODEL`",
        )
    return run.embedder(model).space


def _repair_store(run: Repairing, space: Space) -> LanceStore:
    place = run.folder / "store"
    store, wrong = open_whole(run.folder)
    if store is None:
        if place.exists() and any(place.iterdir()):
            run.set_aside([place])
        run.say("made a new store, because no version of the old one can be read")
        return LanceStore.create(place, space)
    store.remove_snapshots()
    if wrong or not _every_row_is_read(store):
        store.mend()
        run.say(f"repaired the store: {store.count():,} images can be read")
    return store


def _every_row_is_read(store: LanceStore) -> bool:
    try:
        for batch in batched([image.id for image in store.iterate(vectors=True)], repair_images.BATCH):
            store.thumbnails(batch)
    except StoreError:
        return False
    return True


@contextmanager
def _repaired_journal(run: Repairing) -> Iterator[Journal]:
    """The journal, open. A damaged one is set aside and begun again."""
    journal = Journal(run.folder / "journal.sqlite")
    try:
        if journal.problems():
            run.say(f"set the damaged journal aside in `{journal.restart()}`")
        yield journal
    finally:
        journal.close()
