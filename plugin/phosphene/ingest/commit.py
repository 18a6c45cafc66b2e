"""Committing a batch of items to the store, and then to the journal.

The uri, the captions and the fields of an image follow from all of its files. So the result does not depend
on the order in which files were added, or on how often a run was killed. The store is written first. After a
kill between the two, the next run reads the batch again, and nothing is lost.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phosphene.errors import StoreError
from phosphene.filters import with_ids
from phosphene.ingest.worker import Outcome
from phosphene.journal import Journal, Refused, Seen
from phosphene.metadata import changed_fields
from phosphene.records import Image
from phosphene.sources import fullest, is_own, is_remote, to_path, was_added
from phosphene.store import Store


def commit(found: Sequence[Outcome], store: Store, journal: Journal) -> int:
    """Write a batch. Returns how many of its images are new to the library.

    Raises StoreError if it cannot be written. The same batch can then be committed again.
    """
    seen = {file.uri: file for file, _ in found if isinstance(file, Seen)}
    refused = [file for file, _ in found if isinstance(file, Refused)]
    looked_at = {*seen, *(file.uri for file in refused if file.stamp)}
    ids = list(dict.fromkeys(file.id for file in [*seen.values(), *journal.known(looked_at).values()]))
    before = journal.places(ids)
    after = {id: [file for file in before.get(id, ()) if file.uri not in looked_at] for id in ids}
    for file in seen.values():
        after[file.id].append(file)

    stored = {image.id: image for image in store.get(ids, vectors=True)}
    fresh = {image.id: image for _, image in found if image and image.id not in stored}
    held = {**fresh, **stored}
    images = [_of(id, held) for id in ids if after[id]]
    described = [_described(image, before.get(image.id, ()), after[image.id], journal) for image in images]
    changed = [image for image in described if image != stored.get(image.id)]
    store.upsert(changed)  # images that came from the store keep their thumbnails
    if replaced := [id for id, image in stored.items() if not after[id] and not is_own(image)]:
        store.delete(replaced)
    journal.record(seen.values(), refused)
    journal.take_back(file.id for file in seen.values())
    return len(fresh)


def lost(store: Store, journal: Journal) -> frozenset[str]:
    """The images that the journal knows and the store does not have. Their files have to be added again.

    This happens if the store has lost its newest version, or was emptied, restored, or changed by others.
    """
    noted = journal.ids()
    if store.count(with_ids(noted)) == len(noted):
        return frozenset()
    return frozenset(noted - {image.id for image in store.iterate()})


def fill(store: Store, journal: Journal) -> int:
    """Record the files of stored images that the journal does not know. Returns how many there are.

    These files are read again by the next `add`, but not embedded again. Their captions and fields stay as
    they are in the store.
    """
    noted = journal.ids()
    lost = [Seen(image.uri, "", image.id) for image in store.iterate() if not is_own(image)]
    lost = [seen for seen in lost if seen.id not in noted]
    taken = journal.known(seen.uri for seen in lost)
    journal.record(seen for seen in lost if seen.uri not in taken)
    return len(lost)


def _of(id: str, images: Mapping[str, Image]) -> Image:
    if id not in images:
        raise StoreError(
            f"The image `{id}` was removed while its file was being added.", hint="run the same command again"
        )
    return images[id]


def _described(image: Image, before: Iterable[Seen], after: Sequence[Seen], journal: Journal) -> Image:
    """The image with the uri, the captions and the fields that follow from its files.

    What no file in this journal has given to the image came from elsewhere, such as another machine, and
    stays.
    """
    files = sorted(after, key=lambda file: (is_remote(file.uri), file.uri))  # a file of this machine first
    if len(files) > 1:  # the journal still knows the old paths of files that were moved
        existing = [file for file in files if _may_exist(file.uri, journal.folder)]
        files = existing or files
    told, former = [file.metadata for file in files], [file.metadata for file in before]
    given = {caption for each in former for caption in each.captions}
    elsewhere = [caption for caption in image.captions if caption not in given]
    captions = tuple(dict.fromkeys([*(caption for each in told for caption in each.captions), *elsewhere]))
    fields = changed_fields(image.fields, [each.fields for each in former], [each.fields for each in told])
    image = replace(image, captions=captions, fields=fields)
    if image.recipe:
        return replace(image, uri=_uri_of_generated(image, files, journal))
    return replace(image, uri=files[0].uri, caption=fullest(captions))


def _may_exist(uri: str, folder: Path) -> bool:
    """Whether a file exists. An address with a scheme is not checked, and may exist."""
    return is_remote(uri) or os.path.lexists(to_path(uri, folder))


def _uri_of_generated(image: Image, files: Sequence[Seen], journal: Journal) -> str:
    """The uri of a generated image, which does not change as long as its file exists.

    Another file with the same recipe may have other pixels, since anybody can write a recipe into a file.
    """
    exists = os.path.lexists(to_path(image.uri, journal.folder))
    return image.uri if exists or not was_added(image) else files[0].uri
