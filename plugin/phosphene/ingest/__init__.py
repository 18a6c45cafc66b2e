"""Adding pictures: read each item of a source, embed new pictures, and store them.

    items ─► compare with the journal ─► open, hash, decode, embed ─► store ─► journal
             main thread                 one worker per core          main thread

The bytes of a file decide which image it is:
- Files with the same bytes are one image, which has the captions and the fields of all of them. A file that
  was copied or moved is not embedded again.
- A file whose bytes have changed is another image. The old image is removed if no other file has its bytes.
- A file that phosphene made is the generated image of its recipe, with its prompt and parents.
- If a file is gone, its image stays in the library. `add --prune` and `remove --missing` remove it.
- A file that is not a picture is refused, and is not opened again until its stamp changes. A file that cannot
  even be read is tried every time.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from phosphene.embedding import Embedder
from phosphene.ingest.commit import fill
from phosphene.ingest.committer import COMMIT_IMAGES
from phosphene.ingest.lock import writing
from phosphene.ingest.loop import IngestLoop
from phosphene.ingest.progress import Added, OnProgress, Progress
from phosphene.journal import Journal
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.store import Store

__all__ = ["Added", "OnProgress", "Progress", "add", "add_locked", "prepared"]


def add(
    items: Iterable[Item | Failure],
    *,
    load: Callable[[], Embedder],
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int | None = None,
    commit_images: int = COMMIT_IMAGES,
    reread: bool = False,
) -> Added:
    """Add the items of a source to a library, as described above. Adding them twice changes nothing.

    `load` gives the embedder, and is called when there is an item to open. Items are read while earlier ones
    are embedded. With `reread`, every item is opened, also if it has not changed, and its metadata are read
    again; only new pictures are embedded. An item that cannot be added is reported with its reason in the
    result, and raises nothing. If another process is adding to the same library, this one waits, and tells
    `on_progress` which process that is. Ctrl-C commits what has been embedded, and then raises
    KeyboardInterrupt. Raises StoreError if the store or the journal cannot be written. Everything that was
    committed before is kept, and the same call continues from there.
    """
    tell = on_progress or (lambda progress: None)
    with prepared(store, journal, tell):
        return add_locked(
            items,
            load=load,
            store=store,
            journal=journal,
            on_progress=tell,
            batch=batch,
            commit_images=commit_images,
            reread=reread,
        )


@contextmanager
def prepared(store: Store, journal: Journal, tell: OnProgress) -> Iterator[None]:
    """Hold the library's lock, with a journal that is intact and knows the images of the store."""
    with writing(journal.folder, lambda who: tell(Progress(0, None, note=f"waiting for {who}"))):
        if journal.problems():
            aside = journal.restart()
            note = f"the journal was damaged and is made again; the old one is in `{aside}`"
            tell(Progress(0, None, note=note))
        if not journal.ids():  # the journal was damaged or lost, or the library is a copy
            fill(store, journal)
        yield


def add_locked(
    items: Iterable[Item | Failure],
    *,
    load: Callable[[], Embedder],
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int | None = None,
    commit_images: int = COMMIT_IMAGES,
    reread: bool = False,
) -> Added:
    """Add the items. The caller holds the library's lock, see `lock`."""
    run = IngestLoop(load, store, journal, on_progress or (lambda progress: None), commit_images, reread)
    return run.over(items, batch)
