"""Repairing the images of a library: rows, generated pictures, added files and thumbnails.

Each step changes only what is damaged.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from phosphene import ingest
from phosphene.batches import batched
from phosphene.errors import ImageError, LibraryError
from phosphene.files import aside_in, write_whole
from phosphene.images import open_picture, thumbnail
from phosphene.ingest.commit import lost
from phosphene.journal import Journal, Seen
from phosphene.maintenance.check_files import orphans
from phosphene.maintenance.check_rows import bad_thumbnails, unsound_rows
from phosphene.maintenance.repairing import Repairing
from phosphene.records import Image
from phosphene.sources import Item, file_item, to_path
from phosphene.sources.contents import content_at
from phosphene.sources.uris import part_of
from phosphene.store import Store

BATCH = 500  # images that are written at once


def set_unsound_rows_aside(run: Repairing, store: Store, journal: Journal) -> None:
    """Move rows that cannot be used into a file. Their pictures are noted, so that they are added again."""
    bad = [row for rows in unsound_rows(store).values() for row in rows]
    if not bad:
        return
    write_whole(aside_in(run.folder) / "images.jsonl", "\n".join(map(json.dumps, bad)).encode())
    noted = journal.ids()
    unknown = [row for row in bad if row["id"] not in noted and row["uri"]]
    added = [row for row in unknown if row["uri"] != f"pictures/{row['id']}.png"]
    journal.record(Seen(row["uri"], "", row["id"], tuple(row["captions"] or ())) for row in added)
    store.delete([row["id"] for row in bad])
    run.say(f"moved {len(bad):,} rows aside that cannot be used")


def leave_one_row_each(run: Repairing, store: Store) -> None:
    """Leave one row of each image that has several."""
    counts = Counter(image.id for image in store.iterate())
    twice = [id for id, count in counts.items() if count > 1]
    if not twice:
        return
    images, small = store.get(twice, vectors=True), store.thumbnails(twice)
    store.delete(twice)
    store.upsert([replace(image, thumbnail=small.get(image.id)) for image in images])
    run.say(f"left one row each of {len(twice):,} images that had several")


def bring_generated_back(run: Repairing, store: Store, journal: Journal) -> None:
    """Add the generated pictures in the library's folder again, by their recipes."""
    paths = orphans((image.id for image in store.iterate()), journal)
    _add(run, [file_item(path) for path in paths], store, journal, "generated pictures by their recipes")
    journal.forget(path.stem for path in paths)  # they are the library's own files, not a user's


def bring_added_back(run: Repairing, store: Store, journal: Journal) -> None:
    """Add the files again that the journal knows and the store has lost."""
    gone = lost(store, journal)
    places = [(to_path(seen.uri, run.folder), seen) for seen in journal.files() if seen.id in gone]
    existing = [(path, seen) for path, seen in places if os.path.isfile(path)]  # never raises  # noqa: PTH113
    items = [_item(path, seen, run.folder) for path, seen in existing]
    _add(run, items, store, journal, "pictures that had been added")


def make_thumbnails_again(run: Repairing, store: Store) -> None:
    """Make the thumbnails that are missing or damaged from the pictures, if these are there."""
    made = 0
    for batch in batched(list(bad_thumbnails(store, [image.id for image in store.iterate()])), BATCH):
        images = store.get(batch, vectors=True)
        mended = [_with_thumbnail(image, run.folder) for image in images]
        store.upsert([image for image in mended if image.thumbnail is not None])
        made += len([image for image in mended if image.thumbnail is not None])
    if made:
        run.say(f"made {made:,} thumbnails again from their pictures")


def _add(run: Repairing, items: Sequence[Item], store: Store, journal: Journal, what: str) -> None:
    if not items:
        return
    embedder = run.embedder(store.space.name)
    if embedder.space.id != store.space.id:
        raise LibraryError(
            f"The model `{store.space.name}` is {embedder.space.id} on this machine, not {store.space.id}.",
            hint="repair the library on a machine that has its own model",
        )
    added = ingest.add_locked(
        items,
        load=lambda: embedder,
        store=store,
        journal=journal,
        on_progress=lambda progress: run.on_progress(progress.done, progress.total),
    )
    run.say(f"brought back {added.added:,} {what}")


def _item(path: Path, seen: Seen, folder: Path) -> Item:
    if part_of(seen.uri):  # without a stamp, so that the next `add` looks at it again
        return Item(seen.uri, partial(content_at, seen.uri, folder), seen.captions)
    return file_item(path, seen.captions)


def _with_thumbnail(image: Image, folder: Path) -> Image:
    """The image with a new thumbnail, or as it is if its picture cannot be read."""
    try:
        return replace(image, thumbnail=thumbnail(open_picture(content_at(image.uri, folder))))
    except ImageError:
        return image
