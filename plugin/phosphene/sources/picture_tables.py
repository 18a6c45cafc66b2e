"""PictureTables with the pictures themselves in a column: parquet and Arrow files.

A row's uri is that of its file with the row's number, `file:///…/data.parquet#17`. The other columns are the
picture's captions and fields.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources.columns import described
from phosphene.sources.item import Item
from phosphene.sources.local_files import tidied
from phosphene.sources.uris import file_uri, part_uri

if TYPE_CHECKING:
    from phosphene.sources.table_rows import Rows

TABLES = (".parquet", ".arrow", ".feather")
OPEN = 4  # tables that workers read from at the same time


@dataclass(frozen=True, slots=True)
class PictureTable:
    """A file with a table, and fields that all of its pictures have."""

    path: Path
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)


class PictureTables:
    """A Source of the pictures in tables. A table that is damaged is a Failure, and the next one follows."""

    def __init__(self, tables: Iterable[PictureTable]) -> None:
        self._tables = list(dict.fromkeys(tables))
        self._opened = lru_cache(maxsize=OPEN)(_rows)

    def items(self) -> Iterator[Item | Failure]:
        """Every row in order. Whether it holds a picture shows when it is opened."""
        for table in self._tables:
            try:
                yield from self._items_of(table)
            except ImageError as error:
                yield Failure(file_uri(table.path), error.message)

    def close(self) -> None:
        """Close the tables."""
        self._opened.cache_clear()

    def _items_of(self, table: PictureTable) -> Iterator[Item | Failure]:
        stamp, changed = _stamp(table.path)
        rows, read = _rows(table.path, stamp), partial(self._picture, table.path, stamp)
        for item in items_of(rows, table.path.as_uri(), stamp, read):
            if isinstance(item, Item):
                yield replace(item, fields={**item.fields, **table.fields}, modified=changed)
            else:
                yield item

    def _picture(self, path: Path, stamp: str, row: int) -> bytes:
        if _stamp(path)[0] != stamp:
            raise ImageError(f"`{path.name}` has changed while it was read")
        return picture_of(self._opened(path, stamp), row)


def items_of(
    rows: "Rows", address: str, stamp: str, read: Callable[[int], bytes]
) -> Iterator[Item | Failure]:
    """The rows of the table with this address, whose pictures `read` reads by their numbers."""
    for row, values in rows.described():
        uri = part_uri(address, str(row))
        if isinstance(values, str):
            yield Failure(uri, values)
        else:
            about = described(values)
            yield Item(uri, partial(read, row), tidied(about.captions), about.fields, stamp)


def picture_at(path: Path, part: str) -> bytes:
    """The picture in a row of a table, by the number of the row. Raises ImageError as `picture_of` does."""
    if not part.isdecimal():
        raise ImageError(f"`{path.name}` has no row `{part}`")
    return picture_of(_kept_open(path, _stamp(path)[0]), int(part))


def picture_of(rows: "Rows", row: int) -> bytes:
    """The picture in a row. Raises ImageError with the reason if there is none."""
    from phosphene.sources.arrow_tables import DAMAGE, damage

    try:
        content = rows.picture(row)
    except DAMAGE as error:
        raise ImageError(damage(error)) from error
    if content is None:
        raise ImageError("there is no picture in this row")
    return content


def has_pictures(name: str) -> bool:
    """Whether a name is that of a table with pictures, or of one that is too damaged to tell."""
    if not name.lower().endswith(TABLES) or not os.path.isfile(name):  # noqa: PTH113
        return False
    if not name.lower().endswith(".parquet"):
        return True
    from pyarrow.parquet import read_schema

    from phosphene.sources.arrow_tables import DAMAGE, shape_of

    try:
        return bool(shape_of(read_schema(name)).picture)
    except DAMAGE:
        return True


def _rows(path: Path, stamp: str) -> "Rows":
    """The rows of a table in the state that a stamp stands for."""
    from phosphene.sources.table_rows import rows_of

    return rows_of(path)


_kept_open = lru_cache(maxsize=OPEN)(_rows)


def _stamp(path: Path) -> tuple[str, float | None]:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ImageError((getattr(error, "strerror", None) or str(error)).lower()) from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("it is not a file")
    return f"{status.st_size}-{status.st_mtime_ns}", status.st_mtime_ns / 1e9
