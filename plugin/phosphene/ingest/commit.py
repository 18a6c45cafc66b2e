"""From looks at files to the store and the journal, in that order.

An image's place and captions follow from all the files that are it, so they come out the same in
whatever order, and after however many kills, the files were added. The store is written first: a
kill in between costs the next run a second look at the batch, no more.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phosphene.errors import StoreError
from phosphene.filters import with_ids
from phosphene.ingest.worker import Outcome
from phosphene.journal import Journal, Refused, Seen
from phosphene.records import Image
from phosphene.sources import fullest, is_own, is_remote, to_path, was_added
from phosphene.store import Store


def commit(found: Sequence[Outcome], store: Store, journal: Journal) -> int:
    """Write a batch; returns how many images are new to the library.

    Raises StoreError where it cannot be written; then the same batch can be committed again.
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
    store.upsert(changed)  # those that came from the store keep their thumbnails there
    if replaced := [id for id, image in stored.items() if not after[id] and not is_own(image)]:
        store.delete(replaced)
    journal.record(seen.values(), refused)
    journal.take_back(file.id for file in seen.values())
    return len(fresh)


def lost(store: Store, journal: Journal) -> frozenset[str]:
    """The images that the journal knows and the store does not have: their files are to be added again.

    It happens where the store lost its newest version, or was emptied, restored or changed from elsewhere.
    """
    noted = journal.ids()
    if store.count(with_ids(noted)) == len(noted):
        return frozenset()
    return frozenset(noted - {image.id for image in store.iterate()})


def fill(store: Store, journal: Journal) -> int:
    """Write down the files of stored images that the journal does not know; returns how many.

    They have to be looked at again, but none is embedded again. Their captions stay those of the store.
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
            f"image `{id}` was removed while its file was being added", hint="run the same again"
        )
    return images[id]


def _described(image: Image, before: Iterable[Seen], after: Sequence[Seen], journal: Journal) -> Image:
    """The image with the place and the captions that its files give it.

    Captions that no file of this journal ever gave it came from another machine, and stay.
    """
    files = sorted(after, key=lambda file: (is_remote(file.uri), file.uri))  # a file of this machine first
    if len(files) > 1:  # moved files leave their old places behind
        there = [file for file in files if _may_be_there(file.uri, journal.folder)]
        files = there or files
    given = {caption for file in before for caption in file.captions}
    elsewhere = [caption for caption in image.captions if caption not in given]
    captions = tuple(dict.fromkeys([*(caption for file in files for caption in file.captions), *elsewhere]))
    if image.recipe:
        return replace(image, uri=_place_of_made(image, files, journal), captions=captions)
    return replace(image, uri=files[0].uri, caption=fullest(captions), captions=captions)


def _may_be_there(uri: str, folder: Path) -> bool:
    """Whether a file is there; of an address nobody knows."""
    return is_remote(uri) or os.path.lexists(to_path(uri, folder))


def _place_of_made(image: Image, files: Sequence[Seen], journal: Journal) -> str:
    """Where a generated image lies: it stays where it is, as long as there is a file.

    Another file with its recipe may hold other pixels, since anybody can write a recipe into a file.
    """
    is_there = os.path.lexists(to_path(image.uri, journal.folder))
    return image.uri if is_there or not was_added(image) else files[0].uri
