"""Folders of numpy arrays that are written whole, and whose large arrays are mapped into memory."""

import secrets
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from phosphene.files import sync, sync_folder

PART = ".part"  # ends the name of a folder that is not whole yet
AnyArray = NDArray[Any]
Columns = dict[str, AnyArray]


def load(folder: Path, types: Mapping[str, str], mapped: Collection[str] = ()) -> Columns:
    """The arrays in a folder. Those named in `mapped` are read when they are used.

    Raises OSError, ValueError or EOFError if one is missing, cut off, or of another type.
    """
    found: Columns = {}
    for name, type in types.items():
        array = np.load(folder / f"{name}.npy", mmap_mode="r" if name in mapped else None)
        if array.dtype != np.dtype(type):
            raise ValueError(f"{name} is of the type {array.dtype}")
        found[name] = array
    return found


def save(folder: Path, types: Mapping[str, str], parts: Iterable[Columns]) -> None:
    """Write arrays into a new folder, which other processes see only when it is whole and on the disk.

    `parts` are pieces of the arrays, of which only one is in memory at a time.
    """
    folder.parent.mkdir(exist_ok=True)
    hidden = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}{PART}")
    try:
        hidden.mkdir()
        _write(hidden, types, parts)
        sync_folder(hidden)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)  # a damaged one
        hidden.rename(folder)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _write(folder: Path, types: Mapping[str, str], parts: Iterable[Columns]) -> None:
    with ExitStack() as opened:
        files = {
            name: _GrowingArray(opened.enter_context((folder / f"{name}.npy").open("xb")), np.dtype(type))
            for name, type in types.items()
        }
        for part in parts:
            for name, array in part.items():
                files[name].append(array)
        for file in files.values():
            file.finish()


class _GrowingArray:
    """A file in numpy's format whose array grows along its first axis."""

    def __init__(self, file: BinaryIO, type: np.dtype[Any]) -> None:
        self._file, self._type = file, type
        self._shape: tuple[int, ...] = (0,)

    def append(self, array: AnyArray) -> None:
        if not self._file.tell():
            self._head(array.shape)
        self._file.write(np.ascontiguousarray(array, self._type).data)
        self._shape = (self._shape[0] + len(array), *array.shape[1:])

    def finish(self) -> None:
        """Write the final shape, for which numpy leaves room, and flush the file to the disk."""
        self._file.seek(0)
        self._head(self._shape)
        self._file.flush()
        sync(self._file.fileno())

    def _head(self, shape: tuple[int, ...]) -> None:
        described = {"descr": self._type.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, described)
