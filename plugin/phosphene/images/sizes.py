"""Resizing pictures, cropping them to the middle, and making thumbnails, in limited memory.

A picture may be one pixel wide and millions high. Pillow resizes in two passes. The picture between the
passes, or an enlarged picture before it is cropped, may take a thousand times the memory of source and
target. The functions here need no more memory than the pixels of the source, those of the target, and ROOM.
"""

import io
import math
from functools import cache

from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling

THUMBNAIL = 192  # pixels, the longest side
ROOM = 1 << 24  # pixels that resizing may take in addition to source and target: 64 MB in RGB
FILTER = 12  # pixels that have the size of the filter weights of a row: Lanczos needs 6 numbers of 8 bytes
GAP = 3.0  # a box filter first shrinks to 3 times the target; Pillow calls the result indistinguishable
MARGIN = 4  # a thin picture is cropped to this many times the part that is used, for the filter's borders
SMALLEST = 16  # pixels that a crop keeps at least, for the same reason

Size = tuple[int, int]  # width, height
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def resized(picture: Picture, size: Size, resample: Resampling) -> Picture:
    """The same as `picture.resize(size, resample)`, except for pictures that are too thin for that.

    A box filter shrinks a thin picture first.
    """
    gap = GAP if _is_costly(picture.size, size, _between(picture.size, size)) else None
    return picture.resize(size, resample, reducing_gap=gap)


def middle(picture: Picture, size: Size) -> Picture:
    """The picture, or the middle of a thin one, before it is enlarged to fill `size` and cropped.

    The middle contains everything that will be left after the crop, and a margin. The centre does not move.
    """
    scale = max(size[0] / picture.width, size[1] / picture.height)
    filled = (math.ceil(picture.width * scale), math.ceil(picture.height * scale))
    if not _is_costly(picture.size, size, math.prod(filled) + _between(picture.size, filled)):
        return picture
    width, height = (_kept(side, needed / scale) for side, needed in zip(picture.size, size, strict=True))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def thumbnail(picture: Picture) -> bytes:
    """The picture as a JPEG whose longest side has at most 192 pixels."""
    scale = min(1.0, THUMBNAIL / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    file = io.BytesIO()
    # 1.5: a box filter shrinks large pictures, and bicubic does the rest. That is 3 times as fast
    picture.resize(size, Resampling.BICUBIC, reducing_gap=1.5).save(file, "JPEG", quality=85)
    return file.getvalue()


@cache
def no_picture() -> bytes:
    """The thumbnail of a missing picture: a grey square."""
    return thumbnail(Image.new("RGB", (THUMBNAIL, THUMBNAIL), "grey"))


def _between(source: Size, target: Size) -> int:
    """The memory between the two passes, in pixels: all rows at the new width, and the filters."""
    return target[0] * source[1] + FILTER * max(source)


def _is_costly(source: Size, target: Size, cost: int) -> bool:
    return cost > math.prod(source) + math.prod(target) + ROOM


def _kept(side: int, seen: float) -> int:
    """How many pixels of a side are kept. An even number is cut off, so that the centre does not move."""
    kept = min(side, max(SMALLEST, math.ceil(MARGIN * seen)))
    return kept + (side - kept) % 2
