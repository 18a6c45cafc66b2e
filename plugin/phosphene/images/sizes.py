"""Other sizes of a picture: resized, cropped to the middle, as a thumbnail.

A picture may be one pixel wide and millions high. Pillow resizes in two passes, and what lies between
the passes, or the enlarged picture before it is cropped, may take a thousand times the memory of both
pictures. The functions here need no more than the pixels of the source, those of the target, and ROOM.
"""

import io
import math
from functools import cache

from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling

THUMBNAIL = 192  # pixels, the longest side
ROOM = 1 << 24  # pixels that any resizing may take beside source and target: 64 MB in RGB
FILTER = 12  # pixels' worth of filter weights per row or column: Lanczos needs 6 numbers of 8 bytes
GAP = 3.0  # beyond 3 times the target, a box filter comes first; Pillow calls that indistinguishable
MARGIN = 4  # a thin picture is cropped to so many times what is looked at, so that the filter sees on
SMALLEST = 16  # pixels that are left at least, for the same reason

Size = tuple[int, int]  # width, height


def resized(picture: Picture, size: Size, resample: Resampling) -> Picture:
    """`picture.resize(size, resample)`, bit for bit, unless the picture is too thin for that.

    A thin one is shrunk by a box filter first.
    """
    gap = GAP if _is_costly(picture.size, size, _between(picture.size, size)) else None
    return picture.resize(size, resample, reducing_gap=gap)


def middle(picture: Picture, size: Size) -> Picture:
    """The picture, or of a thin one the middle, before it is enlarged to fill `size` and then cropped.

    Whatever fills `size` afterwards is left, with a margin; the centre stays where it is.
    """
    scale = max(size[0] / picture.width, size[1] / picture.height)
    filled = (math.ceil(picture.width * scale), math.ceil(picture.height * scale))
    if not _is_costly(picture.size, size, math.prod(filled) + _between(picture.size, filled)):
        return picture
    width, height = (_kept(side, needed / scale) for side, needed in zip(picture.size, size, strict=True))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def thumbnail(picture: Picture) -> bytes:
    """A JPEG of the picture, its longest side at most 192 pixels."""
    scale = min(1.0, THUMBNAIL / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    file = io.BytesIO()
    # 1.5: a box filter halves and thirds what is far too large, bicubic does the rest, 3 times faster
    picture.resize(size, Resampling.BICUBIC, reducing_gap=1.5).save(file, "JPEG", quality=85)
    return file.getvalue()


@cache
def no_picture() -> bytes:
    """The thumbnail that stands for a picture that is not there: a grey square."""
    return thumbnail(Image.new("RGB", (THUMBNAIL, THUMBNAIL), "grey"))


def _between(source: Size, target: Size) -> int:
    """Pixels' worth of memory between the two passes: all rows at the new width, and the filters."""
    return target[0] * source[1] + FILTER * max(source)


def _is_costly(source: Size, target: Size, cost: int) -> bool:
    return cost > math.prod(source) + math.prod(target) + ROOM


def _kept(side: int, seen: float) -> int:
    """How much of a side is kept; what is cut off is even, so that the centre does not move."""
    kept = min(side, max(SMALLEST, math.ceil(MARGIN * seen)))
    return kept + (side - kept) % 2
