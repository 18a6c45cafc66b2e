"""Checking files: those that a user added, the library's generated pictures, and what a kill left over."""

import os
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from phosphene.errors import ImageError
from phosphene.files import ASIDE
from phosphene.journal import Journal
from phosphene.maintenance.findings import Finding, about_images, listed
from phosphene.maintenance.missing import missing
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import generated_id
from phosphene.records import Image
from phosphene.sources import is_remote, to_path, was_added
from phosphene.sources.contents import content_at
from phosphene.store import Store

UNFINISHED = 60  # seconds: a temporary file that is older was left by a process that was killed


def check_added_files(
    store: Store, images: dict[str, Image], journal: Journal, *, deep: bool
) -> Iterator[Finding]:
    """Files of the user that are gone or that have changed since they were added."""
    found = missing(store, journal)
    if found.gone:
        yield about_images("file", "have no file any more", [image.uri for image in found.gone])
    if found.unsure:
        folders = [str(folder) for folder in found.unsure]
        count = sum(found.unsure.values())
        message = f"The files in these folders are out of reach ({count:,} images): {listed(folders)}."
        yield Finding("file", message, tuple(folders))
    changed = [image.uri for image in _with_file(images.values(), journal) if _changed(image, journal, deep)]
    if changed:
        yield about_images("file", "have a file that has changed since", changed)


def check_generated_files(images: dict[str, Image], journal: Journal, *, deep: bool) -> Iterator[Finding]:
    """What is wrong with the pictures that the library keeps itself, and what else lies in its folder."""
    folder = journal.folder
    wrong: dict[str, list[str]] = {}
    for image in images.values():
        if not was_added(image) and not is_remote(image.uri) and (reason := _unlike(image, folder, deep)):
            wrong.setdefault(reason, []).append(image.id)
    yield from (about_images("picture", reason, ids) for reason, ids in wrong.items())
    if lost := [path.stem for path in orphans(images, journal)]:
        yield about_images("picture", "lie in `pictures`, but are not in the store", lost)
    if parts := [str(path.relative_to(folder)) for path in left_over(folder)]:
        message = f"Killed processes have left unfinished files ({len(parts):,}): {listed(parts)}."
        yield Finding("left over", message, tuple(parts))


def orphans(images: Iterable[str], journal: Journal) -> list[Path]:
    """Generated pictures, told by their recipes, that are not among `images` and were not removed."""
    known = {*images, *journal.removed()}
    pictures = sorted((journal.folder / "pictures").glob("*.png"))
    return [path for path in pictures if path.stem not in known and _recipe_id(path) == path.stem]


def left_over(folder: Path) -> list[Path]:
    """Temporary files of processes that were killed."""
    old = time.time() - UNFINISHED
    parts = (path for path in folder.rglob(".*.part") if ASIDE not in path.relative_to(folder).parts)
    return sorted(path for path in parts if path.stat().st_mtime < old)


def _unlike(image: Image, folder: Path, deep: bool) -> str:
    """What is wrong with the file of a generated image, or an empty text if nothing is."""
    path = folder / image.uri
    if not os.path.exists(path):  # unlike Path.exists, never raises  # noqa: PTH110
        return "were generated, but have no picture any more"
    if _recipe_id(path) != image.id:
        return "were generated, but have a picture that is damaged or belongs to another image"
    other = deep and _digest(image.uri, folder) != image.sha256
    return "were generated, but have a picture with other bytes" if other else ""


def _with_file(images: Iterable[Image], journal: Journal) -> Iterator[Image]:
    """The images that were added and whose file exists."""
    return (image for image in images if was_added(image) and to_path(image.uri, journal.folder).is_file())


def _changed(image: Image, journal: Journal, deep: bool) -> bool:
    """Whether the file of an image has other bytes; unless `deep`, whether it has another size."""
    if deep:
        return _digest(image.uri, journal.folder) != image.sha256
    noted = journal.known([image.uri]).get(image.uri)
    if noted is None or not noted.stamp:
        return False
    size, _, _ = noted.stamp.partition("-")  # the time may change without the bytes
    return size != str(to_path(image.uri, journal.folder).stat().st_size)


def _recipe_id(path: Path) -> str | None:
    """The id that the recipe in a picture leads to, or None if the picture holds no sound recipe."""
    try:
        recipe = in_picture(path)
    except ImageError:
        return None
    return None if recipe is None else generated_id(recipe)


def _digest(uri: str, folder: Path) -> str:
    """The sha256 of a picture's file, or an empty text if it cannot be read."""
    try:
        return sha256(content_at(uri, folder)).hexdigest()
    except ImageError:
        return ""
