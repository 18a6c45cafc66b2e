"""Pictures in and out of files: decode anything safely, make thumbnails, write PNGs with texts.

What a file holds is decided by its bytes, never by its name. Whatever it is, what comes out is
8-bit RGB, the right side up. A damaged file raises ImageError; it is never half a picture.
"""

import hashlib
import io
import os
import stat
import struct
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError
from PIL.Image import Image as Picture
from PIL.Image import Transpose

from phosphene.errors import ImageError
from phosphene.files import write_whole
from phosphene.images.sizes import THUMBNAIL, middle, no_picture, resized, thumbnail

__all__ = [
    "DAMAGE",
    "FORMATS",
    "THUMBNAIL",
    "Decoded",
    "File",
    "decode",
    "digest",
    "image_id",
    "middle",
    "no_picture",
    "open_mask",
    "open_picture",
    "png",
    "read",
    "read_texts",
    "resized",
    "save_png",
    "small_picture",
    "thumbnail",
]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
READ = "jpg, png, webp, gif, bmp and tif are read"
LARGEST_THUMBNAIL = 2048  # pixels, the longest side of one that another program put into a store
UNICODE_TEXTS = ("phosphene", "XML:com.adobe.xmp")  # keys of iTXt chunks: ours, and XMP's by its standard
DESCRIPTION, DESCRIPTION_TAG = "ImageDescription", 0x010E  # of EXIF
ORIENTATION = 0x0112  # the EXIF tag that says which side is up
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
class File:
    """A file as it was read: size in bytes and time of change as they were just before."""

    content: bytes
    size: int
    mtime_ns: int


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
    if isinstance(source, bytes):
        return decode(source, at_least=at_least).picture
    with _naming(source):
        return decode(read(source).content, at_least=at_least).picture


def open_mask(path: Path) -> Picture:
    """The mask in a file, upright: 8-bit grey, with an alpha channel (LA) where it is transparent.

    Raises ImageError, as `open_picture` does.
    """
    with _naming(path):
        return decode(read(path).content, convert=_layer).picture


def read(path: Path) -> File:
    """The bytes of a file. Raises ImageError, with only the reason as its message."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageError("not a file")
            return File(file.read(), status.st_size, status.st_mtime_ns)
    except FileNotFoundError as error:
        raise ImageError("dangling link" if path.is_symlink() else "not found") from error
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower()) from error


def decode(
    content: bytes, *, at_least: int | None = None, convert: Callable[[Picture], Picture] | None = None
) -> Decoded:
    """The picture in a file's bytes, in RGB or as `convert` makes it.

    Raises ImageError, with only the reason as its message.
    """
    if not content:
        raise ImageError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if at_least:
                part = _reduction(width, height, at_least)
                picture.draft(None, (width // part, height // part))
            picture.load()
            turn = _orientation(picture)
            upright = (convert or _rgb)(picture)
    except Image.DecompressionBombError as error:
        raise ImageError(f"more than {_most_pixels() / 1e6:.0f} million pixels") from error
    except UnidentifiedImageError as error:
        raise ImageError("no picture inside", hint=READ) from error
    except DAMAGE as error:
        raise ImageError("cut off or damaged") from error
    if turn in TURNS:
        upright = upright.transpose(TURNS[turn])
    return Decoded(upright, *((height, width) if turn in ON_THE_SIDE else (width, height)))


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(read(path).content).hexdigest()


def image_id(sha256: str) -> str:
    """The id of the image whose file has this sha256 (hex)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{sha256}"))


def small_picture(content: bytes | None) -> Picture:
    """The picture of a thumbnail; a grey square where there is none, or one that no phosphene made."""
    try:
        with Image.open(io.BytesIO(content or no_picture()), formats=FORMATS) as opened:
            if max(opened.size) > LARGEST_THUMBNAIL:
                raise ImageError("no thumbnail")
        return open_picture(content or no_picture())
    except (*DAMAGE, ImageError, Image.DecompressionBombError):
        return open_picture(no_picture())


def png(picture: Picture, texts: Mapping[str, str], exif: bytes = b"") -> bytes:
    """A PNG file with text chunks: tEXt for Latin-1, iTXt (UTF-8) for others and for UNICODE_TEXTS."""
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        if key in UNICODE_TEXTS or not _latin(text):
            chunks.add_itxt(key, text)
        else:
            chunks.add_text(key, text)
    file = io.BytesIO()
    # 4: 1 % larger than 6, in 40 % of the time
    picture.save(file, "PNG", pnginfo=chunks, exif=exif or None, compress_level=4)
    return file.getvalue()


def save_png(picture: Picture, path: Path, texts: Mapping[str, str]) -> None:
    """Write `png` to a file, whole or not at all."""
    write_whole(path, png(picture, texts))


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
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        try:
            if picture.format != "PNG":
                return {DESCRIPTION: str(picture.getexif().get(DESCRIPTION_TAG, ""))}
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


def _open_without_waiting(name: str, flags: int) -> int:
    """Open a file; a named pipe is opened too, rather than waited for, and then refused."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


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


def _rgb(picture: Picture) -> Picture:
    """Any mode as 8-bit RGB; what is transparent shows white."""
    if picture.mode.startswith("I;16"):
        return _grey(np.asarray(picture).astype(np.float32) / 257)
    if picture.mode in ("I", "F"):
        return _grey(_stretched(np.asarray(picture)))
    if picture.mode == "LAB":
        return _from_lab(picture)
    if picture.has_transparency_data:
        covered = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(covered, mask=covered.getchannel("A"))
        return white
    return picture.convert("RGB")


def _layer(picture: Picture) -> Picture:
    """A layer that was painted, in grey; its alpha channel is dropped where it is opaque everywhere."""
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            return layer.convert("LA")
    return _rgb(picture).convert("L")


def _grey(values: np.ndarray) -> Picture:
    """Values (height, width) in [0, 255] as grey RGB."""
    return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")


def _stretched(values: np.ndarray) -> np.ndarray:
    """32-bit values as [0, 255] from darkest to brightest: such files agree on no white."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    return np.asarray((finite - low) * (255 / (high - low)) if high > low else np.zeros_like(finite))


def _from_lab(picture: Picture) -> Picture:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    assert converted is not None, "only a change in place returns None"
    return converted


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
