"""Adding pictures: look at each item of a source, embed what is new, commit it, note it in the journal.

    items ─► compare with the journal ─► open, hash, decode, embed ─► store ─► journal
             main thread                 one worker per core          main thread

What becomes of a picture follows from the bytes of its file alone, and what becomes of an image from the
files that hold it:
- Files of the same bytes are one image. A copy or a moved file is not embedded again, and the image has
  the captions of all its files.
- A file whose bytes changed is another image. The old one leaves the library when no file holds it any more.
- A file that phosphene made is the generated image that its recipe describes, with its prompt and parents.
- A file that is gone leaves its image where it is: `remove --missing` takes it out.
- A file that is not a picture is refused, and not tried again until its stamp changes. One that cannot
  even be read is tried every time.
"""

from collections.abc import Iterable

from phosphene.embedding import Embedder
from phosphene.ingest.commit import fill
from phosphene.ingest.lock import writing
from phosphene.ingest.loop import BATCH, COMMIT_IMAGES, IngestLoop
from phosphene.ingest.progress import Added, OnProgress, Progress
from phosphene.journal import Journal
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.store import Store

__all__ = ["Added", "OnProgress", "Progress", "add", "add_locked"]


def add(
    items: Iterable[Item | Failure],
    *,
    embedder: Embedder,
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int = BATCH,
    commit_images: int = COMMIT_IMAGES,
) -> Added:
    """Add the items of a source to a library, as the module says. Adding twice changes nothing.

    The items are read while the first ones are embedded. What cannot be added is counted with its reason,
    never raised. While another process adds to the same library this one waits, and tells `on_progress`
    for whom. Ctrl-C commits what is embedded, then raises KeyboardInterrupt. Raises StoreError where the
    store or the journal cannot be written. What was committed before is kept, and the same call goes on
    from there.
    """
    tell = on_progress or (lambda progress: None)
    with writing(journal.folder, lambda who: tell(Progress(0, None, note=f"waiting for {who}"))):
        if journal.problems():
            aside = journal.restart()
            tell(Progress(0, None, note=f"the journal was damaged: it is in `{aside}`, and made again"))
        if not journal.ids():  # it was damaged or lost, or the library is a copy
            fill(store, journal)
        return add_locked(
            items,
            embedder=embedder,
            store=store,
            journal=journal,
            on_progress=tell,
            batch=batch,
            commit_images=commit_images,
        )


def add_locked(
    items: Iterable[Item | Failure],
    *,
    embedder: Embedder,
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int = BATCH,
    commit_images: int = COMMIT_IMAGES,
) -> Added:
    """Add the items in the one process that holds the library's lock, see `lock`."""
    run = IngestLoop(embedder, store, journal, on_progress or (lambda progress: None), commit_images)
    return run.over(items, batch)
