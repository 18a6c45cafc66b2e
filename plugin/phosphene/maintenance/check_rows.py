"""Checking the rows of a store: their ids, vectors and thumbnails."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from phosphene.batches import batched
from phosphene.errors import ImageError
from phosphene.images import open_picture
from phosphene.ingest.progress import OnCount
from phosphene.maintenance.findings import Finding, about_images
from phosphene.records import Image
from phosphene.store import Store
from phosphene.store.invalid import is_id
from phosphene.store.lance.store import LanceStore

LENGTH_WITHIN = 1e-3  # by how much the length of a unit vector may differ from 1: half floats stay within it
BATCH = 500  # images whose thumbnails are in memory at once: 10 MB


def check_rows(store: Store, images: dict[str, Image], on_progress: OnCount | None) -> Iterator[Finding]:
    """What is wrong with the rows. The images of all rows that can be read are put into `images`."""
    wrong = {reason: [str(row["id"]) for row in rows] for reason, rows in unsound_rows(store).items()}
    counts: Counter[str] = Counter()
    total = store.count()
    for image in store.iterate():
        counts[image.id] += 1
        images[image.id] = image
        if on_progress and len(images) % BATCH == 0:
            on_progress(len(images), max(total, len(images)))
    wrong["are in the store more than once"] = [id for id, count in counts.items() if count > 1]
    yield from (about_images("image", reason, ids) for reason, ids in wrong.items() if ids)


def unsound_rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    """The rows that are not images, by what is wrong with them, as the predicate of a sentence."""
    wrong: dict[str, list[dict[str, Any]]] = {}
    for row, length in store.as_stored() if isinstance(store, LanceStore) else ():
        if reason := _unsound(row["id"], length):
            wrong.setdefault(reason, []).append(row)
    return wrong


def _unsound(id: object, length: float) -> str:
    """What is wrong with a row, or an empty text if nothing is."""
    if not is_id(id):
        return "have an id that is not a UUID"
    if not math.isfinite(length):
        return "have a vector that is not finite"
    return "have a vector whose length is not 1" if abs(length - 1) > LENGTH_WITHIN else ""


def check_thumbnails(store: Store, ids: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with the thumbnails of images."""
    if bad := list(bad_thumbnails(store, ids)):
        yield about_images("thumbnail", "have no thumbnail that can be read", bad)


def bad_thumbnails(store: Store, ids: Sequence[str]) -> Iterator[str]:
    """The ids of images whose thumbnail is missing or cannot be decoded."""
    for batch in batched(ids, BATCH):
        kept = store.thumbnails(batch)
        yield from (id for id in batch if not _is_picture(kept.get(id)))


def _is_picture(content: bytes | None) -> bool:
    try:
        return content is not None and open_picture(content) is not None
    except ImageError:
        return False
