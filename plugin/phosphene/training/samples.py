"""Sheets of sample pictures, which a training writes beside its log."""

import io
from collections.abc import Sequence

from PIL import Image as pillow
from PIL.Image import Image as Picture


def tiled(rows: Sequence[Sequence[Picture]], size: int) -> bytes:
    """A PNG of rows of pictures that have `size` pixels a side."""
    wide = max((len(row) for row in rows), default=0)
    tiled = pillow.new("RGB", (max(1, wide * size), max(1, len(rows) * size)), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            tiled.paste(picture, (across * size, down * size))
    buffer = io.BytesIO()
    tiled.save(buffer, "PNG")
    return buffer.getvalue()
