"""Raw photographs of cameras, which rawpy (LibRaw) develops. It comes with the extra `raw`.

Most raw files are TIFF files. Their first picture is a small preview, which must not be taken for the
photograph: Pillow alone would.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from PIL import Image
from PIL.Image import Image as Picture
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from phosphene.errors import ImageError

NAME = "raw"
ENDINGS = (
    ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr",
)  # fmt: skip
# How the raw files begin that are no TIFF: Olympus, Panasonic, Fujifilm, and Canon's CR3, which is like MP4
STARTS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW")
TIFFS, CR2, CR3 = (b"II*\0", b"MM\0*"), b"CR", b"ftypcrx "
KIND, PHOTOMETRIC, FURTHER, DNG = 254, 262, 330, 50706  # tags of the first directory of a TIFF
SENSOR = (32803, 34892)  # values of PHOTOMETRIC: a mosaic of colours, and linear raw
PREVIEW = 1  # a bit of KIND


def is_raw(content: bytes) -> bool:
    """Whether a file is a raw photograph, by its first bytes or by the tags of a TIFF."""
    if content.startswith(STARTS) or content[4:12] == CR3:
        return True
    if not content.startswith(TIFFS):
        return False
    tags = _first_directory(content)
    is_preview = isinstance(kind := tags.get(KIND), int) and bool(kind & PREVIEW) and FURTHER in tags
    return content[8:10] == CR2 or DNG in tags or tags.get(PHOTOMETRIC) in SENSOR or is_preview


def develop(
    content: bytes, *, at_least: int | None = None, most: int | None = None
) -> tuple[Picture, int, int]:
    """The photograph, upright and in sRGB, with the white balance of the camera; its width and its height.

    With `at_least`, the picture has half the size if its shorter side then keeps at least that many pixels.
    Raises DecompressionBombError for a photograph of more than `most` pixels.
    """
    with _opened(content) as raw:
        width, height = _size(raw)
        if most and width * height > most:
            raise Image.DecompressionBombError
        is_half = at_least is not None and min(width, height) >= 2 * at_least
        with _explained():
            pixels = raw.postprocess(use_camera_wb=True, half_size=is_half)
    return Image.fromarray(pixels), width, height


def _first_directory(content: bytes) -> ImageFileDirectory_v2:
    """The tags of the first directory of a TIFF. There are none if it is damaged."""
    directory = ImageFileDirectory_v2(content[:8])
    try:
        file = io.BytesIO(content)
        file.seek(directory.next)
        directory.load(file)
    except (OSError, ValueError, SyntaxError, struct.error):
        return ImageFileDirectory_v2(content[:8])
    return directory


def _opened(content: bytes) -> Any:
    with _explained():
        return import_module("rawpy").imread(io.BytesIO(content))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the errors of LibRaw into ours."""
    rawpy: Any = import_module("rawpy")
    try:
        yield
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageError("rawpy does not read this kind of raw photograph") from error
    except rawpy.LibRawError as error:
        raise ImageError("it is cut off or damaged") from error


def _size(raw: Any) -> tuple[int, int]:
    width, height = raw.sizes.width, raw.sizes.height
    return (height, width) if raw.sizes.flip in (5, 6) else (width, height)
