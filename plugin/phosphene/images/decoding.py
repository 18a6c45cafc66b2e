"""What a picture's file holds, decided by its bytes, never by its name: an upright RGB picture.

A damaged file raises ImageError; it is never half a picture.
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

from phosphene.errors import ImageError
from phosphene.images import tiff
from phosphene.images.colour import to_layer, to_rgb
from phosphene.images.pieces import Pieces
from phosphene.images.png import lightened
from phosphene.images.reading import read
from phosphene.images.sizes import no_picture

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST_THUMBNAIL = 2048  # pixels, the longest side of one that another program put into a store
READ = "jpg, png, webp, gif, bmp and tif are read"
DESCRIPTION, DESCRIPTION_TAG = "ImageDescription", 0x010E  # of EXIF
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
# What Pillow raises for damaged files, depending on the format and on where the damage is.
DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, zlib.error)

# Pillow warns of odd metadata and of large pictures. Neither is news to a user: what is too large
# or damaged is an ImageError here. Set once, since filters are shared by all threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, upright RGB, and its full size: `picture` may be smaller where that was asked for."""

    picture: Picture
    width: int
    height: int


def open_picture(source: Path | bytes, *, at_least: int | None = None) -> Picture:
    """The picture in a file or in its bytes as 8-bit RGB, upright, the first of many frames.

    With `at_least`, a large JPEG may come at 1/2, 1/4 or 1/8 of its size, its shorter side still at
    least so many pixels: what would be thrown away is not decoded, which takes up to 4 times less.
    Raises ImageError, with the place and the reason.
    """
    try:
        if isinstance(source, bytes):
            return decode(source, at_least=at_least).picture
        with _naming(source):
            return decode(read(source).content, at_least=at_least).picture
    except MemoryError as error:
        what = "a picture" if isinstance(source, bytes) else f"`{source}`"
        raise ImageError(f"there is not enough memory for {what}") from error


def open_mask(path: Path) -> Picture:
    """The mask in a file, upright: 8-bit grey, with an alpha channel (LA) where it is transparent.

    Raises ImageError, as `open_picture` does.
    """
    with _naming(path):
        return decode(read(path).content, convert=to_layer).picture


def decode(
    content: bytes, *, at_least: int | None = None, convert: Callable[[Picture], Picture] = to_rgb
) -> Decoded:
    """The picture in a file's bytes, in sRGB or as `convert` makes it.

    Raises ImageError, with only the reason as its message.
    Where memory is too short, that is a MemoryError: it says nothing of the file.
    """
    if not content:
        raise ImageError("empty file")
    try:
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
    except Image.DecompressionBombError as error:
        raise ImageError(f"more than {_most_pixels() / 1e6:.0f} million pixels") from error
    except UnidentifiedImageError as error:
        if content.startswith(tiff.STARTS) and tiff.is_whole(content):
            raise ImageError(tiff.NOT_READ, hint="save it with 8 or 16 bits for each colour") from error
        raise ImageError("no picture inside", hint=READ) from error
    except DAMAGE as error:
        raise ImageError("cut off or damaged") from error
    if turn in TURNS:
        upright = upright.transpose(TURNS[turn])
    return Decoded(upright, *((height, width) if turn in ON_THE_SIDE else (width, height)))


def small_picture(content: bytes | None) -> Picture:
    """The picture of a thumbnail; a grey square where there is none, or one that no phosphene made."""
    try:
        with opened(content or no_picture()) as thumbnail:
            if max(thumbnail.size) > LARGEST_THUMBNAIL:
                raise ImageError("no thumbnail")
        return open_picture(content or no_picture())
    except (*DAMAGE, ImageError, Image.DecompressionBombError):
        return open_picture(no_picture())


def opened(content: bytes) -> Picture:
    """The picture in a file's bytes as Pillow opens it: its size is known, its pixels are not loaded yet.

    What Pillow finds too large beside the pixels of a PNG is left out; a profile is not.
    """
    lighter, profile = lightened(content)
    picture = Image.open(Pieces(lighter), formats=FORMATS)
    if profile:
        picture.info["icc_profile"] = profile
    return picture


def read_texts(path: Path) -> dict[str, str]:
    """The texts in a picture file: the chunks of a PNG, and of other pictures the EXIF description.

    Raises ImageError, as `open_picture` does.
    """
    with _naming(path):
        content = read(path).content
        decode(content)
        return texts_in(content)


def texts_in(content: bytes) -> dict[str, str]:
    """The texts in the bytes of a picture that `decode` takes, by their keys; its pixels are left alone."""
    with opened(content) as picture:
        try:
            if picture.format != "PNG":
                description = picture.getexif().get(DESCRIPTION_TAG)
                return {DESCRIPTION: str(description)} if description else {}
            return {key: str(text) for key, text in getattr(picture, "text", {}).items()}
        except DAMAGE:
            return {}  # of damaged texts there is nothing to read, and the pixels are fine


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Add the place to an ImageError that holds only its reason."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"`{path}` is no usable picture: {error.message}", hint=error.hint) from error


def _reduction(width: int, height: int, at_least: int) -> int:
    """By what to divide the sides of a JPEG: both without rest, or the picture would be stretched."""
    for by in (8, 4, 2):
        if min(width, height) >= by * at_least and width % by == height % by == 0:
            return by
    return 1


def _most_pixels() -> int:
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow warns at one of these, and refuses at two


def _orientation(picture: Picture) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except DAMAGE:
        return 1  # damaged EXIF says nothing about which side is up, and the pixels are fine
