"""Arrays that a training keeps beside its checkpoint, so that they are computed only once."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phosphene.files import write_whole
from phosphene.training.checkpoint import DAMAGE
from phosphene.training.run import OnNote

Arrays = dict[str, NDArray[Any]]


def save_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays as one .npz, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def load_arrays(path: Path, on_note: OnNote | None = None) -> Arrays:
    """The arrays in a .npz. There are none if the file is missing or damaged; `on_note` is told of damage."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (*DAMAGE, zipfile.BadZipFile, zlib.error, struct.error, MemoryError, OverflowError) as error:
        if on_note:
            on_note(f"`{path}` is damaged ({type(error).__name__}) and is computed again.")
        return {}
