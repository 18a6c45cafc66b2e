"""The stages as one Ray Data pipeline, and the loop that commits what comes out of it.

Ray stops listing and embedding while too much waits for the next stage, also for the commits of this process.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext, Dataset
from ray.exceptions import RayError

from phosphene.embedding import Embedder
from phosphene.errors import ClusterError, PhospheneError, StoreError, first_line
from phosphene.ingest.arrow_batches import batch_of_items, outcomes_of
from phosphene.ingest.commit import lost
from phosphene.ingest.committer import Committer
from phosphene.ingest.on_ray.actors import EmbeddingActor, JournalReader, RemoteJournal
from phosphene.ingest.on_ray.cluster import PoolSize, on_this_machine
from phosphene.ingest.on_ray.item_blocks import ItemBlock
from phosphene.ingest.progress import Added
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.sources.shards import SourceShard

BLOCK = 64  # items in a block: a killed worker repeats a few of them at most
FOREVER = {"max_restarts": -1, "max_task_retries": -1}  # a journal's reader that was killed is started again


class Stages:
    """Adds the shards of a run. The caller holds the library's lock."""

    def __init__(
        self, load: Callable[[], Embedder], committer: Committer, workers: PoolSize, reread: bool
    ) -> None:
        self.load, self.committer, self.workers, self.reread = load, committer, workers, reread

    def over(self, shards: Sequence[SourceShard], left_out: Counter[str]) -> Added:
        """Add everything, and count the files of other kinds in `left_out`.

        What has arrived is committed even if an error or Ctrl-C ends the run.
        """
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="ray")  # about its own settings, and its advice
                for table in self._arriving(shards):
                    self._take(table, left_out)
            self.committer.commit()
        except BaseException as error:
            if not isinstance(error, StoreError):  # a store that has failed would fail again
                self.committer.commit()
            if (explained := _explained(error)) is not error:
                raise explained from error
            raise
        return self.committer.result()

    def _arriving(self, shards: Sequence[SourceShard]) -> Iterator[pa.Table]:
        """Yield what comes out of the pipeline, in the order in which it is done."""
        dataset = self._dataset(shards)
        yield from dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)

    def _take(self, table: pa.Table, left_out: Counter[str]) -> None:
        for block in ItemBlock.all_of(table):
            self.committer.fail(Failure(**row) for row in block.failures.to_pylist())
            for row in block.left_out.to_pylist():
                left_out[row["ending"]] += row["count"]
            self.committer.count_same([was for was, _ in outcomes_of(block.same)])
            self.committer.take(list(outcomes_of(block.outcomes)))
            self.committer.tick()

    def _dataset(self, shards: Sequence[SourceShard]) -> Dataset:
        context = DataContext.get_current()
        context.target_max_block_size = 1  # every row is a block of its own, see `item_blocks`
        context.enable_progress_bars = False
        named = ray.data.from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
        return named.map_batches(_listed, batch_size=1, batch_format="numpy", num_cpus=0).map_batches(
            EmbeddingActor,
            fn_constructor_args=(self.load, self._journal(), self.workers.cores, self.reread),
            batch_size=1,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=self.workers.count),
            num_cpus=self.workers.cores,
            num_gpus=self.workers.gpus or None,
        )

    def _journal(self) -> RemoteJournal:
        journal = self.committer.journal
        options = {"num_cpus": 0, **FOREVER, **on_this_machine()}
        reader = ray.remote(JournalReader).options(**options)
        return RemoteJournal(reader.remote(journal.path, lost(self.committer.store, journal)), journal.folder)


def _listed(rows: Any) -> Iterator[pa.Table]:
    """The items of the shards in a batch of Ray, in blocks."""
    for shard in rows["shard"]:
        found, left_out = shard.items(), shard.options.left_out
        left_out.clear()
        while (block := list(islice(found, BLOCK))) or left_out:
            items = [one for one in block if isinstance(one, Item)]
            failures = [one for one in block if isinstance(one, Failure)]
            yield ItemBlock.of(batch_of_items(items), failures, left_out).table()
            left_out.clear()


def _explained(error: BaseException) -> BaseException:
    """The error of phosphene that a worker has raised and Ray has wrapped, or what Ray says."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PhospheneError):
        cause = getattr(cause, "cause", None) or cause.__cause__
    if cause is None and isinstance(error, RayError):
        return ClusterError(
            f"The Ray cluster cannot go on: {first_line(error)}.",
            hint="run the same command again, which goes on from there; Ray's logs are in `/tmp/ray`",
        )
    return cause or error
