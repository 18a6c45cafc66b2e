"""Kinds of TIFF files that Pillow opens and decodes wrongly. Here they are decoded correctly, or refused.

We found these kinds by trying all types of samples, byte orders and layouts with Pillow 13.0, as
tests/test_tiff.py does again.
"""

import sys
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from phosphene.errors import ImageError

# Tags
BITS, PHOTOMETRIC, PLANES, KIND, SUBSAMPLING = 258, 262, 284, 339, 530
# Their values
WHITE_IS_ZERO, YCBCR = 0, 6
SEPARATE = 2  # each colour has a plane of its own
UNSIGNED, SIGNED = 1, 2

BIG = 43  # the version of BigTIFF, whose offsets have 8 bytes
STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how files begin, with BigTIFF
NOT_READ = "phosphene does not read this kind of TIFF"
NATIVE = b"II" if sys.byteorder == "little" else b"MM"


def make_ready(picture: TiffImageFile) -> None:
    """Prepare an opened picture to be loaded correctly. Raises ImageError if that is impossible."""
    separate = picture.tag_v2.get(PLANES, 1) == SEPARATE and len(picture.getbands()) > 1
    if separate and picture.mode not in ("RGB", "RGBA", "CMYK"):
        raise ImageError(f"{NOT_READ} ({picture.mode} in separate planes)")
    if separate and _bits(picture) == 16 and not picture.use_load_libtiff:
        _load_by_libtiff(picture)
    if picture.tag_v2.get(PHOTOMETRIC) == YCBCR and not _has_all_colours(picture):
        raise ImageError(f"{NOT_READ} (YCbCr with fewer samples of colour than of brightness)")


def is_whole(content: bytes) -> bool:
    """Whether a file has its directory. Most writers put it at the end, so that the file is not cut off."""
    order: Literal["little", "big"] = "little" if content.startswith(b"II") else "big"
    wide = int.from_bytes(content[2:4], order) == BIG
    start = int.from_bytes(content[8:16] if wide else content[4:8], order)
    return start + 2 <= len(content)


def is_grey_by_value(picture: TiffImageFile) -> bool:
    """Whether `values` is needed, because Pillow does not turn the samples into 8-bit grey."""
    signed = picture.mode == "L" and _kind(picture) == SIGNED
    return signed or picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def values(picture: TiffImageFile) -> tuple[NDArray[Any], int | None]:
    """The samples of a loaded grey picture, and the value of white, or None if it is not defined."""
    bits, kind = _bits(picture), _kind(picture)
    samples = np.asarray(picture)
    if picture.mode in ("I", "F") and picture.use_load_libtiff and picture.tag_v2.prefix != NATIVE:
        samples = _swapped(samples, bits)
    if kind == UNSIGNED and bits == 32:
        samples = samples.view(np.uint32)
    if kind == SIGNED and bits == 8:
        samples = samples.view(np.int8)
    white = 2**bits - 1 if kind == UNSIGNED and bits <= 16 else None
    if picture.tag_v2.get(PHOTOMETRIC, WHITE_IS_ZERO) == WHITE_IS_ZERO:
        return (white or 0) - samples.astype(np.float64), white
    return samples, white


def _bits(picture: TiffImageFile) -> int:
    return int(picture.tag_v2.get(BITS, (1,))[0])


def _kind(picture: TiffImageFile) -> int:
    return int(picture.tag_v2.get(KIND, (UNSIGNED,))[0])


def _has_all_colours(picture: TiffImageFile) -> bool:
    """Whether each pixel has a colour of its own. libtiff makes sure of it for JPEG data in a TIFF."""
    jpeg = "jpeg" in str(picture.info.get("compression"))
    return jpeg or tuple(picture.tag_v2.get(SUBSAMPLING, (2, 2))) == (1, 1)


def _load_by_libtiff(picture: TiffImageFile) -> None:
    """Load planes with libtiff, which knows 16-bit planes. Pillow's own reader knows only bytes."""
    whole = (0, 0, *picture.size)
    picture.tile = [
        ImageFile._Tile("libtiff", whole, 0, (f"{picture.mode};16N", False, picture.tag_v2.offset))
    ]
    picture.use_load_libtiff = True


def _swapped(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Swap the bytes of samples: libtiff has put them in order, and then Pillow has swapped them again."""
    if samples.dtype.kind == "i" and bits == 16:
        return samples.astype(np.int16).byteswap()
    return samples.byteswap()
