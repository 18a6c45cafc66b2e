"""Tables that describe pictures beside them: `metadata.csv`, `.jsonl` and `.parquet` of Hugging Face's
`imagefolder`, the tables that img2dataset writes, and any CSV file with a column of file names.

`imagefolder` names a picture in the column `file_name`, or in columns such as `original_file_name`
(https://huggingface.co/docs/datasets/image_dataset). img2dataset gives each picture a `key`: the picture of
`000000042` in `00000.parquet` is `00000/000000042.jpg` (https://github.com/rom1504/img2dataset).
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.images.reading import open_file
from phosphene.sources.coco import LARGEST
from phosphene.sources.columns import described, squeezed
from phosphene.sources.encodings import text_of
from phosphene.sources.file_names import FileNames
from phosphene.sources.listings import Listing

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # that are read where a folder has them
FILE_COLUMNS = ("filename", "filenames")  # and all names that end in one of these
OTHER_FILE_COLUMNS = ("filepath", "imagepath", "imagename", "path", "image", "file")
KEY, STATUS = "key", "status"  # the columns of img2dataset: a picture's name, and how its download went
DELIMITERS = ",;\t|"
DOWNLOADED = (".jpg", ".png", ".webp")  # the formats in which img2dataset writes pictures

TableRow = Mapping[str, Any]
Reading = Iterator[TableRow | str]  # rows, and the reasons why others cannot be read


def table_listing(path: Path, folders: Sequence[Path], names: FileNames) -> Listing:
    """What a table says about the pictures in `folders`.

    Raises ImageError if the table cannot be read, or names no files.
    """
    found, empty = Listing(), True
    for row in READERS[path.suffix.lower()](path):
        if isinstance(row, str):
            found.skip(row, "row")
            continue
        columns = file_columns(tuple(row))
        if not columns:
            raise ImageError(
                f"`{path}` has no column of file names.",
                hint="name this column `file_name`; the names are relative to the table's folder",
            )
        empty = False
        about = {name: value for name, value in row.items() if name not in columns}
        for file in _files(row, columns, path):
            _take(file, about, found, folders, names)
    if empty and not found.faults:
        found.skip("it has no rows")
    return found


def _take(file: str, about: TableRow, found: Listing, folders: Sequence[Path], names: FileNames) -> None:
    if about.get("status") not in (None, "", "success"):
        reason = about.get("error_message") or about["status"]
        found.skip(f"{file} was not downloaded: {reason}", "download")
        return
    try:
        found.describe(names.meant(file, folders), described(about))
    except ValueError as error:
        found.skip(str(error), "name")


@lru_cache(maxsize=8)
def file_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a table that name the pictures beside it."""
    columns = {squeezed(name): name for name in names}
    if {KEY, STATUS} <= columns.keys():
        return (columns[KEY],)
    chosen = [name for plain, name in columns.items() if plain.endswith(FILE_COLUMNS)]
    return tuple(chosen or [columns[plain] for plain in OTHER_FILE_COLUMNS if plain in columns][:1])


def _files(row: TableRow, columns: Sequence[str], table: Path) -> Iterator[str]:
    """The names of a row's pictures."""
    for column in columns:
        value = row[column]
        for file in value if isinstance(value, list) else [value]:
            name = "" if file is None else str(file)
            yield _of_key(name, table) if squeezed(column) == KEY else name


def _of_key(key: str, table: Path) -> str:
    """The name of the picture that img2dataset has downloaded."""
    names = [f"{folder}{key}{ending}" for folder in (f"{table.stem}/", "") for ending in DOWNLOADED]
    return next((name for name in names if os.path.lexists(table.parent / name)), names[0])


def _csv(path: Path) -> Reading:
    text = _text(path)
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=header.count))
    try:
        yield from (
            {name.strip(): value for name, value in row.items() if isinstance(name, str)} for row in reader
        )
    except csv.Error as error:
        yield f"line {reader.line_num + 1:,} cannot be read, and nothing after it: {error}"


def _jsonl(path: Path) -> Reading:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield row if isinstance(row, dict) else f"line {number:,} is not a JSON object"


def _parquet(path: Path) -> Reading:
    from pyarrow.parquet import ParquetFile

    from phosphene.sources.arrow_tables import DAMAGE, damage, plain_columns

    try:
        with open_file(path) as file, ParquetFile(file) as table:
            columns = plain_columns(table.schema_arrow)
            for batch in table.iter_batches(columns=columns):
                yield from batch.to_pylist()
    except ImageError as error:
        raise ImageError(f"`{path}` cannot be read: {error.message}.") from error
    except DAMAGE as error:
        raise ImageError(f"`{path}` cannot be read: {damage(error)}.") from error


def _text(path: Path) -> str:
    try:
        return text_of(read(path, largest=LARGEST).content)
    except ImageError as error:
        raise ImageError(f"`{path}` cannot be read: {error.message}.") from error
    except (ValueError, MemoryError) as error:
        raise ImageError(f"`{path}` cannot be read: {str(error) or 'it is too large'}.") from error


READERS: Mapping[str, Callable[[Path], Reading]] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
