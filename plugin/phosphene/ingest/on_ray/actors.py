"""The actors of the Ray engine: one that answers from the journal, and those that hold the model."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from phosphene.embedding import Embedder
from phosphene.ingest.arrow_batches import batch_of_outcomes, items_of
from phosphene.ingest.former_adds import compare
from phosphene.ingest.loop import batch_of
from phosphene.ingest.on_ray.item_blocks import ItemBlock
from phosphene.ingest.worker import Outcome, Worker, one_core_each
from phosphene.journal import Journal, Refused, Seen
from phosphene.sources import Item


class JournalReader:
    """Reads the journal on the machine where it lies, for workers on all machines.

    Images that the store has lost count as not added.
    """

    def __init__(self, path: Path, lost: frozenset[str]) -> None:
        self.journal, self.lost = Journal(path, writing=False), lost

    def known(self, uris: Sequence[str]) -> dict[str, Seen]:
        """As `Journal.known`."""
        found = self.journal.known(uris)
        return {uri: seen for uri, seen in found.items() if seen.id not in self.lost}

    def refused(self, uris: Sequence[str]) -> dict[str, Refused]:
        """As `Journal.refused`."""
        return self.journal.refused(uris)

    def holds(self, id: str) -> bool:
        """As `Journal.holds`."""
        return id not in self.lost and self.journal.holds(id)


@dataclass(frozen=True, slots=True)
class RemoteJournal:
    """The journal as a worker asks for it. It is one of `FormerAdds`."""

    reader: Any  # the handle of a JournalReader
    folder: Path

    def known(self, uris: Iterable[str]) -> dict[str, Seen]:
        """The pictures with these uris that were added, by uri."""
        found: dict[str, Seen] = ray.get(self.reader.known.remote(list(uris)))
        return found

    def refused(self, uris: Iterable[str]) -> dict[str, Refused]:
        """The pictures with these uris that were refused, by uri."""
        found: dict[str, Refused] = ray.get(self.reader.refused.remote(list(uris)))
        return found

    def holds(self, id: str) -> bool:
        """Whether a picture of this image was added."""
        return bool(ray.get(self.reader.holds.remote(id)))


class EmbeddingActor:
    """A process that holds the model and embeds blocks of items on `threads` cores."""

    def __init__(
        self, load: Callable[[], Embedder], former: RemoteJournal, threads: int, reread: bool
    ) -> None:
        self._load, self._former, self._threads, self._reread = load, former, threads, reread
        self._open = ExitStack()  # as long as the process lives

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        """Replace the items of each block by what became of them."""
        for block in ItemBlock.all_of(table):
            yield self._done(block).table()

    def _done(self, block: ItemBlock) -> ItemBlock:
        found = compare(items_of(block.items), self._former, reread=self._reread)
        outcomes: list[Outcome] = [(seen, None) for seen in found.captioned]
        if found.changed:
            outcomes += self._embedded(found.changed)
        same = batch_of_outcomes([(was, None) for was in found.same])
        return block.replaced(outcomes=batch_of_outcomes(outcomes), same=same)

    def _embedded(self, items: Sequence[Item]) -> list[Outcome]:
        embedder, worker, pool = self._model
        size = batch_of(embedder)
        groups = [items[start : start + size] for start in range(0, len(items), size)]
        return list(chain.from_iterable(pool.map(worker, groups)))

    @cached_property
    def _model(self) -> tuple[Embedder, Worker, ThreadPoolExecutor]:
        """Loaded with the first item that must be opened, because a rerun over unchanged items needs none."""
        embedder = self._load()
        initializer = self._open.enter_context(one_core_each(embedder))
        pool = ThreadPoolExecutor(self._threads, initializer=initializer)
        return embedder, Worker(embedder, self._former, threading.Event()), pool
