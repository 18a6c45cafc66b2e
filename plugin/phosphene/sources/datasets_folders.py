"""Folders that `save_to_disk` of Hugging Face's `datasets` writes: Arrow files, and lists of them.

A `Dataset` has a `state.json` with the names of its files. A `DatasetDict` has a `dataset_dict.json` with the
names of its splits, which are folders with a `Dataset` each (https://huggingface.co/docs/datasets/process).
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.file_names import absolute
from phosphene.sources.picture_tables import PictureTable, PictureTables
from phosphene.sources.scan_options import ScanOptions

STATE, SPLITS = "state.json", "dataset_dict.json"
LARGEST = 16 << 20  # bytes of these files


def is_datasets_folder(name: str) -> bool:
    """Whether a name is that of a folder which `datasets` has saved."""
    return _has(name, STATE, "dataset_info.json") or _has(name, SPLITS)


def open_datasets(names: Sequence[str], options: ScanOptions) -> PictureTables:
    """The pictures of all datasets. Raises ImageError if a folder does not tell its files."""
    return PictureTables(table for name in names for table in _tables(absolute(Path(name))))


def _tables(folder: Path) -> Iterator[PictureTable]:
    if not _has(str(folder), SPLITS):
        yield from _tables_of_split(folder, _listed(folder / STATE).get("_split"))
        return
    for split in _names(_listed(folder / SPLITS).get("splits"), folder / SPLITS):
        yield from _tables_of_split(folder / split, split)


def _tables_of_split(folder: Path, split: object) -> Iterator[PictureTable]:
    files = _listed(folder / STATE).get("_data_files")
    listed = files if isinstance(files, list) else []
    named = [file.get("filename") if isinstance(file, dict) else None for file in listed]
    for name in _names(named, folder / STATE):
        yield PictureTable(folder / name, {"split": split} if isinstance(split, str) else {})


def _names(value: Any, file: Path) -> list[str]:
    """Names of what lies in the same folder. A stranger may have written them."""
    names = value if isinstance(value, list) else [None]
    if not all(isinstance(name, str) and _lies_beside(name) for name in names):
        raise ImageError(f"`{file}` names files that do not lie beside it.", hint="save the dataset again")
    return [str(name) for name in names]


def _lies_beside(name: str) -> bool:
    return Path(name).name == name and name not in ("", "..") and "\0" not in name


def _has(folder: str, *files: str) -> bool:
    return all(os.path.isfile(os.path.join(folder, file)) for file in files)  # never raises  # noqa: PTH113, PTH118


def _listed(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(read(file, largest=LARGEST).content)
    except ImageError as error:
        raise ImageError(f"`{file}` cannot be read: {error.message}.") from error
    except (ValueError, RecursionError) as error:
        raise ImageError(f"`{file}` is not JSON.", hint="save the dataset again") from error
    return found if isinstance(found, dict) else {}
