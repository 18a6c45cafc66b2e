"""Checking a library: its manifest, store, journal, files and generated pictures.

A check writes nothing. `repair` restores what can be restored.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

from phosphene.errors import Damage, LibraryError, StoreError
from phosphene.ingest.progress import OnCount
from phosphene.journal import Journal
from phosphene.maintenance.check_files import check_added_files, check_generated_files
from phosphene.maintenance.check_rows import check_rows, check_thumbnails
from phosphene.maintenance.findings import Finding, about_images
from phosphene.manifest import NAME as MANIFEST
from phosphene.manifest import Manifest
from phosphene.records import Image
from phosphene.sources import was_added
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore


def check_folder(folder: Path, *, deep: bool = False, on_progress: OnCount | None = None) -> list[Finding]:
    """Find everything that is wrong with the library in a folder. Raises LibraryError if there is none."""
    if not any((folder / name).exists() for name in (MANIFEST, "store", "journal.sqlite")):
        raise LibraryError(
            f"There is no library in `{folder}`.", hint="name the folder of a library with `-L`"
        )
    store, findings = open_whole(folder)
    journal = Journal(folder / "journal.sqlite", writing=False)
    try:
        return [
            *_check_manifest(folder, store),
            *findings,
            *check(store, journal, deep=deep, on_progress=on_progress),
        ]
    finally:
        journal.close()


def check(
    store: Store | None, journal: Journal, *, deep: bool = False, on_progress: OnCount | None = None
) -> list[Finding]:
    """Find everything that is wrong in a library. With `deep`, the bytes of all files are compared."""
    findings = [Finding("journal", f"Its file is damaged: {each}.") for each in journal.problems()]
    if store is None:
        return findings
    images: dict[str, Image] = {}
    try:
        findings += check_rows(store, images, on_progress)
        findings += check_thumbnails(store, list(images))
        findings += _check_journal(images, journal) if not findings else ()
        findings += check_added_files(store, images, journal, deep=deep)
    except StoreError as error:
        findings.append(Finding("store", error.message))
    return [*findings, *check_generated_files(images, journal, deep=deep)]


def open_whole(folder: Path) -> tuple[LanceStore | None, list[Finding]]:
    """The store in the folder of a library, if it can be read, and what is wrong with its files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Damage)
            store = LanceStore.open(folder / "store", snapshots=False)
    except StoreError as error:
        return None, [Finding("store", error.message)]
    if not store.damaged:
        return store, []
    return store, [Finding("store", f"Some of its files are damaged. {store.count():,} images can be read.")]


def _check_manifest(folder: Path, store: Store | None) -> Iterator[Finding]:
    if not (folder / MANIFEST).exists():
        yield Finding("manifest", f"`{MANIFEST}` is missing.")
        return
    try:
        manifest = Manifest.read(folder)
    except LibraryError as error:
        yield Finding("manifest", error.message)
        return
    if manifest and store and manifest.space != store.space:
        named, held = manifest.space.name, store.space.name
        yield Finding("manifest", f"It names the model `{named}`, but the store holds vectors of `{held}`.")


def _check_journal(images: dict[str, Image], journal: Journal) -> Iterator[Finding]:
    """Find images that only the journal or only the store has."""
    noted = journal.ids()
    if lost := sorted(noted - images.keys()):
        yield about_images("journal", "were added, but are not in the store", lost)
    added = sorted(id for id, image in images.items() if was_added(image) and id not in noted)
    if added:
        yield about_images("journal", "are in the store, but not in the journal", added)
