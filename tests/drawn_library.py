"""A library of drawn landscapes, on which many tests work."""

from pathlib import Path

import phosphene
from phosphene.landscape.scenes import SEEDS, write


def drawn_library(folder: Path, count: int, *, size: int = 64) -> Path:
    """Draw `count` test scenes of `size` pixels a side, and add them to a library in `folder`."""
    write(folder / "drawn", SEEDS["test"][:count], size=size, workers=1)
    with phosphene.open(folder / "library", model="landscape", create=True) as library:
        library.add(folder / "drawn")
    return folder / "library"
