"""Parquet files with pictures in any file system of fsspec."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources.item import Item
from phosphene.sources.picture_tables import items_of, picture_of
from phosphene.sources.tar_members import Shard

if TYPE_CHECKING:
    from phosphene.sources.table_rows import Rows


class RemoteTable:
    """The pictures in one parquet file. Only the columns and groups of rows that are needed are fetched."""

    def __init__(self, file: Shard) -> None:
        self._file = file
        self._open = ExitStack()

    def items(self) -> Iterator[Item | Failure]:
        """Every row; or a failure if the file is no table with pictures."""
        try:
            yield from items_of(self._rows(), self._file.uri, self._file.stamp, self._picture)
        except ImageError as error:
            yield Failure(self._file.uri, error.message)

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    @cached_property
    def _for_pictures(self) -> "Rows":
        """The rows by way of a file of their own: a lock lets one worker after another read it."""
        return self._rows()

    def _picture(self, row: int) -> bytes:
        return picture_of(self._for_pictures, row)

    def _rows(self) -> "Rows":
        from phosphene.sources.arrow_tables import DAMAGE, damage
        from phosphene.sources.table_rows import ParquetRows

        try:
            return ParquetRows(self._open.enter_context(self._file.open()))
        except DAMAGE as error:
            raise ImageError(damage(error)) from error
