"""The rows of one table file: what describes them, and the picture in each.

Parquet files are read in small batches, since one group of rows may be larger than the memory. Arrow files
are mapped into memory, as Hugging Face's `datasets` does.
"""

import errno
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from phosphene.errors import ImageError
from phosphene.sources.arrow_tables import BYTES, DAMAGE, TableShape, damage, shape_of

TOGETHER = 1000  # rows whose descriptions are read at once
FEW = 16  # rows whose pictures are read at once
GROUPS = 4  # groups of rows in which workers may read at the same time
WAITING = 128 << 20  # bytes of pictures in a group that were read and that nobody has asked for yet
END = object()
ARROW_FILE = b"ARROW1"  # how the format with a footer begins; the other one is a stream

Described = Iterator[tuple[int, Mapping[str, Any] | str]]  # a row's number, and its values or what is wrong


class Rows(Protocol):
    """The rows of a table. `picture` may be called in any thread."""

    def described(self) -> Described:
        """Every row without its picture; or the first row of several that cannot be read, and the reason."""
        ...

    def picture(self, row: int) -> bytes | None:
        """The bytes of a row's picture, or None if it has none. Raises one of DAMAGE."""
        ...


def rows_of(path: Path) -> Rows:
    """The rows of a table with pictures. Raises ImageError with the reason if there are none."""
    try:
        return ParquetRows(path) if path.suffix.lower() == ".parquet" else ArrowRows(path)
    except DAMAGE as error:
        raise ImageError(damage(error)) from error


class ParquetRows:
    """The rows of a parquet file."""

    def __init__(self, source: Path | BinaryIO) -> None:
        self._file = ParquetFile(source, pre_buffer=False, buffer_size=1 << 20)
        self._shape = _shape_with_pictures(self._file.schema_arrow)
        groups = [self._file.metadata.row_group(each).num_rows for each in range(self._file.num_row_groups)]
        self._starts = [0, *accumulate(groups)]
        self._column = f"{self._shape.picture}.{BYTES}" if self._shape.is_struct else self._shape.picture
        self._lock = Lock()
        self._reading = lru_cache(maxsize=GROUPS)(self._pictures)

    def described(self) -> Described:
        """Every row. What is damaged of a group of rows is passed over."""
        for group, (start, end) in enumerate(pairwise(self._starts)):
            row = start
            try:
                for values in self._values(group):
                    yield row, self._shape.named(values)
                    row += 1
            except DAMAGE as error:
                yield row, f"the rows {row:,} to {end - 1:,} cannot be read: {damage(error)}"

    def picture(self, row: int) -> bytes | None:
        """The picture. Rows that are asked for in about their order are read once."""
        if not 0 <= row < self._starts[-1]:
            raise IndexError(f"there is no row {row}")
        group = bisect_right(self._starts, row) - 1
        index = row - self._starts[group]
        with self._lock:
            reading = self._reading(group)
            return (self._pictures(group) if reading.is_past(index) else reading).take(index)

    def _values(self, group: int) -> Iterator[dict[str, Any]]:
        columns = list(self._shape.plain)
        if not columns:
            return ({} for _ in range(self._starts[group + 1] - self._starts[group]))
        batches = self._file.iter_batches(TOGETHER, row_groups=[group], columns=columns)
        return (row for batch in batches for row in batch.to_pylist())

    def _pictures(self, group: int) -> "InOrder":
        batches = self._file.iter_batches(FEW, row_groups=[group], columns=[self._column])
        return InOrder(value for batch in batches for value in batch.column(0).to_pylist())


class InOrder:
    """Pictures that are read in order, and asked for in about the same order."""

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values
        self._next = 0
        self._size = 0
        self._waiting: dict[int, bytes | None] = {}  # read, and not asked for yet

    def is_past(self, index: int) -> bool:
        """Whether the picture of an index has been taken, or has waited for too long."""
        return index < self._next and index not in self._waiting

    def take(self, index: int) -> bytes | None:
        """The picture of an index. Raises ValueError if those before it are damaged."""
        while self._next <= index:
            value: Any = next(self._values, END)
            if value is END:
                raise ValueError("the rows before it are damaged")
            content: bytes | None = value.get(BYTES) if isinstance(value, dict) else value
            self._waiting[self._next] = content
            self._size += len(content or b"")
            self._next += 1
            while self._size > WAITING and len(self._waiting) > 1:
                self._drop(next(iter(self._waiting)))
        return self._drop(index)

    def _drop(self, index: int) -> bytes | None:
        content = self._waiting.pop(index)
        self._size -= len(content or b"")
        return content


class ArrowRows:
    """The rows of an Arrow file: of a stream, as `datasets` writes it, or of the format with a footer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map = pa.memory_map(str(path))
        self._size = self._map.size()
        self._batches = list[pa.RecordBatch]()
        self._damage = ""
        reader = self._reader()
        self._shape = _shape_with_pictures(reader.schema)
        self._read_all(reader)
        self._starts = [0, *accumulate(batch.num_rows for batch in self._batches)]

    def described(self) -> Described:
        """Every row that is whole, and at last what is wrong with the others."""
        columns = list(self._shape.plain)
        for start, batch in zip(self._starts, self._batches, strict=False):
            for first in range(0, batch.num_rows, TOGETHER):
                self._check_size()
                part = batch.select(columns).slice(first, TOGETHER)
                rows = part.to_pylist() if columns else [{}] * min(TOGETHER, batch.num_rows - first)
                yield from ((start + first + i, self._shape.named(row)) for i, row in enumerate(rows))
        if self._damage:
            yield self._starts[-1], f"no row from {self._starts[-1]:,} on can be read: {self._damage}"

    def picture(self, row: int) -> bytes | None:
        """The picture, from the file in memory."""
        if not 0 <= row < self._starts[-1]:
            raise IndexError(f"there is no row {row}")
        self._check_size()
        group = bisect_right(self._starts, row) - 1
        value = self._batches[group].column(self._shape.picture)[row - self._starts[group]].as_py()
        content: bytes | None = value.get(BYTES) if isinstance(value, dict) else value
        return content

    def _reader(self) -> Any:
        has_footer = self._map.read(len(ARROW_FILE)) == ARROW_FILE
        self._map.seek(0)
        return pa.ipc.open_file(self._map) if has_footer else pa.ipc.open_stream(self._map)

    def _read_all(self, reader: Any) -> None:
        """Find the batches. Their pictures stay on the disk until somebody asks for them."""
        has_footer = isinstance(reader, pa.RecordBatchFileReader)
        batches = map(reader.get_batch, range(reader.num_record_batches)) if has_footer else iter(reader)
        try:
            for batch in batches:
                batch.validate(full=True)  # a damaged offset would end the process
                self._batches.append(batch)
        except DAMAGE as error:
            self._damage = damage(error)

    def _check_size(self) -> None:
        """Raise OSError if the file became shorter: reading what is gone would end the process."""
        if os.stat(self._path).st_size < self._size:  # noqa: PTH116
            raise OSError(errno.EIO, "it became shorter while it was read")


def _shape_with_pictures(schema: pa.Schema) -> TableShape:
    shape = shape_of(schema)
    if not shape.picture:
        raise ImageError("it has no column of pictures")
    return shape
