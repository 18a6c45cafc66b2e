"""One run of an `add`: the batches in flight, the items that wait to be committed, and the counts."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, islice

from phosphene.config import cores
from phosphene.embedding import Embedder, TakesBatches
from phosphene.errors import StoreError
from phosphene.ingest.commit import commit, lost
from phosphene.ingest.progress import Added, OnProgress, Progress
from phosphene.ingest.read_ahead import ReadAhead
from phosphene.ingest.worker import Outcome, Worker, one_core_each
from phosphene.interrupt import uninterrupted
from phosphene.journal import Journal, Refused, Seen
from phosphene.memory import trim_memory
from phosphene.records import Failure
from phosphene.sources import Item, uri_in
from phosphene.store import Store

BATCH = 16  # pictures in a call of an embedder that does not say how many it takes
COMMIT_IMAGES = 512  # images in a commit: a few large commits are cheaper for the store than many small ones
COMMIT_SECONDS = 5.0  # seconds between commits: a kill loses no more work than that
BATCHES_PER_WORKER = 2  # batches in flight: one that a worker computes, and one that is ready for it
LOOKED_UP = 256  # items that are looked up in the journal together


class IngestLoop:
    """Adds the items of one source. It holds the library's lock."""

    def __init__(
        self,
        load: Callable[[], Embedder],
        store: Store,
        journal: Journal,
        tell: OnProgress,
        commit_images: int = COMMIT_IMAGES,
    ) -> None:
        self.load, self.store, self.journal, self.tell = load, store, journal, tell
        self.commit_images = commit_images
        self.lost = lost(store, journal)
        self.flight: deque[Future[list[Outcome]]] = deque()
        self.waiting: list[Outcome] = []
        self.failures: list[Failure] = []
        self.done = self.added = self.unchanged = 0
        self.started = self.committed = time.monotonic()

    def over(self, items: Iterable[Item | Failure], batch: int | None = None) -> Added:
        """Add the items, `batch` of them in each forward pass, or as many as the embedder takes."""
        self.ahead = ReadAhead(items)
        try:
            changed = self._changed()
            if first := list(islice(changed, 1)):
                self._embed(chain(first, changed), batch)
            self._commit()
        except BaseException as error:
            if not isinstance(error, StoreError):  # a store that has failed would fail again
                self._land_finished()
                self._commit()
            raise
        return self._result()

    def _embed(self, changed: Iterator[Item], batch: int | None) -> None:
        """Embed items. The model is loaded only now, because a rerun over unchanged pictures needs none."""
        embedder, stop = self.load(), threading.Event()
        batch = batch or (embedder.batch_size if isinstance(embedder, TakesBatches) else BATCH)
        worker = Worker(embedder, self.journal, stop, self.lost)
        with (
            one_core_each(embedder) as initializer,
            ThreadPoolExecutor(cores(), initializer=initializer) as pool,
        ):
            try:
                while group := list(islice(changed, batch)):
                    self.flight.append(pool.submit(worker, group))
                    if len(self.flight) > BATCHES_PER_WORKER * cores():
                        self._land()
                while self.flight:
                    self._land()
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _result(self) -> Added:
        folder = self.journal.folder
        self.failures += [replace(one, uri=uri_in(folder, one.uri)) for one in self.ahead.failures]
        self._report()
        failures = tuple(sorted(self.failures, key=lambda failure: failure.uri))
        return Added(self.added, self.unchanged, failures, time.monotonic() - self.started)

    def _changed(self) -> Iterator[Item]:
        """Yield the items that must be opened. Items with the same stamp as last time are only counted."""
        while items := self.ahead.take(LOOKED_UP):
            chunk = [(uri_in(self.journal.folder, item.uri), item) for item in items]
            uris = [uri for uri, _ in chunk]
            before: dict[str, Seen | Refused] = {**self.journal.refused(uris), **self.journal.known(uris)}
            for uri, item in chunk:
                was = before.get(uri)
                if was is None or self._is_lost(was) or not item.stamp or item.stamp != was.stamp:
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
        """Collect the oldest batch in flight. Until it is done, read ahead in the source."""
        while not self.flight[0].done() and self.ahead.read():
            pass
        found = self.flight[0].result()
        self.waiting += found
        self.done += len(found)
        self.flight.popleft()
        self._tick()

    def _land_finished(self) -> None:
        """Collect the batches that are finished, without waiting for the others."""
        for future in self.flight:
            if not future.cancelled() and not future.exception():
                self.waiting += future.result()

    def _tick(self) -> None:
        late = time.monotonic() - self.committed > COMMIT_SECONDS
        if late or len(self.waiting) >= self.commit_images:
            self._commit()
        self._report()

    def _commit(self) -> None:
        with uninterrupted():
            if self.waiting:
                new = commit(self.waiting, self.store, self.journal)
                refused = [one for one, _ in self.waiting if isinstance(one, Refused)]
                self.failures += [Failure(one.uri, one.reason) for one in refused]
                self.added += new
                self.unchanged += len(self.waiting) - len(refused) - new
                trim_memory()  # what the store used to merge its files
            self.waiting = []
            self.committed = time.monotonic()

    def _report(self) -> None:
        seconds = time.monotonic() - self.started
        self.tell(Progress(self.done, self.ahead.total, self.added, len(self.failures), seconds))
