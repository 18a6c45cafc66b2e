"""The Ray engine of `add`: the stages of the local engine in many processes, on one machine or on many.

    shards ─► list, in blocks of items ─► compare, open, hash, decode, embed ─► store ─► journal
              a task for each shard       actors that hold the model            the process of the command

Ray may do the same work twice, when a process or a machine dies, and then nobody can say how far the first
try came. So workers write nothing. The process that holds the library's lock commits what arrives, each block
once, by the same `commit` as the local engine. A block that is done again is compared with the journal first.

Two writers at once would not do. Merges of LanceDB that race write a new id twice (lancedb#2463; lancedb-ray
therefore sends every key to one task), and the captions of an image follow from all of its files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phosphene.embedding import Embedder
from phosphene.extras import require
from phosphene.ingest import prepared
from phosphene.ingest.committer import COMMIT_IMAGES, Committer
from phosphene.ingest.progress import Added, OnProgress
from phosphene.journal import Journal
from phosphene.sources import ScanOptions, SourceName
from phosphene.sources.shards import shards_of
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Which cluster adds, and with how many workers.

    Without an `address`, a cluster of processes on this machine is started, and stopped at the end. `auto` is
    the cluster that runs on this machine, and anything else is the HOST:PORT of one. `workers` is the number
    of processes that hold the model: as many as the cluster has GPUs, or else cores.
    """

    address: str | None = None
    workers: int | None = None

    def add(
        self,
        names: Sequence[SourceName],
        *,
        load: Callable[[], Embedder],
        store: Store,
        journal: Journal,
        options: ScanOptions | None = None,
        reread: bool = False,
        on_progress: OnProgress | None = None,
        commit_images: int = COMMIT_IMAGES,
    ) -> Added:
        """Add the pictures of sources, as `ingest.add` does. Adding them twice changes nothing.

        `load` is called in every worker, and must be a function that another process can import. Raises
        ClusterError if there is no such cluster, or if one of its machines does not see the pictures.
        """
        require("ray")
        from phosphene.ingest.on_ray.cluster import connected
        from phosphene.ingest.on_ray.stages import Stages

        options = options or ScanOptions()
        shards = shards_of(names, options)
        tell = on_progress or (lambda progress: None)
        with prepared(store, journal, tell), connected(self.address) as cluster:
            cluster.check([name for shard in shards for name in shard.names])
            committer = Committer(store, journal, tell, commit_images)
            stages = Stages(load, committer, cluster.workers(self.workers), reread)
            return stages.over(shards, options.left_out)
