"""What is wrong with a library: its manifest, store, journal, files and generated pictures.

Checking writes nothing. `repair` mends what can be mended.
"""

import math
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from phosphene.errors import Damage, ImageError, LibraryError, StoreError
from phosphene.files import ASIDE
from phosphene.images import digest, open_picture
from phosphene.journal import Journal
from phosphene.maintenance.missing import missing
from phosphene.manifest import NAME as MANIFEST
from phosphene.manifest import Manifest
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import generated_id
from phosphene.records import Image
from phosphene.sources import is_remote, to_path, was_added
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore
from phosphene.store.odd import is_id

Part = Literal["manifest", "store", "image", "thumbnail", "journal", "file", "picture", "left over"]
OnProgress = Callable[[int, int], None]  # images looked at, images in all

LENGTH_WITHIN = 1e-3  # of a unit vector: float32 and half floats of other stores stay within it
NAMED = 3  # ids or paths that a finding names
BATCH = 500  # images whose thumbnails are in memory at once: 10 MB
UNFINISHED = 60  # seconds: a temporary file that is older was left by a process that was killed


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in a sentence, and the ids or the paths that it concerns."""

    part: Part
    message: str
    about: tuple[str, ...] = ()


def check_folder(folder: Path, *, deep: bool = False, on_progress: OnProgress | None = None) -> list[Finding]:
    """All that is wrong with the library in a folder. Raises LibraryError where there is none."""
    if not any((folder / name).exists() for name in (MANIFEST, "store", "journal.sqlite")):
        raise LibraryError(
            f"there is no library in `{folder}`", hint="name the folder of a library with `-L`"
        )
    store, findings = open_whole(folder)
    journal = Journal(folder / "journal.sqlite", writing=False)
    try:
        return [
            *_manifest(folder, store),
            *findings,
            *check(store, journal, deep=deep, on_progress=on_progress),
        ]
    finally:
        journal.close()


def check(
    store: Store | None, journal: Journal, *, deep: bool = False, on_progress: OnProgress | None = None
) -> list[Finding]:
    """All that is wrong with what a library holds. With `deep` the bytes of every file are compared."""
    findings = [Finding("journal", f"its file is damaged: {each}") for each in journal.problems()]
    if store is None:
        return findings
    images: dict[str, Image] = {}
    try:
        findings += _rows(store, images, on_progress)
        findings += _thumbnails(store, list(images))
        findings += _journal(images, journal) if not findings else ()
        findings += _files(store, images, journal, deep=deep)
    except StoreError as error:
        findings.append(Finding("store", error.message))
    return [*findings, *_pictures(images, journal, deep=deep)]


def open_whole(folder: Path) -> tuple[LanceStore | None, list[Finding]]:
    """The store in a library's folder, where it can be read, and what is wrong with its files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Damage)
            store = LanceStore.open(folder / "store")
    except StoreError as error:
        return None, [Finding("store", error.message)]
    if not store.damaged:
        return store, []
    return store, [Finding("store", f"files are damaged: {store.count():,} images can be read")]


def orphans(images: Iterable[str], journal: Journal) -> list[Path]:
    """Generated pictures, by their recipes, that are no image and were not removed."""
    known = {*images, *journal.removed()}
    return [
        path for path in _pngs(journal.folder) if path.stem not in known and _recipe_id(path) == path.stem
    ]


def left_over(folder: Path) -> list[Path]:
    """Temporary files of processes that were killed."""
    old = time.time() - UNFINISHED
    parts = (path for path in folder.rglob(".*.part") if ASIDE not in path.relative_to(folder).parts)
    return sorted(path for path in parts if path.stat().st_mtime < old)


def unsound(store: Store) -> dict[str, list[dict[str, Any]]]:
    """The rows of a store that are no image, by what is wrong with them as the end of a sentence."""
    wrong: dict[str, list[dict[str, Any]]] = {}
    for row, length in store.as_stored() if isinstance(store, LanceStore) else ():
        if reason := _unsound(row["id"], length):
            wrong.setdefault(reason, []).append(row)
    return wrong


def bad_thumbnails(store: Store, ids: Sequence[str]) -> Iterator[str]:
    """The ids of images whose thumbnail is missing or cannot be decoded."""
    remaining = iter(ids)
    while batch := list(islice(remaining, BATCH)):
        kept = store.thumbnails(batch)
        yield from (id for id in batch if not _is_picture(kept.get(id)))


# ── the parts ─────────────────────────────────────────────────────────────────────────────


def _manifest(folder: Path, store: Store | None) -> Iterator[Finding]:
    if not (folder / MANIFEST).exists():
        yield Finding("manifest", f"`{MANIFEST}` is missing")
        return
    try:
        manifest = Manifest.read(folder)
    except LibraryError as error:
        yield Finding("manifest", error.message)
        return
    if manifest and store and manifest.space != store.space:
        told, held = manifest.space.name, store.space.name
        yield Finding("manifest", f"it says `{told}`, and the store holds vectors of `{held}`")


def _rows(store: Store, images: dict[str, Image], on_progress: OnProgress | None) -> Iterator[Finding]:
    """What is wrong with rows; the images of the others are collected."""
    wrong = {reason: [str(row["id"]) for row in rows] for reason, rows in unsound(store).items()}
    counts: Counter[str] = Counter()
    total = store.count()
    for image in store.iterate():
        counts[image.id] += 1
        images[image.id] = image
        if on_progress and len(images) % BATCH == 0:
            on_progress(len(images), max(total, len(images)))
    wrong["are there more than once"] = [id for id, count in counts.items() if count > 1]
    yield from (_found("image", reason, ids) for reason, ids in wrong.items() if ids)


def _unsound(id: object, length: float) -> str:
    """What is wrong with a row, as the end of a sentence; empty where nothing is."""
    if not is_id(id):
        return "have an id that is no UUID"
    if not math.isfinite(length):
        return "have a vector that is not finite"
    return "have a vector whose length is not 1" if abs(length - 1) > LENGTH_WITHIN else ""


def _thumbnails(store: Store, ids: Sequence[str]) -> Iterator[Finding]:
    if bad := list(bad_thumbnails(store, ids)):
        yield _found("thumbnail", "have no thumbnail that can be read", bad)


def _journal(images: dict[str, Image], journal: Journal) -> Iterator[Finding]:
    """Where the journal and the store disagree."""
    noted = journal.ids()
    if lost := sorted(noted - images.keys()):
        yield _found("journal", "were added and are not in the store", lost)
    added = sorted(id for id, image in images.items() if was_added(image) and id not in noted)
    if added:
        yield _found("journal", "are in the store and not in the journal", added)


def _files(store: Store, images: dict[str, Image], journal: Journal, *, deep: bool) -> Iterator[Finding]:
    """Files of the user's that are not what was added."""
    found = missing(store, journal)
    if found.gone:
        yield _found("file", "have no file any more", [image.uri for image in found.gone])
    if found.unsure:
        folders = [str(folder) for folder in found.unsure]
        count = sum(found.unsure.values())
        yield Finding(
            "file", f"images whose files are out of reach: {count:,} (in {_listed(folders)})", tuple(folders)
        )
    changed = [image.uri for image in _there(images.values(), journal) if _changed(image, journal, deep)]
    if changed:
        yield _found("file", "are not what their files hold now", changed)


def _pictures(images: dict[str, Image], journal: Journal, *, deep: bool) -> Iterator[Finding]:
    """Generated pictures of the library's own, and what else lies beside them."""
    folder = journal.folder
    wrong: dict[str, list[str]] = {}
    for image in images.values():
        if not was_added(image) and not is_remote(image.uri) and (reason := _unlike(image, folder, deep)):
            wrong.setdefault(reason, []).append(image.id)
    yield from (_found("picture", reason, ids) for reason, ids in wrong.items())
    if lost := [path.stem for path in orphans(images, journal)]:
        yield _found("picture", "lie in `pictures` and are not in the store", lost)
    if parts := [str(path.relative_to(folder)) for path in left_over(folder)]:
        yield Finding("left over", f"unfinished files: {len(parts):,} ({_listed(parts)})", tuple(parts))


def _unlike(image: Image, folder: Path, deep: bool) -> str:
    """What is wrong with the file of a generated image; empty where nothing is."""
    path = folder / image.uri
    if not os.path.exists(path):  # unlike Path.exists, never raises  # noqa: PTH110
        return "were generated and have no picture any more"
    if _recipe_id(path) != image.id:
        return "were generated and have a picture that is damaged, or not theirs"
    return (
        "were generated and have a picture of other bytes" if deep and _digest(path) != image.sha256 else ""
    )


def _there(images: Iterable[Image], journal: Journal) -> Iterator[Image]:
    return (image for image in images if was_added(image) and to_path(image.uri, journal.folder).is_file())


def _changed(image: Image, journal: Journal, deep: bool) -> bool:
    path = to_path(image.uri, journal.folder)
    if deep:
        return _digest(path) != image.sha256
    noted = journal.known([image.uri]).get(image.uri)
    if noted is None or not noted.stamp:
        return False
    size, _, _ = noted.stamp.partition("-")  # the time says nothing of the bytes
    return size != str(path.stat().st_size)


def _pngs(folder: Path) -> list[Path]:
    return sorted((folder / "pictures").glob("*.png"))


def _recipe_id(path: Path) -> str | None:
    """The id that the recipe in a picture says; None where there is none that is sound."""
    try:
        recipe = in_picture(path)
    except ImageError:
        return None
    return None if recipe is None else generated_id(recipe)


def _digest(path: Path) -> str:
    """The sha256 of a file; empty where it cannot be read."""
    try:
        return digest(path)
    except ImageError:
        return ""


def _is_picture(content: bytes | None) -> bool:
    try:
        return content is not None and open_picture(content) is not None
    except ImageError:
        return False


def _found(part: Part, reason: str, about: Sequence[str]) -> Finding:
    return Finding(part, f"images that {reason}: {len(about):,} ({_listed(about)})", tuple(about))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
