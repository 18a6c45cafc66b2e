"""Decoding picture files to upright RGB pictures. The format follows from the bytes, never from the name.

A damaged file raises ImageError. It never becomes half a picture.
"""

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.Image import Image as Picture
from PIL.Image import Transpose
from PIL.TiffImagePlugin import TiffImageFile

from phosphene.errors import ImageError, UnsupportedPicture
from phosphene.images import jxl, raw, tiff
from phosphene.images.colour import to_layer, to_rgb
from phosphene.images.decoders import FORMATS, open_special, special
from phosphene.images.pieces import Pieces
from phosphene.images.png import lightened
from phosphene.images.reading import read
from phosphene.images.sizes import no_picture

LARGEST_THUMBNAIL = 2048  # pixels on the longest side of a thumbnail that another program stored
READ = "use a picture in one of these formats: jpg, png, webp, avif, gif, bmp, tif"
ORIENTATION = 0x0112  # the EXIF tag that says which side is up
# `ImageOps.exif_transpose` does the same, but writes all EXIF tags again, and raises where one is wrong.
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
ON_THE_SIDE = (5, 6, 7, 8)
# The errors that Pillow raises for damaged files. They depend on the format and on where the damage is.
DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, zlib.error)

# Pillow warns about odd metadata and large pictures. Here, pictures that are too large or damaged raise
# ImageError, and users need no other warning. The filter is set once, because all threads share it.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright RGB picture, and the full size of its file. `picture` may be smaller, see `at_least`."""

    picture: Picture
    width: int
    height: int


def open_picture(source: Path | bytes, *, at_least: int | None = None) -> Picture:
    """The picture in a file or in its bytes: upright, in 8-bit RGB, and only the first frame.

    With `at_least`, a large JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side
    keeps at least that many pixels. That is up to four times as fast. Raises ImageError that names the file
    and the reason.
    """
    try:
        if isinstance(source, bytes):
            return decode(source, at_least=at_least).picture
        with naming_file(source):
            return decode(read(source).content, at_least=at_least).picture
    except MemoryError as error:
        what = "a picture" if isinstance(source, bytes) else f"`{source}`"
        raise ImageError(f"There is not enough memory for {what}.") from error


def open_mask(path: Path) -> Picture:
    """The mask in a file: upright, in 8-bit grey, and with an alpha channel (LA) if it has transparent parts.

    Raises ImageError as `open_picture` does.
    """
    with naming_file(path):
        return decode(read(path).content, convert=to_layer).picture


def decode(
    content: bytes, *, at_least: int | None = None, convert: Callable[[Picture], Picture] = to_rgb
) -> Decoded:
    """The picture in a file's bytes, in sRGB or as `convert` makes it.

    Raises ImageError with only the reason as its message. A lack of memory raises MemoryError, since it is
    not the fault of the file.
    """
    if not content:
        raise ImageError("it is empty")
    try:
        if raw.is_raw(content) and special(content):
            picture, width, height = raw.develop(content, at_least=at_least, most=_most_pixels())
            return Decoded(convert(picture), width, height)
        return _decoded(content, at_least, convert)
    except Image.DecompressionBombError as error:
        raise UnsupportedPicture(
            f"it has more than {_most_pixels() / 1e6:.0f} million pixels",
            hint="`add --max-pixels` raises the limit",
        ) from error
    except UnidentifiedImageError as error:
        if content.startswith(tiff.STARTS) and tiff.is_whole(content):
            raise ImageError(tiff.NOT_READ, hint="save it with 8 or 16 bits for each colour") from error
        raise ImageError("there is no picture in it", hint=READ) from error
    except DAMAGE as error:
        raise ImageError("it is cut off or damaged") from error


def _decoded(content: bytes, at_least: int | None, convert: Callable[[Picture], Picture]) -> Decoded:
    with opened(content) as picture:
        width, height = picture.size
        if at_least:
            part = _reduction(width, height, at_least)
            picture.draft(None, (width // part, height // part))
        if isinstance(picture, TiffImageFile):
            tiff.make_ready(picture)
        picture.load()
        turn = _orientation(picture)
        upright = convert(picture)
    if turn in TURNS:
        upright = upright.transpose(TURNS[turn])
    return Decoded(upright, *((height, width) if turn in ON_THE_SIDE else (width, height)))


def small_picture(content: bytes | None) -> Picture:
    """The picture of a thumbnail, or a grey square if there is none, or it is damaged or too large."""
    try:
        with opened(content or no_picture()) as thumbnail:
            if max(thumbnail.size) > LARGEST_THUMBNAIL:
                raise ImageError("it is too large for a thumbnail")
        return open_picture(content or no_picture())
    except (*DAMAGE, ImageError, Image.DecompressionBombError):
        return open_picture(no_picture())


def opened(content: bytes) -> Picture:
    """Open the picture in a file's bytes with Pillow. Its size is known, and its pixels are not loaded yet.

    Texts of a PNG that are too large for Pillow are left out. A large colour profile is kept.
    """
    if kind := special(content):
        return open_special(content, kind)
    lighter, profile = lightened(content)
    picture = Image.open(Pieces(lighter), formats=FORMATS)
    if profile:
        picture.info["icc_profile"] = profile
    return picture


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Add the path to an ImageError whose message is only a reason."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"`{path}` is not a usable picture: {error.message}.", hint=error.hint) from error


def _reduction(width: int, height: int, at_least: int) -> int:
    """The divisor for the sides of a JPEG. It divides both exactly, so that the picture is not stretched."""
    for by in (8, 4, 2):
        if min(width, height) >= by * at_least and width % by == height % by == 0:
            return by
    return 1


def _most_pixels() -> int:
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow warns at this number, and refuses at twice as many


@contextmanager
def pixel_limit(most: int | None) -> Iterator[None]:
    """Decode pictures of up to `most` pixels. The limit is Pillow's own, and holds for the whole process."""
    before = Image.MAX_IMAGE_PIXELS
    try:
        if most:
            Image.MAX_IMAGE_PIXELS = -(-most // 2)
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _orientation(picture: Picture) -> int:
    if picture.format == jxl.NAME and not getattr(picture, "jpeg", False):
        return 1  # by the standard, EXIF does not turn the picture, except for a JPEG inside
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except DAMAGE:
        return 1  # the EXIF data is damaged, and the pixels may be fine
