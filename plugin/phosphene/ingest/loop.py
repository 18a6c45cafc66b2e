"""The local engine of an `add`: batches in flight on the cores of this machine."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

from phosphene.config import cores
from phosphene.embedding import Embedder, TakesBatches
from phosphene.errors import StoreError
from phosphene.ingest.commit import lost
from phosphene.ingest.committer import COMMIT_IMAGES, Committer
from phosphene.ingest.former_adds import compare
from phosphene.ingest.progress import Added, OnProgress
from phosphene.ingest.read_ahead import ReadAhead
from phosphene.ingest.worker import Outcome, Worker, one_core_each
from phosphene.journal import Journal
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.store import Store

BATCH = 16  # pictures in a call of an embedder that does not say how many it takes
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
        reread: bool = False,
    ) -> None:
        self.load, self.journal, self.reread = load, journal, reread
        self.committer = Committer(store, journal, tell, commit_images)
        self.lost = lost(store, journal)
        self.flight: deque[Future[list[Outcome]]] = deque()

    def over(self, items: Iterable[Item | Failure], batch: int | None = None) -> Added:
        """Add the items, `batch` of them in each forward pass, or as many as the embedder takes."""
        self.ahead = ReadAhead(items)
        try:
            changed = self._changed()
            if first := list(islice(changed, 1)):
                self._embed(chain(first, changed), batch)
            self.committer.commit()
        except BaseException as error:
            if not isinstance(error, StoreError):  # a store that has failed would fail again
                self._land_finished()
                self.committer.commit()
            raise
        self.committer.fail(self.ahead.failures)
        return self.committer.result()

    def _embed(self, changed: Iterator[Item], batch: int | None) -> None:
        """Embed items. The model is loaded only now, because a rerun over unchanged pictures needs none."""
        embedder, stop = self.load(), threading.Event()
        worker = Worker(embedder, self.journal, stop, self.lost)
        batch = batch or batch_of(embedder)
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

    def _changed(self) -> Iterator[Item]:
        """Yield the items that must be opened. Items with the same stamp as last time are only counted."""
        while items := self.ahead.take(LOOKED_UP):
            found = compare(items, self.journal, self.lost, reread=self.reread)
            self.committer.count_same(found.same)
            self.committer.take([(seen, None) for seen in found.captioned])
            yield from found.changed
            self._tick()

    def _land(self) -> None:
        """Collect the oldest batch in flight. Until it is done, read ahead in the source."""
        while not self.flight[0].done() and self.ahead.read():
            pass
        self.committer.take(self.flight[0].result())
        self.flight.popleft()
        self._tick()

    def _land_finished(self) -> None:
        """Collect the batches that are finished, without waiting for the others."""
        for future in self.flight:
            if not future.cancelled() and not future.exception():
                self.committer.take(future.result())

    def _tick(self) -> None:
        self.committer.total = self.ahead.total
        self.committer.tick()


def batch_of(embedder: Embedder) -> int:
    """How many pictures an embedder takes in one forward pass."""
    return embedder.batch_size if isinstance(embedder, TakesBatches) else BATCH
