"""Copying a library into another one of the same space: vectors, thumbnails, lineage, generated files.

The two may have different stores. An image that the target already holds with the same content is skipped, so
a copy that was stopped goes on where it ended. At the end everything is read back and compared by a digest of
each image, and the target's journal learns of the images that it does not know.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from phosphene.batches import batched
from phosphene.errors import LibraryError, StoreError
from phosphene.files import inside, write_whole
from phosphene.images import read
from phosphene.ingest.commit import fill
from phosphene.ingest.progress import OnCount
from phosphene.journal import Journal
from phosphene.maintenance.upgrading import begin_writing
from phosphene.recipes.description import with_fields
from phosphene.records import Image
from phosphene.sources import is_remote, to_path, to_uri
from phosphene.sources.uris import part_of
from phosphene.store import Store
from phosphene.store.properties import properties_of
from phosphene.times import instant

BATCH = 500  # images with thumbnails of up to 20 KB: 10 MB in memory
PNG = b"\x89PNG\r\n\x1a\n"  # what every PNG file begins with
LARGEST = 64 << 20  # bytes of a generated picture; ours have 0.1 MiB
NAMED = 5  # ids that an error names
SIZE = 16  # bytes of an image's digest


@dataclass(frozen=True, slots=True)
class CopySide:
    """A library as a copy sees it: its store, and the folder to which relative uris are relative."""

    store: Store
    folder: Path


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did. `checksum` is the sum of the digests of all images that were copied or skipped."""

    copied: int
    unchanged: int
    files: int  # generated pictures that were written
    without_file: int  # generated images whose file is not on this machine
    passed_over: int  # entries of the source that are not images; another program wrote them
    checksum: str
    seconds: float


def copy(
    source: CopySide, target: CopySide, on_progress: OnCount | None = None, *, batch_size: int = BATCH
) -> Copied:
    """Copy all images, a batch in one commit. Images that only the target has stay there.

    Raises LibraryError if the spaces differ, and StoreError if an image of the target differs from its
    original at the end.
    """
    _refuse(source, target)
    started = time.monotonic()
    held, total = digests(target.store), source.store.count()
    wanted: dict[str, bytes] = {}
    copied = files = without_file = 0
    for batch in batched(_moved(source, target), batch_size):
        fresh = {image.id: digest(image) for image in batch}
        wanted |= fresh
        written = [_carry(image, source.folder, target.folder) for image in batch if _carried(image)]
        files, without_file = files + written.count(True), without_file + written.count(None)
        missing = [image for image in batch if held.get(image.id) != fresh[image.id]]
        target.store.upsert(_with_thumbnails(missing, source.store))
        copied += len(missing)
        if on_progress:
            on_progress(len(wanted), max(total, len(wanted)))
    _verify(wanted, target.store)
    with closing(Journal(target.folder / "journal.sqlite")) as journal:
        fill(target.store, journal)
    return Copied(
        copied=copied,
        unchanged=len(wanted) - copied,
        files=files,
        without_file=without_file,
        passed_over=max(0, total - len(wanted)),
        checksum=checksum(wanted),
        seconds=time.monotonic() - started,
    )


def digest(image: Image) -> bytes:
    """A digest (16 bytes) of an image's id, properties and float32 vector; not of its thumbnail."""
    described = {
        **properties_of(image),
        "id": image.id,
        "recipe": image.recipe,
        "created": instant(image.created),
    }
    hashed = hashlib.blake2b(json.dumps(described, sort_keys=True).encode(), digest_size=SIZE)
    hashed.update(np.asarray(image.vector, dtype="<f4").tobytes())
    return hashed.digest()


def digests(store: Store) -> dict[str, bytes]:
    """The digest of every image of a store, by id."""
    return {image.id: digest(image) for image in store.iterate(vectors=True)}


def checksum(digests: dict[str, bytes]) -> str:
    """One number for many images, whatever their order: the sum of their digests, in hex."""
    total = sum(int.from_bytes(each) for each in digests.values())
    return f"{total % 2 ** (8 * SIZE):0{2 * SIZE}x}"


def _refuse(source: CopySide, target: CopySide) -> None:
    here, there = source.store.space, target.store.space
    if here.id != there.id:
        raise LibraryError(
            f"A library of `{here.name}` ({here.id}) cannot be copied into one of `{there.name}`"
            f" ({there.id}), because their vectors do not mix.",
            hint="copy into a new library, which is made in the same space",
        )
    if source.folder.resolve() == target.folder.resolve():
        raise LibraryError(
            f"`{source.folder}` cannot be copied into itself.", hint="name another library to copy into"
        )
    begin_writing(target.folder, target.store)


def _moved(source: CopySide, target: CopySide) -> Iterator[Image]:
    """The images with the uris that the target uses. Generated ones lie in the folders of both libraries."""
    for each in source.store.iterate(vectors=True):
        image = with_fields(each)  # a library of an older format has no fields
        if _carried(image) or is_remote(image.uri) or part_of(image.uri) or not image.uri:
            yield image
        else:
            yield replace(image, uri=to_uri(to_path(image.uri, source.folder), target.folder))


def _carried(image: Image) -> bool:
    """Whether the file of an image belongs to the library, not to the user."""
    return image.origin == "generated" and image.uri == f"pictures/{image.id}.png"


def _carry(image: Image, source: Path, target: Path) -> bool | None:
    """Copy a generated picture. True: it was written; False: the target has it; None: there is no file."""
    old, new = _picture_of(image, source), inside(target, image.uri)
    if new.exists() and (old is None or new.stat().st_size == old.stat().st_size):
        return False
    if old is None:
        return None
    write_whole(new, read(old).content)
    return True


def _picture_of(image: Image, folder: Path) -> Path | None:
    """The file of a generated picture, or None if there is none.

    A link out of the library does not count, nor does a file that is not a PNG: a library from a stranger
    must not make a copy take along other files of this machine.
    """
    try:
        path = inside(folder, image.uri)
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        with path.open("rb") as file:
            return path if file.read(len(PNG)) == PNG else None
    except (LibraryError, OSError):
        return None


def _with_thumbnails(images: Sequence[Image], store: Store) -> list[Image]:
    small = store.thumbnails([image.id for image in images]) if images else {}
    return [replace(image, thumbnail=small.get(image.id)) for image in images]


def _verify(wanted: dict[str, bytes], store: Store) -> None:
    """Read everything back. Raises StoreError if an image is missing, differs or is there twice."""
    there = [(image.id, digest(image)) for image in store.iterate(vectors=True)]
    found = dict(there)
    wrong = [id for id, digest in wanted.items() if found.get(id) != digest]
    if wrong:
        raise StoreError(
            f"{len(wrong):,} of {len(wanted):,} images are missing in the copy or differ from the original:"
            f" {', '.join(wrong[:NAMED])}{' …' if len(wrong) > NAMED else ''}.",
            hint="run the same command again, if one of the two libraries was changed meanwhile",
        )
    if len(there) != len(found):
        raise StoreError(
            f"The copy has {len(there):,} images, but only {len(found):,} different ids.",
            hint="run the same command again, if the copy was written to meanwhile",
        )
