"""Adding pictures: look at each file, embed what is new, commit it, note it in the journal.

    items ─► compare with the journal ─► read, hash, decode, embed ─► store ─► journal
             main thread                 one worker per core          main thread

What becomes of a file follows from its bytes alone, and what becomes of an image from the files
that are it:
- the same bytes are the same image: a copy or a moved file is embedded once, with the captions of all;
- changed bytes are another image, and the old one leaves the library once no file is it any more;
- a file that phosphene made is the generated image that its recipe says, with its prompt and its parents;
- a file that has gone leaves its image where it is: `remove --missing` is for that;
- a file that is no picture is refused, and not tried again until its size or its time changes; one
  that cannot even be read is tried every time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.errors import StoreError
from phosphene.ingest.commit import commit, fill, lost
from phosphene.ingest.lock import writing
from phosphene.ingest.worker import Found, Worker, one_core_each
from phosphene.interrupt import uninterrupted
from phosphene.journal import Journal, Refused, Seen
from phosphene.records import Failure
from phosphene.sources import Item, to_uri
from phosphene.store import Store

BATCH = 16  # files per worker and forward pass; more is no faster on a core, and Ctrl-C waits for it
COMMIT_IMAGES = 512  # few large commits are cheap for the store,
COMMIT_SECONDS = 5.0  # and a kill costs no more than this much work
LOOK_AHEAD = 2  # batches in flight per worker: one in work, one ready


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an `add` is: files done of all, images committed and files failed so far."""

    done: int
    total: int
    added: int = 0
    failed: int = 0
    seconds: float = 0.0
    note: str = ""  # what it waits for

    @property
    def rate(self) -> float:
        """Files per second so far."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Added:
    """What an `add` did: images that are new, files whose image was there, and what was passed over."""

    added: int
    unchanged: int
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def failed(self) -> int:
        """How many files were passed over: pictures that cannot be added, and captions files that are odd."""
        return len(self.failures)

    @property
    def images_per_second(self) -> float:
        """New images per second, end to end."""
        return self.added / self.seconds if self.seconds else 0.0


OnProgress = Callable[[Progress], None]


def add(
    items: Iterable[Item],
    *,
    embedder: Embedder,
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int = BATCH,
) -> Added:
    """Add files to a library, as the module says. Adding twice changes nothing.

    Files that fail are counted with their reasons, never raised. While another process adds to the
    same library this one waits, and says for whom to `on_progress`. Ctrl-C commits what is embedded,
    then raises KeyboardInterrupt. Raises StoreError where store or journal cannot be written; what
    was committed before is kept, and the same call goes on from there.
    """
    everything = list(items)
    tell = on_progress or (lambda progress: None)
    waiting = len([item for item in everything if not item.fault])
    with writing(journal.folder, lambda who: tell(Progress(0, waiting, note=f"waiting for {who}"))):
        if journal.problems():
            aside = journal.restart()
            tell(Progress(0, waiting, note=f"the journal was damaged: it is in `{aside}`, and made again"))
        if not journal.ids():  # it was damaged or lost, or the library is a copy
            fill(store, journal)
        return add_locked(
            everything, embedder=embedder, store=store, journal=journal, on_progress=tell, batch=batch
        )


def add_locked(
    items: Iterable[Item],
    *,
    embedder: Embedder,
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int = BATCH,
) -> Added:
    """The same for the one process that is writing already, see `lock`."""
    everything = list(items)
    files = [item for item in everything if not item.fault]
    faults = [item for item in everything if item.fault]
    run = _Run(embedder, store, journal, on_progress or (lambda progress: None))
    run.failures += [Failure(to_uri(item.path, journal.folder), item.fault) for item in faults]
    return run.over(files, batch)


class _Run:
    """One run: what is in flight, what waits to be committed, and the count of it all."""

    def __init__(self, embedder: Embedder, store: Store, journal: Journal, tell: OnProgress) -> None:
        self.embedder, self.store, self.journal, self.tell = embedder, store, journal, tell
        self.lost = lost(store, journal)
        self.flight: deque[Future[list[Found]]] = deque()
        self.waiting: list[Found] = []
        self.failures: list[Failure] = []
        self.total = self.done = self.added = self.unchanged = 0
        self.started = self.committed = time.monotonic()

    def over(self, files: Sequence[Item], batch: int) -> Added:
        self.total = len(files)
        stop = threading.Event()
        worker = Worker(self.embedder, self.journal, stop, self.lost)
        with one_core_each() as initializer, ThreadPoolExecutor(cores(), initializer=initializer) as pool:
            try:
                news = self._news(files)
                while group := list(islice(news, batch)):
                    self.flight.append(pool.submit(worker, group))
                    if len(self.flight) > LOOK_AHEAD * cores():
                        self._land()
                while self.flight:
                    self._land()
                self._commit()
            except BaseException as error:
                stop.set()
                pool.shutdown(cancel_futures=True)
                if not isinstance(error, StoreError):  # a store that failed would fail again
                    self._land_finished()
                    self._commit()
                raise
        self._report()
        failures = tuple(sorted(self.failures, key=lambda failure: failure.uri))
        return Added(self.added, self.unchanged, failures, time.monotonic() - self.started)

    def _news(self, files: Sequence[Item]) -> Iterator[Item]:
        """The files that must be looked at. Files as they were before are counted, and not opened."""
        for start in range(0, len(files), COMMIT_IMAGES):
            chunk = [(to_uri(item.path, self.journal.folder), item) for item in files[start:][:COMMIT_IMAGES]]
            uris = [uri for uri, _ in chunk]
            before: dict[str, Seen | Refused] = {**self.journal.refused(uris), **self.journal.known(uris)}
            for uri, item in chunk:
                was = before.get(uri)
                if was is None or self._is_lost(was) or _stamp(item) != (was.size, was.mtime_ns):
                    yield item
                else:
                    self._count_as_before(was, item)
            self._tick()

    def _is_lost(self, was: Seen | Refused) -> bool:
        return isinstance(was, Seen) and was.id in self.lost

    def _count_as_before(self, was: Seen | Refused, item: Item) -> None:
        self.done += 1
        if isinstance(was, Refused):
            self.failures.append(Failure(was.uri, was.reason))
        elif was.captions == item.captions:
            self.unchanged += 1
        else:
            self.waiting.append((replace(was, captions=item.captions), None))

    def _land(self) -> None:
        """Take over the oldest batch in flight."""
        found = self.flight[0].result()
        self.waiting += found
        self.done += len(found)
        self.flight.popleft()
        self._tick()

    def _land_finished(self) -> None:
        """Take over what is finished, when nothing is awaited any more."""
        for future in self.flight:
            if not future.cancelled() and not future.exception():
                self.waiting += future.result()

    def _tick(self) -> None:
        late = time.monotonic() - self.committed > COMMIT_SECONDS
        if late or len(self.waiting) >= COMMIT_IMAGES:
            self._commit()
        self._report()

    def _commit(self) -> None:
        with uninterrupted():
            if self.waiting:
                new = commit(self.waiting, self.store, self.journal)
                refused = [file for file, _ in self.waiting if isinstance(file, Refused)]
                self.failures += [Failure(file.uri, file.reason) for file in refused]
                self.added += new
                self.unchanged += len(self.waiting) - len(refused) - new
            self.waiting = []
            self.committed = time.monotonic()

    def _report(self) -> None:
        seconds = time.monotonic() - self.started
        self.tell(Progress(self.done, self.total, self.added, len(self.failures), seconds))


def _stamp(item: Item) -> tuple[int, int] | None:
    """Size and time of change of a file; None where it cannot be told."""
    try:
        status = item.path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
