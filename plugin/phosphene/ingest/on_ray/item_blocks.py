"""What travels between the stages: blocks of items, and what became of them.

A block is one row of a Ray dataset, with its batches as Arrow's IPC streams. Ray cuts and joins blocks of
many rows by their size. If it does a task again, it skips as many blocks as have arrived from the first try,
and a try that is compared with a newer journal would be cut at other places. A row is never cut.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import pyarrow as pa

from phosphene.ingest.arrow_batches import ITEMS, OUTCOMES
from phosphene.records import Failure

FAILURES = pa.schema({"uri": pa.string(), "reason": pa.string()})
LEFT_OUT = pa.schema({"ending": pa.string(), "count": pa.int64()})


@dataclass(frozen=True, slots=True)
class ItemBlock:
    """Some items of one shard; later their outcomes, and those that are the `same` as before."""

    items: pa.RecordBatch
    failures: pa.RecordBatch  # of the source itself
    left_out: pa.RecordBatch  # files of other kinds that the source has passed since the block before
    outcomes: pa.RecordBatch
    same: pa.RecordBatch

    @classmethod
    def of(
        cls, items: pa.RecordBatch, failures: Iterable[Failure], left_out: Mapping[str, int]
    ) -> "ItemBlock":
        """The block of items, and of what else the source yielded between them."""
        failed = [{"uri": one.uri, "reason": one.reason} for one in failures]
        others = [{"ending": ending, "count": count} for ending, count in left_out.items()]
        return cls(
            items,
            failures=pa.RecordBatch.from_pylist(failed, schema=FAILURES),
            left_out=pa.RecordBatch.from_pylist(others, schema=LEFT_OUT),
            outcomes=pa.RecordBatch.from_pylist([], schema=OUTCOMES),
            same=pa.RecordBatch.from_pylist([], schema=OUTCOMES),
        )

    @classmethod
    def all_of(cls, table: pa.Table) -> Iterator[Self]:
        """The blocks in a table."""
        for row in table.to_pylist():
            yield cls(**{name: _read(stream) for name, stream in row.items()})

    def replaced(self, *, outcomes: pa.RecordBatch, same: pa.RecordBatch) -> "ItemBlock":
        """The block with outcomes in place of its items."""
        nothing = pa.RecordBatch.from_pylist([], schema=ITEMS)
        return replace(self, items=nothing, outcomes=outcomes, same=same)

    def table(self) -> pa.Table:
        """The block as a table of one row."""
        return pa.table({name: pa.array([_written(getattr(self, name))], pa.binary()) for name in NAMES})


NAMES = tuple(ItemBlock.__dataclass_fields__)


def _written(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _read(stream: bytes) -> pa.RecordBatch:
    return pa.ipc.open_stream(stream).read_next_batch()
